"""The output of the classifying commands: results on stdout, explanations on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier
    from mobiclass.results import Row
    from mobiclass.tflite import ModelInfo


@contextmanager
def rows_to_stdout(
    output_format: str | None, *, several: bool, decides: bool, csv_bom: bool, exif: bool = False
) -> Iterator[Callable[[Row], None]]:
    """Give a function that writes a row to stdout at once, in `output_format`; with `decides`, rows have decisions.

    With `exif`, they have Exif data. The default format is a table on a terminal and JSON lines elsewhere.
    """
    from mobiclass.cli.terminal.table import TableWriter
    from mobiclass.results import CsvWriter, JsonLinesWriter, JsonWriter

    stream = sys.stdout
    array = JsonWriter(stream) if output_format == "json" else None
    if array:
        write = array.write
    elif output_format == "csv":
        write = CsvWriter(stream, decides=decides, exif=exif, for_spreadsheets=csv_bom).write
    elif output_format == "table" or (output_format is None and stream.isatty()):
        write = TableWriter(stream, with_paths=several).write
    else:
        write = JsonLinesWriter(stream).write

    def write_at_once(row: Row) -> None:
        write(row)
        stream.flush()

    stream_failed = False
    try:
        yield write_at_once
    except OSError:
        stream_failed = True
        raise
    finally:
        if array and not stream_failed:
            array.close()  # what was interrupted is JSON too


def suggest_allow_truncated(kinds: Container[str], *, allowed: bool, quiet: bool) -> None:
    """Suggest ``--allow-truncated`` where it was not given and the errors' `kinds` include a file that is cut short."""
    if "truncated" in kinds and not allowed and not quiet:
        click.echo("mobiclass: --allow-truncated decodes what there is of images that are cut short", err=True)


def explain(classifier: Classifier, *, quiet: bool, verbose: bool) -> None:
    """Say on stderr what was chosen (with -v), and what had to be guessed (unless -q)."""
    model = classifier.model
    if verbose:
        from mobiclass.cli.model_facts import facts_text, model_facts

        click.echo(facts_text(model_facts(model)), err=True)
        click.echo(
            f"runtime  {classifier.runtime.package} {classifier.runtime.version}, "
            f"{classifier.num_threads} thread{'s' if classifier.num_threads > 1 else ''}, on {classifier.device}",
            err=True,
        )
    if quiet:
        return
    if model.nearby_labels:
        from mobiclass.cli.model_facts import nearby_labels_text

        click.echo(
            f"mobiclass: {safe_text(model.name)}: {safe_text(nearby_labels_text(model.nearby_labels))}", err=True
        )
    tell_doubts(model)


def tell_doubts(model: ModelInfo) -> None:
    """Say on stderr what of `model` was not believed, and what of its normalization was guessed or may be wrong."""
    for text in (*model.notes, *_doubts(model)):
        click.echo(f"mobiclass: {safe_text(model.name)}: {safe_text(text)}", err=True)


def _doubts(model: ModelInfo) -> Iterator[str]:
    """Say what may be wrong with the normalization of `model`; what speaks for a usual one is loaded for no other."""
    preprocessing = model.preprocessing
    if model.graph_normalization or set(preprocessing.std) == {1.0}:
        from mobiclass.tflite import normalization_doubt

        if doubt := normalization_doubt(model):
            yield doubt
    if {"default", "weights of the first layer"} & {preprocessing.sources["mean"], preprocessing.sources["std"]}:
        from mobiclass.cli.model_facts import guess_text

        if guess := guess_text(model):
            yield guess
