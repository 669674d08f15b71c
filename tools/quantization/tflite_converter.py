"""Converts an inference function to a TFLite model: full-integer int8, or float32 as it is.

It takes any concrete function with one static image input; it knows neither architectures nor labels, and writes
no files. `float_operators` reads any ``.tflite`` and needs no TensorFlow.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mobiclass.inspection import float_layers, read_subgraphs
from tools.errors import CalibrationError, ConversionError

if TYPE_CHECKING:
    import tensorflow as tf

InputOutput = Literal["uint8", "int8", "float32"]
"""The type of the model's input and output tensors; inside, everything is int8."""


def convert_int8(
    function: tf.types.experimental.ConcreteFunction,
    samples: Sequence[npt.NDArray[np.float32]],
    *,
    io: InputOutput = "uint8",
) -> bytes:
    """Convert `function` to full-integer int8: activations per tensor, weights per channel.

    Args:
        function: one float32 input (1, height, width, 3), one float32 output (1, classes).
        samples: calibration inputs, each of the function's input shape, normalized as the device will do it.
        io: the type of the input and output tensors.

    Returns:
        The bytes of the ``.tflite``, without metadata.

    Raises:
        CalibrationError: there are no samples, or they do not fit the input.
        ConversionError: the converter failed or left a float operator behind.
    """
    import tensorflow as tf

    if io not in get_args(InputOutput):
        raise ConversionError(f"{io!r} is no input and output type; there are {', '.join(get_args(InputOutput))}")
    _check_samples(function, samples)
    dtype = tf.dtypes.as_dtype(io)

    def configure(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = dtype
        converter.inference_output_type = dtype

    model = _convert(function, configure)
    left = float_operators(model)
    if left:
        raise ConversionError(f"the converted model still has float operators: {', '.join(left)}")
    return model


def convert_float32(function: tf.types.experimental.ConcreteFunction) -> bytes:
    """Convert `function` as it is, in float32: the reference that a quantized model is compared with.

    Raises:
        ConversionError: the converter failed.
    """
    return _convert(function, lambda converter: None)


def float_operators(model: bytes) -> list[str]:
    """Name the operators of `model` that compute in floating point.

    A QUANTIZE that reads an input of the model and a DEQUANTIZE that writes an output do not count: they are
    what a float32 input or output is made of.
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
    tensor = function.inputs[0]  # behind it come the variables that the function captured
    shape = tuple(tensor.shape)
    for number, sample in enumerate(samples):
        if sample.shape != shape or sample.dtype != np.float32 or not np.isfinite(sample).all():
            raise CalibrationError(
                f"calibration sample {number} is {sample.dtype} {sample.shape}; the model takes finite float32 {shape}"
            )


def _convert(function: tf.types.experimental.ConcreteFunction, configure: Callable[[Any], None]) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError  # has no public name; the version is pinned

    # No trackable object beside the function: the converter would look for its variables and fail on constants.
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    configure(converter)
    try:
        with _quiet():
            return bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError, TypeError, AttributeError, tf.errors.OpError) as error:
        raise ConversionError(f"TensorFlow Lite's converter failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Find, in pages of compiler output, the line that names the operators at fault; else take the first one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    named = [line for line in lines if line.startswith(("TF Select ops:", "Custom ops:"))]
    return f"no such operators in TFLite: {'; '.join(named)}" if named else lines[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the converter's advice to use routes that fail on functions of constants."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)
