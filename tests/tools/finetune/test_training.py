"""The plan of stages, the decay of the learning rate, and what validation computes; training runs with the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobiclass.tflite.info import Preprocessing
from tests.support.textures import write_textures
from tools.finetune.batches import Photos
from tools.finetune.dataset import find_photos
from tools.finetune.training import StagePlan, TrainingSettings, plan_stages, validate
from tools.quantization.calibration import float_preprocessor


def test_pretrained_networks_are_trained_in_two_stages() -> None:
    head, top = plan_stages(TrainingSettings(epochs=30, learning_rate=1e-3), weights="imagenet")
    assert (head.stage, head.epochs, head.learning_rate) == ("head", 12, 1e-3)
    assert (top.stage, top.epochs, top.learning_rate) == ("top", 18, pytest.approx(1e-4))
    (only,) = plan_stages(TrainingSettings(epochs=1), weights="imagenet")
    assert (only.stage, only.epochs) == ("head", 1)


def test_without_weights_all_layers_are_trained_at_once() -> None:
    (stage,) = plan_stages(TrainingSettings(epochs=30), weights="none")
    assert (stage.stage, stage.epochs) == ("all", 30)


def test_the_learning_rate_falls_to_a_fiftieth() -> None:
    rates = [StagePlan("all", 10, 1.0).rate(epoch) for epoch in range(11)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[5], rates[10]) == (1.0, pytest.approx(0.51), pytest.approx(0.02))


class _ConstantNetwork:
    """Gives every photo the same scores."""

    def predict_on_batch(self, inputs: Any) -> Any:
        return np.tile([0.5, 0.25, 0.25], (len(inputs), 1))


def test_loss_accuracy_and_confusion_are_of_all_photos(tmp_path: Path) -> None:
    found = find_photos(write_textures(tmp_path, photos=10, side=16))
    preprocessor = float_preprocessor(16, 16, Preprocessing((127.5,) * 3, (127.5,) * 3))
    result = validate(_ConstantNetwork(), Photos(found.training, preprocessor, batch_size=7), 3)
    counts = np.bincount([photo.label for photo in found.training])
    assert result.confusion.tolist() == [[count, 0, 0] for count in counts]
    assert result.accuracy == pytest.approx(counts[0] / counts.sum())
    expected = -(counts[0] * np.log(0.5) + counts[1:].sum() * np.log(0.25)) / counts.sum()
    assert result.loss == pytest.approx(expected)
