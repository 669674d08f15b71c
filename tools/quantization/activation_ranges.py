"""Chooses the range of every activation of an int8 model so that the squared error of its values is least.

The converter takes the least and the greatest value that calibration has seen, and divides what lies between into 255
steps. Where a few values lie far out, all others pay for them with wider steps. Cutting them off costs the square of
what is cut, and saves the square of the steps; a histogram of the float model's values says where the sum is least.
Ranges only ever get narrower. The logits keep theirs: the few that are high are what the model has to say.
Nothing but scales, zero points and biases is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tools.quantization.activation_tensors import ActivationTensors
from tools.quantization.intermediate_tensors import IntermediateTensors, logits_index

FloatArray = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

_BINS: Final = 2048  # eight for each step of int8
_PARTS: Final = np.geomspace(1, 0.05, 60)  # of each end of the range, what may be left
_LEVELS: Final = 255


def narrow_ranges(model: bytes, float_model: bytes, samples: Sequence[FloatArray]) -> bytes:
    """Narrow the activations' ranges of the int8 `model` to what costs least over `samples`.

    Args:
        model: an int8 ``.tflite``, with or without metadata.
        float_model: the float32 ``.tflite`` of the same graph; tensors are matched by their names.
        samples: calibration inputs, each float32 (1, height, width, 3), normalized as the device will do it.

    Raises:
        ConversionError: a model cannot be run.
    """
    tensors = ActivationTensors(model)
    by_name = _float_tensors(float_model)
    names, logits = _names(model), logits_index(model)
    found = [
        (group, by_name[names[group[0]]])
        for group in tensors.groups
        if names[group[0]] in by_name and logits not in group
    ]
    ranges = [tensors.range_of(group) for group, _ in found]
    histograms = _histograms(IntermediateTensors(float_model, [index for _, index in found]), ranges, samples)
    for (group, _), (low, high), histogram in zip(found, ranges, histograms, strict=True):
        best = best_range(histogram, low, high)
        if best != (low, high):
            tensors.set_range(group, *best)
    return bytes(tensors.model)


def best_range(histogram: Values, low: float, high: float) -> tuple[float, float]:
    """Find the part of a range in which 255 steps represent values with the least squared error.

    Args:
        histogram: how many values lie in each of equally wide bins from `low` to `high`.
        low: the least value; at most 0.
        high: the greatest; at least 0.
    """
    centres = low + (np.arange(len(histogram)) + 0.5) * (high - low) / len(histogram)
    lows, highs = (low * _PARTS if low < 0 else np.zeros(1)), (high * _PARTS if high > 0 else np.zeros(1))
    cut_low, cost_low = _cut(histogram, lows[:, np.newaxis] - centres)
    cut_high, cost_high = _cut(histogram, centres - highs[:, np.newaxis])
    steps = (highs - lows[:, np.newaxis]) / _LEVELS
    inside = histogram.sum() - cut_low[:, np.newaxis] - cut_high
    # Rounding to steps of s has an error that is even between −s/2 and s/2: s²/12 on average.
    cost = inside * np.square(steps) / 12 + cost_low[:, np.newaxis] + cost_high
    lower, upper = np.unravel_index(int(cost.argmin()), cost.shape)
    return float(lows[lower]), float(highs[upper])


def _cut(histogram: Values, beyond: Values) -> tuple[Values, Values]:
    """Compute how many values lie beyond each end that is tried, and the sum of the squares of how far."""
    beyond = np.maximum(beyond, 0)
    return (beyond > 0) @ histogram, np.square(beyond) @ histogram


def _histograms(
    inner: IntermediateTensors, ranges: Sequence[tuple[float, float]], samples: Sequence[FloatArray]
) -> list[Values]:
    totals = [np.zeros(_BINS) for _ in ranges]
    for sample in samples:
        for total, values, (low, high) in zip(totals, inner.run(sample), ranges, strict=True):
            # What lies beyond the range as calibrated is cut off whatever is chosen.
            total += np.histogram(values, _BINS, (low, high))[0]
    return totals


def _names(model: bytes) -> list[bytes]:
    subgraph = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    return [subgraph.Tensors(index).Name() for index in range(subgraph.TensorsLength())]


def _float_tensors(float_model: bytes) -> dict[bytes, int]:
    subgraph = schema.Model.GetRootAs(float_model, 0).Subgraphs(0)
    return {
        name: index
        for index, name in enumerate(_names(float_model))
        if subgraph.Tensors(index).Type() == schema.TensorType.FLOAT32
    }
