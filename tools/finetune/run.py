"""Runs a fine-tuning from a folder of photos to the files of the network: model, labels, metrics, plot.

It composes `dataset`, `network` and `training`. Options, messages and exit codes are in `command`.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mobiclass._system import atomic_write
from mobiclass.inspection import count_multiply_adds
from tools.convert import encode_lines
from tools.errors import TrainingError
from tools.finetune.batches import Photos
from tools.finetune.checkpoint import Checkpoint, Progress
from tools.finetune.dataset import TrainingPhotos, find_photos
from tools.finetune.network import NetworkSettings, build_network, count_parameters
from tools.finetune.report import draw_plot, encode_metrics
from tools.finetune.training import OnBatch, Trainer, TrainingSettings, ValidationResult, plan_stages


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings that determine the result of a run.

    Attributes:
        network: the network.
        training: how to train it.
        batch_size: photos per step.
        validation: the fraction of the photos for validation.
        truth: a table of the photos' labels; ``None`` for class folders.
    """

    network: NetworkSettings
    training: TrainingSettings
    batch_size: int = 32
    validation: float = 0.2
    truth: Path | None = None


class Outputs(NamedTuple):
    """The files of a run, all in the folder of the network."""

    model: Path
    labels: Path
    metrics: Path
    plot: Path
    checkpoint: Path

    @classmethod
    def beside(cls, model: Path) -> Outputs:
        """Name the files that belong to `model`."""
        stem = model.name.removesuffix(".keras")
        # Not NAME.json: mobiclass would read it as the settings of NAME.tflite.
        return cls(
            model,
            model.with_name("labels.txt"),
            model.with_name(f"{stem}.metrics.json"),
            model.with_name(f"{stem}.training.png"),
            model.with_name(f".{stem}.checkpoint"),
        )


class Finished(NamedTuple):
    """The result of a finished run."""

    photos: TrainingPhotos
    result: ValidationResult
    best_epoch: int
    epochs: int


def check_outputs(outputs: Outputs, *, resume: bool, overwrite: bool) -> None:
    """Reject a file name that is not a network's, and existing files that would be lost.

    Raises:
        TrainingError: there is a network or a checkpoint already, or the suffix is wrong.
    """
    if outputs.model.suffix != ".keras":
        raise TrainingError(f"{outputs.model}: the name of the network must end in .keras")
    if overwrite:
        return
    for path in (outputs.model, outputs.labels):
        if path.exists():
            raise TrainingError(f"{path}: already exists; choose another name, or use --overwrite")
    if (outputs.checkpoint / "state.json").is_file() and not resume:
        raise TrainingError(f"{outputs.checkpoint}: contains an interrupted run; use --resume or --overwrite")


def run(folder: Path, outputs: Outputs, settings: RunSettings, *, resume: bool, on_batch: OnBatch) -> Finished:
    """Fine-tune on the photos in `folder`, and write the outputs.

    Args:
        folder: contains a folder of photos for each class.
        outputs: the files to write.
        settings: the settings of the run.
        resume: continue from the checkpoint, if there is one.
        on_batch: called after every batch.

    Raises:
        SetupError: the photos, the settings, the weights or the checkpoint cannot be used.
    """
    settings.network.check()
    photos = find_photos(folder, truth=settings.truth, validation=settings.validation)
    checkpoint = Checkpoint(outputs.checkpoint, _identity(settings, photos))
    trainer = _trainer(settings, photos, checkpoint)
    progress, model = _begin(settings, photos, checkpoint, resume=resume)
    resumed = bool(progress.epochs)
    best = trainer.run(progress, model, resumed=resumed, on_batch=on_batch)
    result = trainer.validate(best)
    _write(outputs, settings, photos, progress, best, result)
    checkpoint.remove()
    return Finished(photos, result, progress.best_epoch, len(progress.epochs))


def _identity(settings: RunSettings, photos: TrainingPhotos) -> dict[str, Any]:
    network = {name: str(value) for name, value in asdict(settings.network).items()}
    return {**network, **asdict(settings.training), "batch_size": settings.batch_size, "photos": photos.digest}


def _trainer(settings: RunSettings, photos: TrainingPhotos, checkpoint: Checkpoint) -> Trainer:
    preprocessor = settings.network.preprocessor()
    return Trainer(
        settings.training,
        plan_stages(settings.training, weights=settings.network.weights),
        Photos(photos.training, preprocessor, batch_size=settings.batch_size),
        Photos(photos.validation, preprocessor, batch_size=settings.batch_size),
        photos.class_weights(),
        checkpoint,
    )


def _begin(
    settings: RunSettings, photos: TrainingPhotos, checkpoint: Checkpoint, *, resume: bool
) -> tuple[Progress, Any]:
    import keras

    if resume and checkpoint.exists():
        return checkpoint.load()
    checkpoint.remove()
    keras.utils.set_random_seed(settings.training.seed)
    return Progress(), build_network(settings.network, len(photos.labels))


def _write(
    outputs: Outputs,
    settings: RunSettings,
    photos: TrainingPhotos,
    progress: Progress,
    model: Any,
    result: ValidationResult,
) -> None:
    """Render everything first, then write, the network last: if it exists, so do the other files."""
    network = settings.network
    run = {
        "format": 1,
        "network": asdict(network),
        "training": asdict(settings.training),
        "batch_size": settings.batch_size,
        "photos": {"training": len(photos.training), "validation": len(photos.validation), "sha256": photos.digest},
        "parameters": count_parameters(model),
        "multiply_adds": count_multiply_adds(
            network.architecture,
            network.alpha,
            network.resolution,
            len(photos.labels),
            minimalistic=network.minimalistic,
        ),
    }
    title = f"{network.architecture} {network.alpha:g}, {network.resolution} pixels"
    for path, content in (
        (outputs.metrics, encode_metrics(run, photos.labels, progress.epochs, progress.best_epoch, result)),
        (outputs.plot, draw_plot(progress.epochs, progress.best_epoch, title)),
        (outputs.labels, encode_lines(photos.labels)),
        (outputs.model, _encode_network(model)),
    ):
        with atomic_write(path) as file:
            file.write(content)


def _encode_network(model: Any) -> bytes:
    """Encode the network for use: no frozen layers, no optimizer state."""
    model.trainable = True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path, include_optimizer=False)
        return path.read_bytes()
