"""Converts a concrete TensorFlow function to TFLite: full-integer int8, or float32.

It takes any concrete function with one static image input; it knows neither architectures nor labels, and writes no
files. `float_operators` reads any ``.tflite`` and needs no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mobiclass.inspection import float_layers, read_subgraphs
from tools.dependencies import quiet_tensorflow
from tools.errors import CalibrationError, ConversionError

if TYPE_CHECKING:
    import tensorflow as tf

InputOutput = Literal["uint8", "int8", "float32"]
"""The dtype of the model's input and output tensors; inside, everything is int8."""


def convert_int8(
    function: tf.types.experimental.ConcreteFunction,
    samples: Sequence[npt.NDArray[np.float32]],
    *,
    io: InputOutput = "uint8",
) -> bytes:
    """Convert `function` to full-integer int8: activations per tensor, weights per channel.

    Args:
        function: one float32 input (1, height, width, 3), one float32 output (1, classes).
        samples: calibration inputs, each of the function's input shape, normalized as on the device.
        io: the dtype of the input and output tensors.

    Returns:
        The bytes of the ``.tflite``, without metadata.

    Raises:
        CalibrationError: there are no samples, or they do not match the input.
        ConversionError: the converter failed or left a float operator behind.
    """
    import tensorflow as tf

    if io not in get_args(InputOutput):
        raise ConversionError(f"{io!r} is not an input and output type; choose {', '.join(get_args(InputOutput))}")
    _check_samples(function, samples)
    dtype = tf.dtypes.as_dtype(io)

    def configure(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = dtype
        converter.inference_output_type = dtype

    model = _convert(function, configure)
    if remaining := float_operators(model):
        raise ConversionError(f"the converted model still has float operators: {', '.join(remaining)}")
    return model


def convert_float32(function: tf.types.experimental.ConcreteFunction) -> bytes:
    """Convert `function` to float32: the reference for the quantized model.

    Raises:
        ConversionError: the converter failed.
    """
    return _convert(function, lambda converter: None)


def float_operators(model: bytes) -> list[str]:
    """Name the operators of `model` that compute in floating point.

    A QUANTIZE at a float32 input of the model and a DEQUANTIZE at a float32 output do not count.
    """
    return [
        subgraph.layers[place].name
        for subgraph in read_subgraphs(model, "the model")
        for place in float_layers(subgraph)
    ]


def _check_samples(
    function: tf.types.experimental.ConcreteFunction, samples: Sequence[npt.NDArray[np.float32]]
) -> None:
    if not samples:
        raise CalibrationError("there are no calibration samples")
    tensor = function.inputs[0]  # captured variables come after it
    shape = tuple(tensor.shape)
    for number, sample in enumerate(samples):
        if sample.shape != shape or sample.dtype != np.float32 or not np.isfinite(sample).all():
            raise CalibrationError(
                f"calibration sample {number} is {sample.dtype} {sample.shape}; the model takes finite float32 {shape}"
            )


def _convert(function: tf.types.experimental.ConcreteFunction, configure: Callable[[Any], None]) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError  # not public, but the version is pinned

    # Without a trackable object: the converter would look for its variables and fail on a function of constants.
    with quiet_tensorflow():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    configure(converter)
    try:
        with quiet_tensorflow():
            return bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError, TypeError, AttributeError, tf.errors.OpError) as error:
        raise ConversionError(f"TensorFlow Lite's converter failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the line of the compiler's long output that names the unsupported operators, or else its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    named = [line for line in lines if line.startswith(("TF Select ops:", "Custom ops:"))]
    return f"TFLite has no such operators: {'; '.join(named)}" if named else lines[0]
