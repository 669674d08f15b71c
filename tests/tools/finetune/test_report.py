"""The files beside a network: metrics by class as JSON, and a plot that is a picture."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tools.finetune.report import draw_plot, encode_metrics
from tools.finetune.training import ValidationResult

EPOCHS: list[dict[str, Any]] = [
    {"epoch": 1, "stage": "head", "loss": 2.0, "accuracy": 0.4, "validation_loss": 1.5, "validation_accuracy": 0.5},
    {"epoch": 2, "stage": "top", "loss": 1.0, "accuracy": 0.8, "validation_loss": 0.5, "validation_accuracy": 0.75},
]


def test_accuracy_is_given_by_class() -> None:
    result = ValidationResult(0.5, 0.75, np.array([[3, 1], [1, 3]]))
    content = json.loads(encode_metrics({"format": 1}, ["a", "b"], EPOCHS, 2, result))
    assert content["classes"] == [{"name": name, "photos": 4, "accuracy": 0.75} for name in ("a", "b")]
    assert (content["format"], content["best_epoch"], content["confusion"]) == (1, 2, [[3, 1], [1, 3]])
    assert content["epochs"] == EPOCHS


def test_the_plot_is_a_picture_and_the_same_every_time() -> None:
    pytest.importorskip("matplotlib", reason="NOT TESTED: matplotlib is not installed")
    plot = draw_plot(EPOCHS, 2, "a title")
    with Image.open(io.BytesIO(plot)) as image:
        assert (image.format, image.width > image.height) == ("PNG", True)
    assert plot == draw_plot(EPOCHS, 2, "a title")
