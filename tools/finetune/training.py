"""Trains a network epoch by epoch: `Trainer`.

Pretrained networks are trained in two stages: first the head on a frozen backbone; then also the last layers of the
backbone, at a tenth of the learning rate. Without pretrained weights all layers are trained in one stage. The
validation loss selects the best epoch and decides when to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, cos, pi
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tools.errors import TrainingError
from tools.finetune.batches import Photos
from tools.finetune.checkpoint import Checkpoint, Progress
from tools.finetune.network import NO_WEIGHTS, Stage, unfreeze

OnBatch: TypeAlias = "Callable[[int, int, dict[str, float]], None]"
"""Called after every batch with the epoch, its number of batches, and its mean metrics so far."""

_HEAD_FRACTION: Final = 0.4  # of the epochs, for the head only
_TOP_RATE: Final = 0.1  # of the learning rate, once backbone layers are trained
_FINAL_RATE: Final = 0.02  # of a stage's learning rate, at its end
_SMALLEST_SCORE: Final = 1e-7  # Keras clips probabilities to this before the logarithm


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The hyperparameters.

    Attributes:
        epochs: the maximum, over all stages.
        learning_rate: Adam's initial learning rate.
        patience: a stage ends after this many epochs without a lower validation loss.
        seed: for shuffling and augmentation.
        flip: whether photos may be mirrored.
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    patience: int = 8
    seed: int = 0
    flip: bool = True


class StagePlan(NamedTuple):
    """A stage, its epochs, and its initial learning rate."""

    stage: Stage
    epochs: int
    learning_rate: float

    def rate(self, epoch: int) -> float:
        """Compute the learning rate of `epoch` (from 0): cosine decay to a fiftieth."""
        return self.learning_rate * (_FINAL_RATE + (1 - _FINAL_RATE) * (1 + cos(pi * epoch / self.epochs)) / 2)


class ValidationResult(NamedTuple):
    """The metrics of a network on validation photos.

    Attributes:
        loss: the mean cross-entropy, −ln(score of the true class).
        accuracy: top-1 accuracy, 0–1.
        confusion: the number of photos by true class (row) and predicted class (column), (classes, classes).
    """

    loss: float
    accuracy: float
    confusion: npt.NDArray[np.int64]


def plan_stages(settings: TrainingSettings, *, weights: str) -> tuple[StagePlan, ...]:
    """Divide the epochs into stages."""
    if weights == NO_WEIGHTS:
        return (StagePlan("all", settings.epochs, settings.learning_rate),)
    head = ceil(_HEAD_FRACTION * settings.epochs)
    stages = (
        StagePlan("head", head, settings.learning_rate),
        StagePlan("top", settings.epochs - head, _TOP_RATE * settings.learning_rate),
    )
    return tuple(stage for stage in stages if stage.epochs)


class Trainer:
    """One run of training."""

    def __init__(
        self,
        settings: TrainingSettings,
        stages: tuple[StagePlan, ...],
        training: Photos,
        validation: Photos,
        class_weights: list[float],
        checkpoint: Checkpoint,
    ) -> None:
        """Prepare a run without reading any photo."""
        self._settings = settings
        self._stages = stages
        self._training = training
        self._validation = validation
        self._class_weights = np.array(class_weights, np.float32)
        self._checkpoint = checkpoint

    def run(self, progress: Progress, model: Any, *, resumed: bool, on_batch: OnBatch) -> Any:
        """Train `model` from `progress` to the end, and return the best network.

        Args:
            progress: updated after every epoch.
            model: the network; if `resumed`, the last one of the checkpoint.
            resumed: whether `model` is already compiled and in the middle of its stage.
            on_batch: called after every batch.

        Raises:
            TrainingError: the loss is not finite.
        """
        while progress.stage < len(self._stages):
            plan = self._stages[progress.stage]
            if not resumed:
                if progress.best_epoch:
                    model = self._checkpoint.load_best()
                _compile(model, plan.stage)
            resumed = False
            while progress.epoch < plan.epochs and progress.waited < self._settings.patience:
                self._epoch(progress, plan, model, on_batch)
            progress.stage, progress.epoch, progress.waited = progress.stage + 1, 0, 0
        return self._checkpoint.load_best()

    def validate(self, model: Any) -> ValidationResult:
        return validate(model, self._validation, len(self._class_weights))

    def _epoch(self, progress: Progress, plan: StagePlan, model: Any, on_batch: OnBatch) -> None:
        number = len(progress.epochs) + 1
        rate = plan.rate(progress.epoch)
        model.optimizer.learning_rate = rate
        metrics: dict[str, float] = {}
        for metrics in self._train_epoch(model, number):
            on_batch(number, len(self._training), metrics)
        result = self.validate(model)
        progress.epochs.append(
            {
                "epoch": number,
                "stage": plan.stage,
                "learning_rate": rate,
                **metrics,
                "validation_loss": result.loss,
                "validation_accuracy": result.accuracy,
            }
        )
        progress.epoch += 1
        is_best = result.loss < progress.best_loss
        progress.waited = 0 if is_best else progress.waited + 1
        if is_best:
            progress.best_epoch, progress.best_loss = number, result.loss
        self._checkpoint.save(progress, model, is_best=is_best)

    def _train_epoch(self, model: Any, number: int) -> Iterator[dict[str, float]]:
        batches = self._training.training_batches(self._settings.seed, number, flip=self._settings.flip)
        means: dict[str, float] = {}
        for count, batch in enumerate(batches, start=1):
            weights = self._class_weights[batch.labels]
            metrics = model.train_on_batch(batch.inputs, batch.labels, sample_weight=weights, return_dict=True)
            if not np.isfinite(metrics["loss"]):
                raise TrainingError(f"the loss is not finite in epoch {number}; try a lower --learning-rate")
            # Keras returns the metrics of this batch only; all batches have the same size.
            means = {
                name: means.get(name, 0.0) + (float(metrics[name]) - means.get(name, 0.0)) / count
                for name in ("loss", "accuracy")
            }
            yield means


def validate(model: Any, photos: Photos, classes: int) -> ValidationResult:
    """Evaluate `model` on `photos`, whose classes are 0 to `classes` − 1."""
    losses, correct, count = 0.0, 0, 0
    confusion = np.zeros((classes, classes), np.int64)
    for batch in photos.validation_batches():
        scores = np.asarray(model.predict_on_batch(batch.inputs), np.float64)
        predicted = scores.argmax(axis=1)
        true_scores = np.clip(scores[np.arange(len(scores)), batch.labels], _SMALLEST_SCORE, 1)
        losses -= float(np.log(true_scores).sum())
        correct += int((predicted == batch.labels).sum())
        count += len(scores)
        np.add.at(confusion, (batch.labels, predicted), 1)
    return ValidationResult(losses / count, correct / count, confusion)


def _compile(model: Any, stage: Stage) -> None:
    import keras

    unfreeze(model, stage)
    # With XLA, a short run would spend most of its time compiling.
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
