"""Chooses the quantization range of every activation of an int8 model that minimizes the squared error.

The converter uses the minimum and maximum seen during calibration and divides that range into 255 steps, so that a few
outliers make the steps of all other values wider. Clipping outliers costs the square of what is clipped, and narrower
steps save the square of the step; a histogram of the float model's values shows where the sum is smallest. Ranges are
only ever narrowed. The logits keep theirs: the few high ones decide. Only scales, zero points and biases change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tools.quantization.activation_tensors import ActivationTensors
from tools.quantization.intermediate_tensors import IntermediateTensors, float_tensors, logits_index, tensor_names

FloatArray = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

_BINS: Final = 2048  # eight for each step of int8
_FRACTIONS: Final = np.geomspace(1, 0.05, 60)  # of each end of the range, to try
_LEVELS: Final = 255


def narrow_ranges(model: bytes, float_model: bytes, samples: Sequence[FloatArray]) -> bytes:
    """Narrow the activation ranges of the int8 `model` to those with the least squared error over `samples`.

    Args:
        model: an int8 ``.tflite``, with or without metadata.
        float_model: the float32 ``.tflite`` of the same graph; tensors are matched by their names.
        samples: calibration inputs, each float32 (1, height, width, 3), normalized as the device will do it.

    Raises:
        ConversionError: a model cannot be run.
    """
    tensors = ActivationTensors(model)
    by_name = float_tensors(float_model)
    names, logits = tensor_names(model), logits_index(model)
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
    """Find the sub-range whose 255 steps represent the values with the least squared error.

    Args:
        histogram: the number of values in each of the equally wide bins from `low` to `high`.
        low: the minimum; at most 0.
        high: the maximum; at least 0.
    """
    centres = low + (np.arange(len(histogram)) + 0.5) * (high - low) / len(histogram)
    lows, highs = (low * _FRACTIONS if low < 0 else np.zeros(1)), (high * _FRACTIONS if high > 0 else np.zeros(1))
    cut_low, cost_low = _cut(histogram, lows[:, np.newaxis] - centres)
    cut_high, cost_high = _cut(histogram, centres - highs[:, np.newaxis])
    steps = (highs - lows[:, np.newaxis]) / _LEVELS
    inside = histogram.sum() - cut_low[:, np.newaxis] - cut_high
    # The error of rounding to steps of s is uniform between −s/2 and s/2: s²/12 on average.
    cost = inside * np.square(steps) / 12 + cost_low[:, np.newaxis] + cost_high
    lower, upper = np.unravel_index(int(cost.argmin()), cost.shape)
    return float(lows[lower]), float(highs[upper])


def _cut(histogram: Values, beyond: Values) -> tuple[Values, Values]:
    """Count the values beyond each candidate end, and sum the squares of their distances to it."""
    beyond = np.maximum(beyond, 0)
    return (beyond > 0) @ histogram, np.square(beyond) @ histogram


def _histograms(
    inner: IntermediateTensors, ranges: Sequence[tuple[float, float]], samples: Sequence[FloatArray]
) -> list[Values]:
    totals = [np.zeros(_BINS) for _ in ranges]
    for sample in samples:
        for total, values, (low, high) in zip(totals, inner.run(sample), ranges, strict=True):
            # Values outside the calibrated range are clipped whatever is chosen.
            total += np.histogram(values, _BINS, (low, high))[0]
    return totals
