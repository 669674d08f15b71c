"""Makes an int8 model better than the converter left it, and keeps that only where photos kept aside say so.

The steps are those of `activation_ranges` and `bias_correction`, one after the other; this composes and judges them.
Nothing but scales, zero points and biases is changed, so that size, speed and operators stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.quantization.activation_ranges import narrow_ranges
from tools.quantization.bias_correction import correct_biases
from tools.quantization.holdout import split_samples
from tools.quantization.signal_to_noise import logit_noise, read_logits

FloatArray = npt.NDArray[np.float32]

_RANGE_SAMPLES: Final = 32  # a histogram of millions of values needs no more
_WORTH_DB: Final = 0.3
_STANDARD_ERRORS: Final = 2.0


class Refined(NamedTuple):
    """A refined model, and what the samples that were kept aside say of it.

    Attributes:
        model: the bytes of the ``.tflite``; those of the stock model where nothing made it clearly better.
        stock_db: signal-to-noise of the stock model's logits.
        refined_db: that of `model`'s.
        narrowed: whether the ranges of its activations were narrowed.
        passes: how many passes of bias correction it has had.
    """

    model: bytes
    stock_db: float
    refined_db: float
    narrowed: bool
    passes: int

    @property
    def steps(self) -> list[str]:
        """Name the steps that `model` has had."""
        return [name for name, done in (("narrow_ranges", self.narrowed), ("bias_correction", self.passes)) if done]

    def figures(self) -> dict[str, Any]:
        """Give all but the model as what JSON can hold."""
        return {
            "narrowed_ranges": self.narrowed,
            "bias_correction_passes": self.passes,
            "snr_db_stock": round(self.stock_db, 2),
            "snr_db": round(self.refined_db, 2),
        }


def refine(
    model: bytes, float_model: bytes, samples: Sequence[FloatArray], *, ranges: bool = True, biases: bool = True
) -> Refined:
    """Refine the int8 `model` towards `float_model`.

    Args:
        model: an int8 ``.tflite`` as the converter made it.
        float_model: the float32 ``.tflite`` of the same graph.
        samples: what it was calibrated on, each float32 (1, height, width, 3), normalized.
        ranges: whether to narrow the ranges of its activations.
        biases: whether to correct its biases.

    Raises:
        CalibrationError: there are too few samples.
        ConversionError: the two models are not the same graph, or cannot be run.
    """
    teachers, judges = split_samples(samples)
    reference = read_logits(float_model, judges)
    stock = _Judged(model, reference, judges)
    if ranges:
        narrow = narrow_ranges(model, float_model, teachers[:: -(-len(teachers) // _RANGE_SAMPLES)])
        narrow, passes = _correct(narrow, float_model, samples) if biases else (narrow, 0)
        refined = _Judged(narrow, reference, judges)
        if clearly_less_noise(stock.noise, refined.noise):
            return Refined(narrow, stock.db, refined.db, True, passes)
    corrected, passes = _correct(model, float_model, samples) if biases else (model, 0)
    return Refined(corrected, stock.db, _Judged(corrected, reference, judges).db, False, passes)


def clearly_less_noise(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> bool:
    """Tell whether a gain in signal-to-noise is more than chance, from the noise power of every sample.

    It has to be 0.3 dB, and two of its own standard errors, which the jackknife estimates: by how much the gain
    changes when each sample in turn is left out (Efron and Stein, "The Jackknife Estimate of Variance", 1981).

    Args:
        before: noise power of each sample, (samples,).
        after: the same of the model to be judged, on the same samples.
    """
    gain = _gain_db(before.sum(), after.sum())
    count = len(before)
    others = _gain_db(before.sum() - before, after.sum() - after)
    error = float(np.sqrt((count - 1) / count * np.square(others - others.mean()).sum()))
    return bool(gain >= max(_WORTH_DB, _STANDARD_ERRORS * error))


class _Judged:
    """A model with the noise of its logits on the samples kept aside."""

    def __init__(self, model: bytes, reference: FloatArray, judges: Sequence[FloatArray]) -> None:
        signal, self.noise = logit_noise(reference, read_logits(model, judges))
        self.db = float(_gain_db(signal.sum(), self.noise.sum()))


def _correct(model: bytes, float_model: bytes, samples: Sequence[FloatArray]) -> tuple[bytes, int]:
    corrected = correct_biases(model, float_model, samples)
    return corrected.model, corrected.passes


def _gain_db(before: Any, after: Any) -> Any:
    tiny = np.finfo(np.float64).tiny  # for models without any noise
    return 10 * (np.log10(np.maximum(before, tiny)) - np.log10(np.maximum(after, tiny)))
