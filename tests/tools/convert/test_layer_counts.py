"""Converted Keras models are counted as their architectures say: by closed forms, and by Keras itself.

The weights are random: what is counted does not depend on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mobiclass.inspection.published import PUBLISHED
from mobiclass.inspection.summary import Inspection, inspect_model
from tests.support.closed_forms import closed_form, mobilenet_v1, mobilenet_v2
from tests.support.keras_models import require_keras
from tools.keras_models.architectures import build_keras

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

CASES = {
    "V1 1.0/224": ("mobilenet_v1", 1.0, 224, lambda: mobilenet_v1(1.0)),
    "V1 0.25/128": ("mobilenet_v1", 0.25, 128, lambda: mobilenet_v1(0.25)),
    "V2 1.0/224": ("mobilenet_v2", 1.0, 224, mobilenet_v2),
}


def convert(name: str, alpha: float, resolution: int, *, quantized: bool) -> tuple[Any, Inspection]:
    """Build a network in Keras, convert it, and look into it."""
    keras = require_keras()
    from tools.keras_models.tracing import check_classifier, trace
    from tools.quantization.tflite_converter import convert_float32, convert_int8

    keras.utils.set_random_seed(0)
    model = build_keras(name, alpha=alpha, resolution=resolution)
    for weight in model.layers[
        -1
    ].weights:  # of a bias of zeros, as no trained network has, the converter leaves nothing
        weight.assign(np.random.default_rng(1).normal(0, 0.05, weight.shape))
    function = trace(model, check_classifier(model, name))
    if not quantized:
        return model, inspect_model(convert_float32(function), name)
    generator = np.random.default_rng(0)
    samples = [generator.uniform(-1, 1, (1, resolution, resolution, 3)).astype(np.float32) for _ in range(2)]
    return model, inspect_model(convert_int8(function, samples, io="uint8"), name)


@pytest.mark.parametrize("quantized", [True, False], ids=["int8", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_counts_equal_the_closed_form(case: str, quantized: bool) -> None:
    name, alpha, resolution, architecture = CASES[case]
    model, inspection = convert(name, alpha, resolution, quantized=quantized)
    totals = inspection.totals
    assert (totals.parameters, totals.multiply_adds) == closed_form(architecture(), resolution, 1000)
    assert totals.uncounted == ()
    # Keras has a scale, a shift, a mean and a variance a channel where the file has one bias.
    channels = sum(outputs for _, _, outputs, _, _ in architecture())
    assert totals.parameters == model.count_params() - 3 * channels
    assert inspection.architecture == (name, alpha, False)
    assert inspection.published is not None
    assert inspection.published.source == PUBLISHED[name].source
    assert (inspection.float_layers == ()) == quantized
    assert len(inspection.pairs) == (13 if name == "mobilenet_v1" else 17)
    assert (inspection.cpu_layers == ()) == quantized


def test_v1_at_224_has_the_published_569_million_multiply_adds_and_4_2_million_parameters() -> None:
    _, inspection = convert("mobilenet_v1", 1.0, 224, quantized=True)
    published = inspection.published
    assert published is not None
    assert (published.multiply_adds, round(published.parameters / 1e6, 1)) == (569_000_000, 4.2)
    assert (round(inspection.totals.multiply_adds / 1e6), round(inspection.totals.parameters / 1e6, 1)) == (569, 4.2)


@pytest.mark.parametrize(("name", "minimalistic"), [("mobilenet_v3_small", False), ("mobilenet_v3_large", True)])
def test_v3_is_known_and_keras_counts_its_parameters(name: str, minimalistic: bool) -> None:
    keras = require_keras()
    from tools.keras_models.tracing import check_classifier, trace
    from tools.quantization.tflite_converter import convert_float32

    model = build_keras(name, alpha=1.0, resolution=224, minimalistic=minimalistic)
    inspection = inspect_model(convert_float32(trace(model, check_classifier(model, name))), name)
    assert inspection.architecture == (name, 1.0, minimalistic)
    folded = sum(
        3 * layer.moving_mean.shape[0]
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )  # fmt: skip
    assert inspection.totals.parameters == model.count_params() - folded
