"""The output tensor to the best few predictions.

Scores are what the model says: dequantized, put through a softmax or a sigmoid only where the graph ends in logits,
never renormalized (a quantized softmax may add up to 0.9). It knows nothing of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mobiclass.choices import OutputKind
from mobiclass.tflite import Quantization, dequantize


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
    allowed: Sequence[int] | None = None,
) -> tuple[Prediction, ...]:
    """Find and name the best `k` classes of a raw output.

    Args:
        raw: the output (N,) of any dtype, finite; of a binary head (1,), whose value is that of the second class.
        quantization: that of the output; ``None`` for floats.
        kind: what the output holds.
        labels: one label a class, or ``None``.
        k: the number of predictions, at least 1.
        threshold: classes with a lower score (0–1), as it is shown, are left out.
        allowed: the indices of the only classes that count, ascending; ``None`` for all.

    Returns:
        The best first; equal scores go by index.
    """
    if allowed is not None:
        probabilities = scores_from_output(raw, quantization, kind)[list(allowed)]
        places = top_k(probabilities, k)
        best, scores = [allowed[place] for place in places], _shortest(probabilities[places])
    elif len(raw) == 1 or kind in ("logits", "multilabel-logits"):
        probabilities = scores_from_output(raw, quantization, kind)
        best = top_k(probabilities, k)
        scores = _shortest(probabilities[best])
    else:
        # A scale is positive: raw values are in the order of their scores. Only the few's are looked up or worked out,
        # which of a thousand classes saves more time than all else that is done here takes.
        best = top_k(raw, k)
        if raw.dtype.itemsize == 1:
            table = _scores_of_bytes(quantization, raw.dtype.name)
            scores = [table[value] for value in raw[best].tolist()]
        else:
            scores = _shortest(dequantize(raw[best], quantization))
    return tuple(
        Prediction(index, labels[index] if labels else None, score)
        for index, score in zip(best, scores, strict=True)
        if score >= threshold
    )


def scores_from_output(
    raw: npt.NDArray[np.generic], quantization: Quantization | None, kind: OutputKind
) -> npt.NDArray[np.float32]:
    """Give the score of every class, float32 (C,); the arguments are those of `predictions_from_output`."""
    if len(raw) == 1 or kind in ("logits", "multilabel-logits"):
        return _probabilities(dequantize(raw, quantization), kind)
    if raw.dtype.itemsize == 1:
        return np.asarray(_score_table(quantization, raw.dtype.name)[raw])
    return dequantize(raw, quantization)


def _probabilities(values: npt.NDArray[np.float32], kind: OutputKind) -> npt.NDArray[np.float32]:
    """Work out the probability of every class; the one value of a binary head is that of the second of two."""
    if len(values) == 1:
        second = sigmoid(values) if kind in ("logits", "multilabel-logits") else values
        return np.concatenate((np.float32(1) - second, second))
    return softmax(values) if kind == "logits" else sigmoid(values)


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute ``1 / (1 + exp(−x))`` of each of float32 (N,), so that nothing overflows."""
    powers = np.exp(-np.abs(logits.astype(np.float64)))
    return np.asarray(np.where(logits >= 0, 1.0, powers) / (1.0 + powers), np.float32)


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute ``exp(x) / Σ exp(x)`` over float32 (N,), shifted by the maximum so that nothing overflows."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)


def top_k(values: npt.NDArray[np.generic], k: int) -> list[int]:
    """Find the indices of the greatest `k` of `values` (N,), greatest first; equal values go by index.

    All N come back where `k` is greater.
    """
    # Radix sort for the 8 and 16 bits of a quantized output. A search for the few alone (numpy.partition) has been
    # measured: with the calls that put its result in order it takes longer for a thousand classes.
    ascending = np.argsort(values[::-1], kind="stable")
    best: list[int] = (len(values) - 1 - ascending[::-1][:k]).tolist()
    return best


@lru_cache(maxsize=16)
def _score_table(quantization: Quantization | None, dtype: str) -> npt.NDArray[np.float32]:
    """Work out the score of every value of an 8-bit output; negative ones count from the end, as an index does."""
    return dequantize(np.arange(256).astype(dtype), quantization)


@lru_cache(maxsize=16)
def _scores_of_bytes(quantization: Quantization | None, dtype: str) -> list[float]:
    """Give the scores of `_score_table` as the shortest numbers."""
    return _shortest(_score_table(quantization, dtype))


def _shortest(scores: npt.NDArray[np.float32]) -> list[float]:
    """Give the shortest number that is each of the float32 `scores`: 0.1, not 0.10000000149011612.

    A threshold can be compared with that: what is shown as 0.7 reaches 0.7, though its float32 is 0.69999999.
    """
    return [float(str(score)) for score in scores]
