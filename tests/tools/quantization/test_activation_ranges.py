"""Ranges of activations: the best one is found, what follows from it is changed, and all else stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.quantized_pair import Pair, convert_pair, widen

schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is missing"
)


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Give a network whose activations have ranges that are four times too wide."""
    return widen(convert_pair(), 4)


def _squared_error(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    held = np.clip(low + np.rint((values - low) / step) * step, low, high)
    return float(np.square(values - held).mean())


@pytest.mark.parametrize("kind", ["even", "normal", "far out", "positive"])
def test_the_range_found_beats_all_others_when_values_are_really_rounded(kind: str) -> None:
    from tools.quantization.activation_ranges import best_range

    generator = np.random.default_rng(3)
    values = {
        "even": generator.uniform(-1, 1, 100_000),
        "normal": generator.normal(size=100_000),
        "far out": np.concatenate([generator.normal(size=100_000), [-30.0, 60.0]]),
        "positive": np.abs(generator.standard_t(4, size=100_000)),
    }[kind]
    low, high = min(0.0, float(values.min())), float(values.max())
    histogram = np.histogram(values, 2048, (low, high))[0].astype(np.float64)
    found = best_range(histogram, low, high)
    error = _squared_error(values, *found)
    for lower in np.linspace(0.2, 1, 17) if low < 0 else [1.0]:
        for upper in np.linspace(0.2, 1, 17):
            assert error <= _squared_error(values, low * lower, high * upper) * 1.05
    assert low <= found[0] <= 0 <= found[1] <= high
    if kind == "even":
        assert found == (low, high)
    if kind == "far out":
        assert error < _squared_error(values, low, high) / 1.2


def test_narrower_ranges_bring_the_logits_closer(pair: Pair) -> None:
    from tools.quantization.activation_ranges import narrow_ranges
    from tools.quantization.signal_to_noise import logit_signal_to_noise_db, read_logits
    from tools.quantization.tflite_converter import float_operators

    narrow = narrow_ranges(pair.int8, pair.float32, pair.samples)
    fresh = [np.random.default_rng(9).uniform(-1, 1, pair.samples[0].shape).astype(np.float32) for _ in range(16)]
    reference = read_logits(pair.float32, fresh)
    before, after = (logit_signal_to_noise_db(reference, read_logits(model, fresh)) for model in (pair.int8, narrow))
    assert after > before + 1
    assert float_operators(narrow) == []
    assert narrow == narrow_ranges(pair.int8, pair.float32, pair.samples)


def test_nothing_but_scales_zero_points_and_biases_is_changed(pair: Pair) -> None:
    from tools.quantization.activation_ranges import narrow_ranges
    from tools.quantization.weighted_layers import weighted_layers

    narrow = narrow_ranges(pair.int8, pair.float32, pair.samples)
    assert len(narrow) == len(pair.int8)
    old, new = (schema.ModelT.InitFromPackedBuf(model, 0) for model in (pair.int8, narrow))
    biases = {layer.bias for layer in weighted_layers(pair.int8)}
    moved = 0
    for index, (tensor, other) in enumerate(zip(old.subgraphs[0].tensors, new.subgraphs[0].tensors, strict=True)):
        assert (tensor.name, tensor.type, tensor.buffer) == (other.name, other.type, other.buffer)
        if index not in biases:
            data = old.buffers[tensor.buffer].data
            assert data is None or np.array_equal(data, new.buffers[other.buffer].data)
        if tensor.quantization is not None and tensor.quantization.scale is not None:
            moved += not np.array_equal(tensor.quantization.scale, other.quantization.scale)
    assert moved >= 4
    first, last = old.subgraphs[0].inputs[0], old.subgraphs[0].outputs[0]
    for index in (first, last):
        ends = [model.subgraphs[0].tensors[index].quantization for model in (old, new)]
        assert ends[0].scale == ends[1].scale and ends[0].zeroPoint == ends[1].zeroPoint


def test_a_bias_keeps_its_real_value_and_the_scale_of_its_inputs(pair: Pair) -> None:
    from tools.quantization.activation_ranges import narrow_ranges
    from tools.quantization.weighted_layers import weighted_layers

    models = [pair.int8, narrow_ranges(pair.int8, pair.float32, pair.samples)]
    old, new = (schema.ModelT.InitFromPackedBuf(model, 0) for model in models)
    for layer in weighted_layers(pair.int8):
        real = []
        for model in (old, new):
            tensors = model.subgraphs[0].tensors
            scale = tensors[layer.bias].quantization.scale
            expected = tensors[layer.input].quantization.scale[0] * tensors[layer.weights].quantization.scale
            np.testing.assert_allclose(scale, expected, rtol=1e-6)
            values = np.frombuffer(bytes(model.buffers[tensors[layer.bias].buffer].data), "<i4")
            real.append(values * np.asarray(scale, np.float64))
        np.testing.assert_allclose(real[1], real[0], atol=2 * float(np.max(scale)))
