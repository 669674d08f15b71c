"""Normalization is found in the graph or by the architecture, and never guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import require_keras, tiny_classifier
from tools.errors import NormalizationError

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


def _find(model: Any, match: Any = None) -> Any:
    from tools.keras_models.normalization import find_normalization

    return find_normalization(model, match, "model.keras")


@pytest.mark.parametrize(
    ("scale", "offset", "std"),
    [(1 / 127.5, -1, 1.0), (1 / 255, 0, 1.0), (2, -1, 255.0), ([1 / 58, 1 / 57, 1 / 57], [-2.1, -2, -1.8], 1.0)],
)
def test_rescaling_says_what_it_takes(scale: Any, offset: Any, std: float) -> None:
    keras = require_keras()
    found = _find(tiny_classifier(front=(keras.layers.Rescaling(scale, offset),)))
    assert (found.mean, found.std) == ((0.0,) * 3, (std,) * 3)
    assert found.source == "the Rescaling of its graph"


def test_a_normalization_layer_says_it_too() -> None:
    keras = require_keras()
    layer = keras.layers.Normalization(mean=[123.0, 116.0, 103.0], variance=[3400.0, 3300.0, 3300.0])
    assert _find(tiny_classifier(front=(layer,))).std == (1.0,) * 3


def test_augmentation_before_it_does_not_matter() -> None:
    keras = require_keras()
    front = (keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255))
    assert _find(tiny_classifier(front=front)).std == (1.0,) * 3


@pytest.mark.parametrize("nested", [False, True])
def test_plain_arithmetic_is_seen(nested: bool) -> None:
    keras = require_keras()
    from mobiclass.inspection.architectures import BackboneMatch

    base = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, include_top=False)
    image = keras.Input((32, 32, 3))
    features = base(image / 127.5 - 1.0)
    model = keras.Model(image, keras.layers.Dense(4)(keras.layers.Flatten()(features)))
    if nested:
        outer = keras.Input((32, 32, 3))
        model = keras.Model(outer, keras.layers.Softmax()(model(outer)))
    assert _find(model, BackboneMatch("mobilenet_v2", 0.35, False)).std == (1.0,) * 3


def test_a_known_architecture_decides() -> None:
    from mobiclass.inspection.architectures import BackboneMatch

    found = _find(tiny_classifier(), BackboneMatch("mobilenet_v1", 0.25, False))
    assert (found.mean, found.std, found.source) == ((127.5,) * 3, (127.5,) * 3, "preprocess_input of mobilenet_v1")


def test_where_nothing_decides_it_asks() -> None:
    keras = require_keras()
    with pytest.raises(NormalizationError, match="--mean and --std"):
        _find(tiny_classifier())
    with pytest.raises(NormalizationError, match="--mean and --std"):
        _find(tiny_classifier(front=(keras.layers.Rescaling(100.0),)))


def test_the_sweep_finds_what_a_model_wants() -> None:
    from tools.keras_models.normalization import PRESETS, sweep

    generator = np.random.default_rng(0)
    pixels = [generator.integers(0, 256, (8, 8, 3)).astype(np.uint8) for _ in range(60)]
    targets = [int(photo.mean() > np.median([p.mean() for p in pixels])) for photo in pixels]
    middle = float(np.median([p.mean() for p in pixels])) / 255

    def run(tensor: Any) -> Any:
        bright = float(tensor.mean()) > middle and float(tensor.max()) <= 1
        return np.array([not bright, bright], np.float32)

    result = sweep(run, pixels, targets)
    assert len(result.scores) == len(PRESETS)
    assert result.best.source.startswith("[0, 1]")
    assert result.scores[0][1] == 1.0
    assert result.decides


def test_a_close_race_decides_nothing() -> None:
    from tools.keras_models.normalization import sweep

    result = sweep(lambda tensor: np.array([1, 0], np.float32), [np.zeros((2, 2, 3), np.uint8)] * 10, [0] * 10)
    assert not result.decides
