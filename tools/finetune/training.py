"""Trains a network on photos, epoch by epoch: `Trainer`.

Pretrained networks learn in two stages: first the head alone, on a frozen backbone; then, at a tenth of the rate,
the backbone's last layers too. Without pretrained weights there is one stage for all layers. The loss on the
validation photos says which epoch was the best, and when to stop. Messages and files are others' business.
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
from tools.finetune.network import NO_WEIGHTS, Stage, thaw

OnBatch: TypeAlias = "Callable[[int, int, dict[str, float]], None]"
"""Called after every batch with the epoch's number, the number of its batches and its figures so far."""

_HEAD_PART: Final = 0.4  # of the epochs, for the head alone
_TOP_RATE: Final = 0.1  # of the learning rate, once the backbone moves
_LAST_RATE: Final = 0.02  # of a stage's learning rate, at its end
_SMALLEST_SCORE: Final = 1e-7  # as Keras clips probabilities before the logarithm


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to train.

    Attributes:
        epochs: at most, over all stages.
        learning_rate: Adam's, at the beginning.
        patience: epochs without a better validation loss after which a stage ends.
        seed: of the order of photos and of what is changed in them.
        flip: whether photos may be mirrored.
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    patience: int = 8
    seed: int = 0
    flip: bool = True


class StagePlan(NamedTuple):
    """A stage, its epochs, and its learning rate at the beginning."""

    stage: Stage
    epochs: int
    learning_rate: float

    def rate(self, epoch: int) -> float:
        """Compute the learning rate of `epoch` (from 0): half a cosine down to a fiftieth."""
        return self.learning_rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + cos(pi * epoch / self.epochs)) / 2)


class Judgement(NamedTuple):
    """How a network does on photos that it has not learned from.

    Attributes:
        loss: the mean of −ln(score of the right class).
        accuracy: the part of the photos whose best class is right.
        confusion: photos by their class (row) and the class that was found (column).
    """

    loss: float
    accuracy: float
    confusion: npt.NDArray[np.int64]


def plan_stages(settings: TrainingSettings, *, weights: str) -> tuple[StagePlan, ...]:
    """Divide the epochs into stages."""
    if weights == NO_WEIGHTS:
        return (StagePlan("all", settings.epochs, settings.learning_rate),)
    head = ceil(_HEAD_PART * settings.epochs)
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
        """Prepare a run; nothing is read yet."""
        self._settings = settings
        self._stages = stages
        self._training = training
        self._validation = validation
        self._class_weights = np.array(class_weights, np.float32)
        self._checkpoint = checkpoint

    def run(self, progress: Progress, model: Any, *, resumed: bool, on_batch: OnBatch) -> Any:
        """Train `model` from `progress` to the end; returns the best network.

        Args:
            progress: is brought up to date after every epoch.
            model: the network, or, when `resumed`, the last one of the checkpoint.
            resumed: whether `model` is compiled already and in the middle of its stage.
            on_batch: is called after every batch.

        Raises:
            TrainingError: the loss is no number any more.
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

    def judge(self, model: Any) -> Judgement:
        """Judge `model` by the validation photos."""
        return judge(model, self._validation, len(self._class_weights))

    def _epoch(self, progress: Progress, plan: StagePlan, model: Any, on_batch: OnBatch) -> None:
        number = len(progress.epochs) + 1
        rate = plan.rate(progress.epoch)
        model.optimizer.learning_rate = rate
        figures: dict[str, float] = {}
        for figures in self._learn(model, number):
            on_batch(number, len(self._training), figures)
        judgement = self.judge(model)
        progress.epochs.append(
            {
                "epoch": number,
                "stage": plan.stage,
                "learning_rate": rate,
                **figures,
                "validation_loss": judgement.loss,
                "validation_accuracy": judgement.accuracy,
            }
        )
        progress.epoch += 1
        is_best = judgement.loss < progress.best_loss
        progress.waited = 0 if is_best else progress.waited + 1
        if is_best:
            progress.best_epoch, progress.best_loss = number, judgement.loss
        self._checkpoint.save(progress, model, is_best=is_best)

    def _learn(self, model: Any, number: int) -> Iterator[dict[str, float]]:
        batches = self._training.training_batches(self._settings.seed, number, flip=self._settings.flip)
        means: dict[str, float] = {}
        for count, batch in enumerate(batches, start=1):
            weights = self._class_weights[batch.labels]
            figures = model.train_on_batch(batch.inputs, batch.labels, sample_weight=weights, return_dict=True)
            if not np.isfinite(figures["loss"]):
                raise TrainingError(f"the loss is no number in epoch {number}; try a smaller --learning-rate")
            # Keras gives the figures of this batch alone; all batches are of one size.
            means = {
                name: means.get(name, 0.0) + (float(figures[name]) - means.get(name, 0.0)) / count
                for name in ("loss", "accuracy")
            }
            yield means


def judge(model: Any, photos: Photos, classes: int) -> Judgement:
    """Judge `model` by `photos`, whose classes are 0 to `classes` − 1."""
    losses, right, count = 0.0, 0, 0
    confusion = np.zeros((classes, classes), np.int64)
    for batch in photos.validation_batches():
        scores = np.asarray(model.predict_on_batch(batch.inputs), np.float64)
        found = scores.argmax(axis=1)
        own = np.clip(scores[np.arange(len(scores)), batch.labels], _SMALLEST_SCORE, 1)
        losses -= float(np.log(own).sum())
        right += int((found == batch.labels).sum())
        count += len(scores)
        np.add.at(confusion, (batch.labels, found), 1)
    return Judgement(losses / count, right / count, confusion)


def _compile(model: Any, stage: Stage) -> None:
    import keras

    thaw(model, stage)
    # Compiled by XLA, a short run would spend most of its time on being compiled.
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
