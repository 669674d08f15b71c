"""The output tensor to the best few predictions.

Scores are what the model says: dequantized, put through a softmax only where the graph ends in logits, never
renormalized (a quantized softmax may add up to 0.9). It knows nothing of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobiclass.model import OutputKind
from mobiclass.quantization import dequantize
from mobiclass.tflite import Quantization


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class that an image may show.

    Attributes:
        index: the model's output index, from 0.
        label: its label; ``None`` where the model has no labels.
        score: its probability, 0 to 1.
    """

    index: int
    label: str | None
    score: float


def predictions_from_output(
    raw: npt.NDArray[np.generic],
    quantization: Quantization | None,
    kind: OutputKind,
    labels: tuple[str, ...] | None,
    k: int,
    threshold: float = 0.0,
) -> tuple[Prediction, ...]:
    """Find and name the best `k` classes of a raw output.

    Args:
        raw: the output (N,) of any dtype, finite.
        quantization: that of the output; ``None`` for floats.
        kind: whether the output is ``logits`` or ``probabilities``.
        labels: N labels, or ``None``.
        k: the number of predictions, at least 1.
        threshold: classes with a lower score (0–1) are left out.

    Returns:
        The best first; equal scores go by index.
    """
    if kind == "logits":
        probabilities = softmax(dequantize(raw, quantization))
        best = top_k(probabilities, k)
        scores = probabilities[best]
    else:
        # A scale is positive: raw values are in the order of their scores. Only those of the few are worked out,
        # which of a thousand classes saves more time than all else that is done here takes.
        best = top_k(raw, k)
        scores = dequantize(raw[best], quantization)
    # By way of str() the score is the shortest number that is this float32: 0.1, not 0.10000000149011612. And the
    # threshold as a float32: what is shown as 0.7 reaches a threshold of 0.7, though its float32 is 0.69999999.
    return tuple(
        Prediction(index, labels[index] if labels else None, float(str(score)))
        for index, score in zip(best, scores, strict=True)
        if score >= np.float32(threshold)
    )


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute ``exp(x) / Σ exp(x)`` over float32 (N,), shifted by the maximum so that nothing overflows."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)


def top_k(values: npt.NDArray[np.generic], k: int) -> list[int]:
    """Find the indices of the greatest `k` of `values` (N,), greatest first; equal values go by index.

    All N come back where `k` is greater.
    """
    k = min(k, len(values))
    # To sort a thousand classes for the sake of five takes several times as long.
    last = np.partition(values, -k)[-k]
    above = (values > last).nonzero()[0].tolist()
    equal = (values == last).nonzero()[0][: k - len(above)].tolist()
    return [*sorted(above, key=values.item, reverse=True), *equal]
