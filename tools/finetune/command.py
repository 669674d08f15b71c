"""``python -m tools.finetune``: teaches a MobileNet one's own classes.

The command line alone: options, progress, messages, exit codes. The work is `tools.finetune.run`'s.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass.cli import separate_streams
from mobiclass.errors import MobiclassError, SetupError
from tools.finetune.dataset import TrainingPhotos, lay_out
from tools.keras_models import ARCHITECTURES

if TYPE_CHECKING:
    from tools.finetune.run import Finished, Outputs, RunSettings

_INTERRUPTED: Final = 130


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--arch", type=click.Choice(list(ARCHITECTURES)), default="mobilenet_v2", help="The architecture.")
@click.option("--alpha", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Its width multiplier.")
@click.option("--resolution", type=click.IntRange(32, 1024), default=224, help="Height and width of its input.")
@click.option("--minimalistic", is_flag=True, help="V3 without squeeze-excite and hard-swish.")
@click.option("--weights", default="imagenet", metavar="imagenet|FILE|none", help="What it has learned already.")
@click.option("--epochs", type=click.IntRange(1), default=30, help="Epochs at most.")
@click.option("--batch-size", type=click.IntRange(2), default=32, help="Photos a step.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="At the beginning.",
              show_default="0.001, or 0.003 without weights")  # fmt: skip
@click.option("--patience", type=click.IntRange(1), default=8, help="Epochs without progress that end a stage.")
@click.option("--validation", type=click.FloatRange(0.01, 0.9), default=0.2, help="Part of the photos to judge by.")
@click.option("--flip/--no-flip", default=True, help="Learn from mirror images too; wrong for text and signs.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of all that is drawn at random.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of the same settings stopped.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier network, or drop an interrupted run.")
@click.option("--convert", "tflite", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.tflite",
              help="Also convert to int8, calibrated on the training photos and checked.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="MODEL.keras",
              help="Where the network goes; labels, figures and plot go beside it.")  # fmt: skip
def main(folder: Path, output: Path, tflite: Path | None, resume: bool, overwrite: bool, **options: Any) -> None:
    """Teach a MobileNet the classes that the folders of DIR stand for: DIR/<class>/<image>.

    With pretrained weights the head learns first and then the last layers of the backbone; with --weights none
    everything learns from nothing. Writes MODEL.keras, and beside it labels.txt, MODEL.metrics.json and
    MODEL.training.png. Ctrl-C keeps what has been learned; --resume goes on from there.

    Exit codes: 0 trained, 2 usage, 3 the photos, the weights or the installation will not do, 5 the converter's
    gate refused, 130 interrupted.
    """
    try:
        _finetune(folder, output, tflite, resume=resume, overwrite=overwrite, options=options)
    except MobiclassError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _finetune(
    folder: Path, output: Path, tflite: Path | None, *, resume: bool, overwrite: bool, options: dict[str, Any]
) -> None:
    try:
        from tools.dependencies import require_tensorflow
        from tools.finetune.run import Outputs, check_outputs

        require_tensorflow()
    except ModuleNotFoundError as error:
        raise SetupError(f"{error.name} is not installed: pip install '.[tools]' in the checkout") from error
    outputs = Outputs.beside(output)
    check_outputs(outputs, resume=resume, overwrite=overwrite)
    if tflite is not None and not tflite.parent.is_dir():
        raise SetupError(f"{tflite}: there is no folder {tflite.parent}; make it first")
    finished = _train(folder, outputs, _settings(options), resume=resume)
    click.echo(
        f"{output}: {finished.result.accuracy:.1%} of {len(finished.photos.validation)} validation photos right, "
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
    return RunSettings(network, training, options["batch_size"], options["validation"])


def _train(folder: Path, outputs: Outputs, settings: RunSettings, *, resume: bool) -> Finished:
    from tools.finetune.run import run

    progress = _Progress(settings.training.epochs)
    try:
        return run(folder, outputs, settings, resume=resume, on_batch=progress.show)
    except KeyboardInterrupt:
        progress.close()
        kept = (outputs.checkpoint / "state.json").is_file()
        advice = "go on with the same command and --resume" if kept else "nothing was kept: no epoch was done"
        click.echo(f"Interrupted; {advice}", err=True)
        sys.exit(_INTERRUPTED)
    finally:
        progress.close()


class _Progress:
    """A line for every epoch on standard error, and on a terminal how far the one that runs has come."""

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
    """Convert like `tools.convert.command`: calibrated on the photos that taught, judged by those that did not."""
    from tools.convert import main as convert

    with tempfile.TemporaryDirectory() as folder:
        taught, judging = Path(folder, "training"), Path(folder, "validation")
        lay_out(photos.training, photos.labels, taught)
        lay_out(photos.validation, photos.labels, judging)
        arguments = ("--keras", outputs.model, "--labels", outputs.labels, "--calibration", taught)
        convert.main([*map(str, arguments), "--evaluate", str(judging), "-o", str(tflite)], standalone_mode=False)


if __name__ == "__main__":
    separate_streams()  # what TensorFlow and the runtimes say of themselves goes nowhere
    main()
