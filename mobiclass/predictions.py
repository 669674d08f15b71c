"""The output tensor to scores, and scores to the best few predictions.

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


def scores_from_output(
    raw: npt.NDArray[np.generic], quantization: Quantization | None, kind: OutputKind
) -> npt.NDArray[np.float32]:
    """Turn the raw output (N,) of any dtype into probabilities: float32 (N,)."""
    values = dequantize(raw, quantization)
    return softmax(values) if kind == "logits" else values


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute ``exp(x) / Σ exp(x)`` over float32 (N,), shifted by the maximum so that nothing overflows."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)


def top_k(scores: npt.NDArray[np.float32], k: int, threshold: float = 0.0) -> list[int]:
    """Find the indices of the best `k` of `scores` (N,), best first; equal scores go by index.

    Fewer than `k` come back where there are fewer classes, or where scores lie under `threshold`.
    """
    candidates = np.arange(len(scores))
    if k < len(scores):
        # To sort a thousand classes for the sake of five takes longer than all else that is done here.
        candidates = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
    best = candidates[np.argsort(-scores[candidates], kind="stable")[:k]]
    # As a float32: a score that is shown as 0.7 reaches a threshold of 0.7, though its float32 is 0.69999999.
    return [int(index) for index in best if scores[index] >= np.float32(threshold)]


def predictions_from_scores(
    scores: npt.NDArray[np.float32], labels: tuple[str, ...] | None, k: int, threshold: float
) -> tuple[Prediction, ...]:
    """Name the best `k` of `scores` (N,) with `labels` (N, or ``None``)."""
    # By way of str() the score is the shortest number that is this float32: 0.1, not 0.10000000149011612.
    return tuple(
        Prediction(index, labels[index] if labels else None, float(str(scores[index])))
        for index in top_k(scores, k, threshold)
    )
