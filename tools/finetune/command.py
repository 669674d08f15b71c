"""``python -m tools.finetune``: fine-tunes a MobileNet on your own classes.

Only the command line: options, progress, messages, exit codes. The run itself is in `tools.finetune.run`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tools.command_line import ToolCommand, require_folder_of
from tools.dependencies import require_keras
from tools.finetune.dataset import TrainingPhotos, lay_out
from tools.keras_models import ARCHITECTURES

if TYPE_CHECKING:
    from tools.finetune.run import Finished, Outputs, RunSettings

_INTERRUPTED: Final = 130


@click.command(cls=ToolCommand, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--truth", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Label table: photo,label per line, instead of class folders; paths start in DIR.")  # fmt: skip
@click.option("--arch", type=click.Choice(list(ARCHITECTURES)), default="mobilenet_v2", help="Architecture.")
@click.option("--alpha", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Width multiplier.")
@click.option("--resolution", type=click.IntRange(32, 1024), default=224, help="Input height and width.")
@click.option("--minimalistic", is_flag=True, help="V3 without squeeze-and-excite and hard-swish.")
@click.option("--weights", default="imagenet", metavar="imagenet|FILE|none", help="Initial weights.")
@click.option("--epochs", type=click.IntRange(1), default=30, help="Maximum number of epochs.")
@click.option("--batch-size", type=click.IntRange(2), default=32, help="Photos per step.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Initial learning rate.",
              show_default="0.001, or 0.003 without weights")  # fmt: skip
@click.option("--patience", type=click.IntRange(1), default=8, help="Epochs without improvement that end a stage.")
@click.option(
    "--validation", type=click.FloatRange(0.01, 0.9), default=0.2, help="Fraction of the photos for validation."
)
@click.option("--flip/--no-flip", default=True, help="Train on mirror images too; not for text or signs.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Random seed.")
@click.option("--resume", is_flag=True, help="Resume an interrupted run with the same settings.")
@click.option("--overwrite", is_flag=True, help="Replace an existing network, or discard an interrupted run.")
@click.option("--convert", "tflite", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.tflite",
              help="Also convert to int8 TFLite, calibrated on the training photos and checked.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="MODEL.keras",
              help="Output network; labels, metrics and plot are written beside it.")  # fmt: skip
def main(folder: Path, output: Path, tflite: Path | None, resume: bool, overwrite: bool, **options: Any) -> None:
    """Fine-tune a MobileNet on the photos in DIR/<class>/<image>, or on those of a table (--truth).

    With pretrained weights the head is trained first, then the last layers of the backbone too; with --weights none
    all layers are trained from scratch. Writes MODEL.keras, and beside it labels.txt, MODEL.metrics.json and
    MODEL.training.png. Ctrl-C keeps a checkpoint; --resume continues from it.

    Exit codes: 0 trained, 2 usage error, 3 the photos, the weights or a package cannot be used, 5 refused by the
    converter's check, 130 interrupted.
    """
    require_keras()
    from tools.finetune.run import Outputs, check_outputs

    for path in filter(None, (output, tflite)):
        require_folder_of(path)
    outputs = Outputs.beside(output)
    check_outputs(outputs, resume=resume, overwrite=overwrite)
    finished = _train(folder, outputs, _settings(options), resume=resume)
    click.echo(
        f"{output}: {finished.result.accuracy:.1%} of {len(finished.photos.validation)} validation photos correct, "
        f"epoch {finished.best_epoch} of {finished.epochs}",
        err=True,
    )
    if tflite is not None:
        _convert(outputs, tflite, finished.photos)


def _settings(options: dict[str, Any]) -> RunSettings:
    from tools.finetune.network import NO_WEIGHTS, NetworkSettings
    from tools.finetune.run import RunSettings
    from tools.finetune.training import TrainingSettings

    network = NetworkSettings(
        options["arch"], options["alpha"], options["resolution"], options["minimalistic"], options["weights"]
    )
    rate = options["learning_rate"] or (3e-3 if network.weights == NO_WEIGHTS else 1e-3)
    training = TrainingSettings(options["epochs"], rate, options["patience"], options["seed"], options["flip"])
    return RunSettings(network, training, options["batch_size"], options["validation"], options["truth"])


def _train(folder: Path, outputs: Outputs, settings: RunSettings, *, resume: bool) -> Finished:
    from tools.finetune.run import run

    progress = _Progress(settings.training.epochs)
    try:
        return run(folder, outputs, settings, resume=resume, on_batch=progress.show)
    except KeyboardInterrupt:
        progress.close()
        kept = (outputs.checkpoint / "state.json").is_file()
        advice = "continue with the same command and --resume" if kept else "no epoch was finished, nothing was saved"
        click.echo(f"Interrupted; {advice}", err=True)
        sys.exit(_INTERRUPTED)
    finally:
        progress.close()


class _Progress:
    """A progress bar for each epoch on standard error."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._epoch = 0
        self._bar: Any = None

    def show(self, epoch: int, batches: int, figures: dict[str, float]) -> None:
        if epoch != self._epoch:
            self.close()
            from tqdm import tqdm

            self._epoch = epoch
            name = f"epoch {epoch} of {self._epochs}"
            self._bar = tqdm(desc=name, total=batches, unit=" batches", file=sys.stderr, dynamic_ncols=True)
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
        self._bar.update()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _convert(outputs: Outputs, tflite: Path, photos: TrainingPhotos) -> None:
    """Convert with `tools.convert`, calibrated on the training photos and checked on the validation photos."""
    from tools.convert import main as convert

    with tempfile.TemporaryDirectory() as folder:
        training, validation = Path(folder, "training"), Path(folder, "validation")
        lay_out(photos.training, photos.labels, training)
        lay_out(photos.validation, photos.labels, validation)
        arguments = ("--keras", outputs.model, "--labels", outputs.labels, "--calibration", training)
        convert.main([*map(str, arguments), "--evaluate", str(validation), "-o", str(tflite)], standalone_mode=False)
