"""What the classifying commands print: results in a format on stdout, explanations on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click

from mobiclass.cli.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier
    from mobiclass.results import RowWriter


def row_writer(output_format: str | None, stream: TextIO, *, several: bool) -> RowWriter:
    """Make the writer for `output_format`: by default a table on a terminal and JSON lines elsewhere."""
    from mobiclass.cli.table import TableWriter
    from mobiclass.results import CsvWriter, JsonLinesWriter, JsonWriter

    match output_format or ("table" if stream.isatty() else "jsonl"):
        case "table":
            return TableWriter(stream, with_paths=several)
        case "csv":
            return CsvWriter(stream)
        case "json":
            return JsonWriter(stream)
        case _:
            return JsonLinesWriter(stream)


def explain(classifier: Classifier, *, quiet: bool, verbose: bool) -> None:
    """Say on stderr what was chosen (with -v), and what was guessed or stood in (unless -q)."""
    from mobiclass.cli.description import facts_text, model_facts

    model = classifier.model
    if verbose:
        click.echo(facts_text(model_facts(model)), err=True)
        click.echo(
            f"runtime  {classifier.runtime.package} {classifier.runtime.version}, "
            f"{classifier.num_threads} thread{'s' if classifier.num_threads > 1 else ''}, on {classifier.device}",
            err=True,
        )
    if quiet:
        return
    if classifier.fallback:
        click.echo(f"mobiclass: using {safe_text(str(model.path))} on the CPU: {classifier.fallback}", err=True)
    if model.preprocessing.sources["mean"] == "default":
        click.echo(
            f"mobiclass: {safe_text(model.name)} does not say how its input is normalized; "
            "taking (pixel - 127.5) / 127.5. If that is wrong, give --mean and --std",
            err=True,
        )
