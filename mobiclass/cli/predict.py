"""``mobiclass predict``: classify a few photos."""

from __future__ import annotations

import sys
from typing import Final

import click

from mobiclass.cli.option_groups import GroupedCommand
from mobiclass.cli.options import (
    ModelOptions,
    check_csv_bom,
    csv_bom_option,
    format_option,
    model_options,
    prediction_options,
    verbosity_options,
)
from mobiclass.cli.output import explain, rows_to_stdout, suggest_allow_truncated
from mobiclass.cli.terminal.streams import show_native_output
from mobiclass.cli.terminal.text import safe_text

STDIN: Final = "-"
_MAX_STDIN_BYTES: Final = 512 << 20  # no photo is larger; an endless stream must not fill the memory


@click.command(cls=GroupedCommand)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(readable=False))
@model_options
@prediction_options
@format_option
@csv_bom_option
@verbosity_options
def predict(
    options: ModelOptions,
    images: tuple[str, ...],
    top_k: int,
    threshold: float,
    allow_truncated: bool,
    timing: bool,
    output_format: str | None,
    csv_bom: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Classify each IMAGE: a file, or - for one image on standard input.

    Exits with 4 if some of the images could not be classified; the others are.

    \b
    Examples:
      mobiclass predict photo.jpg
      mobiclass predict -k 1 --format csv *.jpg > labels.csv
      mobiclass predict --model ./birds.tflite --threshold 0.5 feeder.png
      rpicam-still -o - | mobiclass predict -
    """
    from mobiclass.errors import ImageError
    from mobiclass.results import result_row

    if images.count(STDIN) > 1:
        raise click.UsageError("standard input (-) can be classified only once")
    check_csv_bom(csv_bom, output_format)
    if verbose:
        show_native_output()
    classifier = options.load(quiet=quiet)
    explain(classifier, quiet=quiet, verbose=verbose)
    failures: set[str] = set()
    results = classifier.classify_many(
        (_read_stdin() if path == STDIN else path for path in images),
        top_k=top_k,
        threshold=threshold,
        allow_truncated=allow_truncated,
    )
    with rows_to_stdout(output_format, several=len(images) > 1, csv_bom=csv_bom) as write:
        for result in results:
            write(result_row(result, timing=timing))
            if result.error:
                failures.add(result.error.kind)
                if not quiet:
                    click.echo(f"mobiclass: {safe_text(result.path)}: {safe_text(result.error.reason)}", err=True)
    suggest_allow_truncated(failures, allowed=allow_truncated, quiet=quiet)
    if failures:
        click.get_current_context().exit(ImageError.exit_code)


def _read_stdin() -> bytes:
    from mobiclass.errors import SetupError

    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("- reads an image from standard input, but nothing is piped in")
    try:
        return sys.stdin.buffer.read(_MAX_STDIN_BYTES) or b""  # None where it does not block and has nothing yet
    except OSError as error:
        raise SetupError(f"standard input cannot be read ({error.strerror})") from error
