"""The signal-to-noise ratio of a model's logits: the float model's against the noise that quantization adds.

Top-1 agreement changes by whole photos and takes thousands of them to distinguish two recipes; the noise of a thousand
logits per photo shows the difference on a few dozen. It sets no threshold.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tools.quantization.intermediate_tensors import IntermediateTensors, logits_index

FloatArray = npt.NDArray[np.float32]


def signal_to_noise_db(reference: npt.ArrayLike, approximation: npt.ArrayLike) -> float:
    """Compute 10·log₁₀(Σ reference² / Σ (reference − approximation)²); infinite if there is no noise.

    Args:
        reference: the signal, any shape.
        approximation: the same with noise, in the same shape.

    Raises:
        ValueError: the shapes differ, or the reference is all zeros.
    """
    signal, noisy = np.asarray(reference, np.float64), np.asarray(approximation, np.float64)
    if signal.shape != noisy.shape:
        raise ValueError(f"a reference of shape {signal.shape} and an approximation of shape {noisy.shape}")
    power, noise = float(np.square(signal).sum()), float(np.square(signal - noisy).sum())
    if power == 0:
        raise ValueError("the reference has no signal: it is all zeros")
    return float("inf") if noise == 0 else 10 * float(np.log10(power / noise))


def logit_signal_to_noise_db(reference: npt.ArrayLike, approximation: npt.ArrayLike) -> float:
    """Compute the signal-to-noise ratio of logits (photos, classes), after subtracting each photo's mean.

    Softmax is invariant to a constant added to all logits, which is neither signal nor noise.
    """
    return signal_to_noise_db(_centred(reference), _centred(approximation))


def logit_noise(
    reference: npt.ArrayLike, approximation: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute signal and noise power of each photo's logits, (photos,) each, after subtracting its mean."""
    signal, noisy = _centred(reference), _centred(approximation)
    return np.square(signal).sum(axis=-1), np.square(signal - noisy).sum(axis=-1)


def read_logits(model: bytes, samples: Iterable[FloatArray]) -> FloatArray:
    """Run `model` on `samples`, each float32 (1, height, width, 3) and normalized.

    Returns:
        float32 (samples, classes): the inputs of the final softmax, or the outputs where there is none.
    """
    inner = IntermediateTensors(model, [logits_index(model)])
    return np.stack([inner.run(sample)[0].reshape(-1) for sample in samples])


def _centred(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(logits, np.float64)
    centred: npt.NDArray[np.float64] = values - values.mean(axis=-1, keepdims=True)
    return centred
