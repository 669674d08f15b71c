"""``mobiclass predict``: classify a few photos."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import (
    ModelOptions,
    check_csv_bom,
    csv_bom_option,
    decision_options,
    format_option,
    model_options,
    prediction_options,
    verbosity_options,
)
from mobiclass.cli.output import explain, rows_to_stdout, suggest_allow_truncated
from mobiclass.cli.terminal.streams import show_native_output
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier, ImageResult

STDIN: Final = "-"
_MAX_STDIN_BYTES: Final = 512 << 20  # no photo is larger; an endless stream must not fill the memory


@click.command(cls=GroupedCommand)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(readable=False))
@decision_options
@model_options
@prediction_options
@format_option
@csv_bom_option
@option(
    "Output", "--explain", "picture", metavar="FILE.png",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    help="Also write a picture of what in the one IMAGE speaks for its best classes.",
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
    csv_bom: bool,
    picture: Path | None,
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
      mobiclass predict photo.jpg --explain why.png
      rpicam-still -o - | mobiclass predict -
    """
    from mobiclass.errors import ImageError
    from mobiclass.results import result_row

    if images.count(STDIN) > 1:
        raise click.UsageError("standard input (-) can be classified only once")
    check_csv_bom(csv_bom, output_format)
    if picture:
        _check_picture(picture, images)
    if verbose:
        show_native_output()
    classifier = options.load(quiet=quiet)
    explain(classifier, quiet=quiet, verbose=verbose)
    failures: set[str] = set()
    piped = _read_stdin() if picture and STDIN in images else None  # it is read twice, but comes once
    results = classifier.classify_many(
        ((_read_stdin() if piped is None else piped) if path == STDIN else path for path in images),
        top_k=top_k,
        threshold=threshold,
        allow_truncated=allow_truncated,
    )
    with rows_to_stdout(
        output_format, several=len(images) > 1, decides=classifier.choice.decider is not None, csv_bom=csv_bom
    ) as write:
        for result in results:
            write(result_row(result, timing=timing))
            if result.error:
                failures.add(result.error.kind)
                if not quiet:
                    click.echo(f"mobiclass: {safe_text(result.path)}: {safe_text(result.error.reason)}", err=True)
            elif picture:
                source = images[0] if piped is None else piped
                _explain_photo(classifier, source, result, picture, allow_truncated=allow_truncated, quiet=quiet)
    suggest_allow_truncated(failures, allowed=allow_truncated, quiet=quiet)
    if failures:
        click.get_current_context().exit(ImageError.exit_code)


def _check_picture(picture: Path, images: tuple[str, ...]) -> None:
    """Refuse what cannot be explained, and a file that would replace the photo itself."""
    from mobiclass.errors import SetupError
    from mobiclass.explanation import PICTURE_FORMATS

    if len(images) > 1:
        raise click.UsageError("--explain takes one IMAGE")
    if picture.suffix.lower() not in PICTURE_FORMATS:
        raise click.UsageError(f"--explain {picture}: the suffix must be one of {', '.join(PICTURE_FORMATS)}")
    if not picture.absolute().parent.is_dir():
        raise SetupError(f"{picture}: the folder {picture.parent} does not exist; create it first")
    if images[0] != STDIN and os.path.realpath(picture) == os.path.realpath(images[0]):
        raise click.UsageError("--explain and IMAGE name the same file")


def _explain_photo(
    classifier: Classifier,
    source: str | bytes,
    result: ImageResult,
    picture: Path,
    *,
    allow_truncated: bool,
    quiet: bool,
) -> None:
    from mobiclass.explanation import explain_photo

    if not result.predictions:
        if not quiet:
            click.echo("mobiclass: nothing to explain: no prediction reaches the threshold", err=True)
        return
    method = explain_photo(classifier, source, result, picture, allow_truncated=allow_truncated)
    if not quiet and method == "occlusion":
        click.echo(
            "mobiclass: this model does not end in pooling and a dense layer: parts of the photo were covered in turn "
            "to see what that costs the score",
            err=True,
        )


def _read_stdin() -> bytes:
    from mobiclass.errors import SetupError

    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("- reads an image from standard input, but nothing is piped in")
    try:
        return sys.stdin.buffer.read(_MAX_STDIN_BYTES) or b""  # None where it does not block and has nothing yet
    except OSError as error:
        raise SetupError(f"standard input cannot be read ({error.strerror})") from error
