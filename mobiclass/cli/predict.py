"""``mobiclass predict``: name what is on a few photos."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Final

import click

from mobiclass.cli.options import ModelOptions, model_options, prediction_options, verbosity_options
from mobiclass.cli.streams import show_native_output
from mobiclass.cli.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier
    from mobiclass.results import ResultWriter

STDIN: Final = "-"
_MAX_STDIN_BYTES: Final = 512 << 20  # no photo is larger; an endless stream must not fill the memory


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path())
@model_options
@prediction_options
@click.option(
    "--format", "output_format", type=click.Choice(("table", "json", "jsonl", "csv")),
    help="Of the results on stdout.  [default: table on a terminal, else jsonl]",
)  # fmt: skip
@verbosity_options
def predict(
    options: ModelOptions,
    images: tuple[str, ...],
    top_k: int,
    threshold: float,
    allow_truncated: bool,
    timing: bool,
    output_format: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    r"""Name what is on each IMAGE: a file, or - for one image on standard input.

    Exits with 4 if some of the images could not be classified; the others are.

    \b
    Examples:
      mobiclass predict photo.jpg
      mobiclass predict -k 1 --format csv *.jpg > labels.csv
      mobiclass predict --model ./birds.tflite --threshold 0.5 feeder.png
      rpicam-still -o - | mobiclass predict -
    """
    from mobiclass.errors import ImageError

    if images.count(STDIN) > 1:
        raise click.UsageError("standard input (-) can be classified only once")
    if verbose:
        show_native_output()
    classifier = options.load()
    _explain(classifier, quiet=quiet, verbose=verbose)
    writer = _writer(
        output_format or ("table" if sys.stdout.isatty() else "jsonl"), classifier, len(images) > 1, timing
    )
    failed = 0
    for path in images:
        image = _read_stdin() if path == STDIN else path
        result = classifier.result(path, image, top_k=top_k, threshold=threshold, allow_truncated=allow_truncated)
        writer.write(result)
        sys.stdout.flush()
        if result.error:
            failed += 1
            if not quiet:
                click.echo(f"mobiclass: {safe_text(path)}: {safe_text(result.error.reason)}", err=True)
    writer.close()
    if failed:
        click.get_current_context().exit(ImageError.exit_code)


def _writer(output_format: str, classifier: Classifier, several: bool, timing: bool) -> ResultWriter:
    from mobiclass.cli.table import TableWriter
    from mobiclass.results import CsvWriter, JsonLinesWriter, JsonWriter, result_row

    row = functools.partial(result_row, model=classifier.model.name, timing=timing)
    match output_format:
        case "table":
            return TableWriter(sys.stdout, with_paths=several, timing=timing)
        case "csv":
            return CsvWriter(sys.stdout)
        case "json":
            return JsonWriter(sys.stdout, row)
        case _:
            return JsonLinesWriter(sys.stdout, row)


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("- reads an image from standard input, and none is piped in")
    return sys.stdin.buffer.read(_MAX_STDIN_BYTES)


def _explain(classifier: Classifier, *, quiet: bool, verbose: bool) -> None:
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
