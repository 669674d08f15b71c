"""Traces a Keras classifier as a concrete function for the converter: batch 1, fixed resolution, probabilities.

It checks that the model takes one RGB image and returns one row of scores, and adds a softmax to a model that ends in
logits. It does not change the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.errors import ConversionError, KerasFileError

_PASS_THROUGH = ("Identity", "Reshape", "Squeeze")
_PROBABILITIES = ("Softmax", "Sigmoid")


class Geometry(NamedTuple):
    """The input's height and width, and the number of outputs."""

    height: int
    width: int
    classes: int


def check_classifier(model: Any, source: str, resolution: int | None = None) -> Geometry:
    """Require `model` to take one RGB image and return one row of scores.

    Args:
        model: a Keras model.
        source: its file, for messages.
        resolution: height and width for a model that takes images of any size.

    Raises:
        KerasFileError: it is not an image classifier, or its resolution is undefined or not `resolution`.
    """
    inputs, outputs = _shapes(model, "inputs", source), _shapes(model, "outputs", source)
    if len(inputs) != 1 or len(outputs) != 1:
        raise KerasFileError(
            f"{source}: not an image classifier: it has {len(inputs)} inputs and {len(outputs)} outputs, not one each"
        )
    (shape,), (scores,) = inputs, outputs
    if len(shape) != 4 or shape[3] != 3:
        reason = f"its input is {_text(shape)}, not batch×height×width×3 (RGB)"
        hint = "; channels must come last" if len(shape) == 4 and shape[1] == 3 else ""
        raise KerasFileError(f"{source}: not an image classifier: {reason}{hint}")
    if len(scores) != 2 or scores[1] is None or scores[1] < 2:
        raise KerasFileError(
            f"{source}: not an image classifier: its output is {_text(scores)}, not batch×classes with two or more "
            "classes; a network without a head returns features; a single sigmoid output must become a softmax over two"
        )
    height, width = (side or resolution for side in shape[1:3])
    if height is None or width is None:
        raise KerasFileError(f"{source}: takes images of any size; set one with --resolution, such as 224")
    if resolution is not None and (height, width) != (resolution, resolution):
        raise KerasFileError(f"{source}: takes {height}×{width} pixels, not {resolution}; omit --resolution")
    return Geometry(height, width, scores[1])


def trace(model: Any, geometry: Geometry) -> Any:
    """Trace `model` as a concrete function: float32 (1, height, width, 3) → float32 (1, classes), probabilities.

    Raises:
        ConversionError: the model cannot be traced at this resolution.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((1, geometry.height, geometry.width, 3), tf.float32, name="image")]

    def classify(image: Any) -> Any:
        return model(image, training=False)

    def classify_with_softmax(image: Any) -> Any:
        return tf.nn.softmax(model(image, training=False), name="probability")

    try:
        function = tf.function(classify, input_signature=signature, autograph=False).get_concrete_function()
        if _ends_in_probabilities(function):
            return function
        return tf.function(classify_with_softmax, input_signature=signature, autograph=False).get_concrete_function()
    except Exception as error:
        raise ConversionError(f"the model cannot be traced at {geometry.height}×{geometry.width}: {error}") from error


def run_function(function: Any, samples: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Run the traced `function` on `samples`, (1, height, width, 3) each; returns float32 (samples, classes)."""
    import tensorflow as tf

    rows = []
    for sample in samples:
        result = function(tf.constant(sample))
        rows.append(np.asarray(result if not isinstance(result, (list, tuple)) else result[0])[0])
    return np.stack(rows)


def _ends_in_probabilities(function: Any) -> bool:
    operation = function.outputs[0].op
    while operation.type in _PASS_THROUGH and operation.inputs:
        operation = operation.inputs[0].op
    return operation.type in _PROBABILITIES


def _shapes(model: Any, name: str, source: str) -> list[tuple[int | None, ...]]:
    tensors = getattr(model, name, None)
    if not tensors:
        raise KerasFileError(f"{source}: the model has no fixed {name}; build it with an Input layer and save it again")
    return [tuple(tensor.shape) for tensor in tensors]


def _text(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if side is None else str(side) for side in shape)
