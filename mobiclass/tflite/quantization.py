"""Real values to quantized ones and back: ``real = (quantized − zero_point) · scale``.

The arithmetic is TFLite's (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec):
halves are rounded away from zero and what does not fit saturates. It knows tensors, not images or classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mobiclass.tflite.network import Quantization


def quantize(real: npt.ArrayLike, quantization: Quantization, dtype: str) -> npt.NDArray[np.integer]:
    """Quantize `real` (any shape, finite) to `dtype` (``uint8``, ``int8`` or ``int16``)."""
    limits = np.iinfo(dtype)
    steps = np.asarray(real, np.float64) / quantization.scale
    # numpy.round() rounds halves to even; TFLite's reference kernel rounds them away from zero.
    rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps) + quantization.zero_point
    quantized: npt.NDArray[np.integer] = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return quantized


def dequantize(raw: npt.NDArray[np.generic], quantization: Quantization | None) -> npt.NDArray[np.float32]:
    """Give the real values of `raw` as float32, same shape; `raw` is real already where `quantization` is ``None``."""
    if quantization is None:
        return raw.astype(np.float32)
    # Widened before the zero point is taken off: 127 − (−128) does not fit into int8.
    steps = (raw.astype(np.int64) - quantization.zero_point).astype(np.float32)
    real: npt.NDArray[np.float32] = steps * np.float32(quantization.scale)
    return real
