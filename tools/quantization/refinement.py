"""Improves an int8 model after conversion, and keeps a change only where held-out photos confirm it.

The steps are those of `activation_ranges` and `bias_correction`, one after the other; this composes and validates
them. Only scales, zero points and biases change, so that size, speed and operators stay the same.
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

_RANGE_SAMPLES: Final = 32  # enough for a histogram of millions of values
_MIN_GAIN_DB: Final = 0.3
_MIN_STANDARD_ERRORS: Final = 2.0


class Refined(NamedTuple):
    """A refined model and its signal-to-noise ratio on the held-out samples.

    Attributes:
        model: the bytes of the ``.tflite``; those of the stock model where no step clearly improved it.
        stock_db: signal-to-noise ratio of the stock model's logits.
        refined_db: the same of `model`.
        narrowed: whether its activation ranges were narrowed.
        passes: the number of its bias correction passes.
    """

    model: bytes
    stock_db: float
    refined_db: float
    narrowed: bool
    passes: int

    @property
    def steps(self) -> list[str]:
        return [name for name, done in (("narrow_ranges", self.narrowed), ("bias_correction", self.passes)) if done]

    def figures(self) -> dict[str, Any]:
        """Return all but the model, ready for JSON."""
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
        model: an int8 ``.tflite`` from the converter.
        float_model: the float32 ``.tflite`` of the same graph.
        samples: its calibration inputs, each float32 (1, height, width, 3), normalized.
        ranges: whether to narrow its activation ranges.
        biases: whether to correct its biases.

    Raises:
        CalibrationError: there are too few samples.
        ConversionError: the two models are not the same graph, or cannot be run.
    """
    fitted, held_out = split_samples(samples)
    reference = read_logits(float_model, held_out)
    stock = _LogitNoise(model, reference, held_out)
    if ranges:
        narrow = narrow_ranges(model, float_model, fitted[:: -(-len(fitted) // _RANGE_SAMPLES)])
        narrow, passes = _correct(narrow, float_model, samples) if biases else (narrow, 0)
        refined = _LogitNoise(narrow, reference, held_out)
        if is_significant_gain(stock.noise, refined.noise):
            return Refined(narrow, stock.db, refined.db, True, passes)
    corrected, passes = _correct(model, float_model, samples) if biases else (model, 0)
    return Refined(corrected, stock.db, _LogitNoise(corrected, reference, held_out).db, False, passes)


def is_significant_gain(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> bool:
    """Test whether a gain in signal-to-noise ratio is more than chance, given the noise power of every sample.

    It must be at least 0.3 dB and two standard errors, estimated by the jackknife: from how much the gain changes when
    each sample in turn is left out (Efron and Stein, "The Jackknife Estimate of Variance", 1981).

    Args:
        before: noise power of each sample, (samples,).
        after: the same with the refined model.
    """
    gain = _gain_db(before.sum(), after.sum())
    count = len(before)
    others = _gain_db(before.sum() - before, after.sum() - after)
    error = float(np.sqrt((count - 1) / count * np.square(others - others.mean()).sum()))
    return bool(gain >= max(_MIN_GAIN_DB, _MIN_STANDARD_ERRORS * error))


class _LogitNoise:
    """The noise of a model's logits on the held-out samples: per sample, and in decibels over all."""

    def __init__(self, model: bytes, reference: FloatArray, held_out: Sequence[FloatArray]) -> None:
        signal, self.noise = logit_noise(reference, read_logits(model, held_out))
        self.db = float(_gain_db(signal.sum(), self.noise.sum()))


def _correct(model: bytes, float_model: bytes, samples: Sequence[FloatArray]) -> tuple[bytes, int]:
    corrected = correct_biases(model, float_model, samples)
    return corrected.model, corrected.passes


def _gain_db(before: Any, after: Any) -> Any:
    tiny = np.finfo(np.float64).tiny  # a model may have no noise at all
    return 10 * (np.log10(np.maximum(before, tiny)) - np.log10(np.maximum(after, tiny)))
