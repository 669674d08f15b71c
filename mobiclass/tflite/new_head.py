"""A new head on the features of a model: dense layer and softmax in the arithmetic that the base has."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from mobiclass.errors import ModelError
from mobiclass.tflite.editing import ModelEdit
from mobiclass.tflite.flatbuffer_writer import NewTable, Number
from mobiclass.tflite.graph import open_model
from mobiclass.tflite.head import Head
from mobiclass.tflite.network import Network, Quantization

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FULLY_CONNECTED, _SOFTMAX, _QUANTIZE, _DEQUANTIZE = 9, 25, 114, 6
_FULLY_CONNECTED_OPTIONS, _SOFTMAX_OPTIONS, _QUANTIZE_OPTIONS, _DEQUANTIZE_OPTIONS = 8, 9, 83, 26
# The oldest versions that have what is used; a runtime refuses those that it does not know.
_VERSIONS: Final = {
    "float32": (1, 1), "uint8": (1, 1), "int8": (4, 2),
}  # fmt: skip
_PROBABILITIES: Final = {"uint8": Quantization(1 / 256, 0), "int8": Quantization(1 / 256, -128)}
_LIMITS: Final = {"uint8": (0, 255), "int8": (-128, 127)}
_MOST_BIAS_STEPS: Final = 2**30  # leaves the other half of 32 bits to the products that are added


class NewHead(NamedTuple):
    """A dense layer.

    Attributes:
        weights: float32 (C, D).
        bias: float32 (C,).
        logits_range: the least and the greatest logit that must be told apart; further ones saturate.
    """

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    logits_range: tuple[float, float]


def replace_head(content: bytes, head: Head, new: NewHead, file: str, *, output_place: int = 0) -> bytes:
    """Put a new dense layer and a softmax on the features of the model `content`.

    They compute in the type of the features: float32, uint8 with one scale for all weights, or int8 with one scale a
    class. The scores have the type that the model's had: those of an embedding extractor the type of its features.
    TFLite Metadata, signatures and an appended zip, which are about other classes, are left out.

    Args:
        content: the base.
        head: what `find_head` has found in it.
        new: the new layer.
        file: names the base in messages.
        output_place: which output of the base had the scores; the new model has no other.

    Raises:
        ModelError: the base is damaged, or the weights are not finite or of another shape.
    """
    import numpy as np

    classes = len(new.bias)
    if new.weights.shape != (classes, head.width) or classes < 2:
        raise ModelError(f"{file}: a head of {new.weights.shape} does not fit {head.width} features")
    if not (np.isfinite(new.weights).all() and np.isfinite(new.bias).all()):
        raise ModelError(f"{file}: the weights of a new head are NaN or infinite")
    with open_model(content, file) as model:
        network = Network(model)
        scores = network.spec(network.outputs[output_place]).dtype if head.classes else head.features.dtype
    edit = ModelEdit(content, file)
    edit.keep_operators(head.kept)
    dtype = head.features.dtype
    logits = _add_dense(edit, head, new)
    output = edit.add_tensor("scores", (1, classes), dtype, **_scale(_PROBABILITIES.get(dtype)))
    beta = NewTable({0: Number("f", 1.0)})
    edit.add_operator(_SOFTMAX, _VERSIONS[dtype][1], [logits], output, (_SOFTMAX_OPTIONS, beta))
    if scores != dtype and dtype in _PROBABILITIES:
        output = _convert(edit, output, classes, dtype, scores)
    edit.set_outputs([output])
    return edit.finish()


def _add_dense(edit: ModelEdit, head: Head, new: NewHead) -> int:
    """Add the dense layer with its constants, and give the index of the logits."""
    classes, dtype = len(new.bias), head.features.dtype
    if dtype == "float32":
        weights = edit.add_constant("head/weights", new.weights.shape, dtype, _bytes(new.weights, "<f4"))
        bias = edit.add_constant("head/bias", (classes,), dtype, _bytes(new.bias, "<f4"))
        logits = edit.add_tensor("logits", (1, classes), dtype)
    else:
        assert head.features.quantization is not None
        quantized, scales, zero_points = _quantized_weights(new, dtype, head.features.quantization.scale)
        weights = edit.add_constant(
            "head/weights", new.weights.shape, dtype, quantized, scales=scales, zero_points=zero_points
        )
        steps = [head.features.quantization.scale * scale for scale in scales]
        bias = edit.add_constant(
            "head/bias",
            (classes,),
            "int32",
            _quantized_bias(new.bias, steps),
            scales=steps,
            zero_points=[0] * len(steps),
        )
        logits = edit.add_tensor("logits", (1, classes), dtype, **_scale(_logits_scale(new.logits_range, dtype)))
    no_activation = NewTable({0: Number("b", 0)})
    edit.add_operator(
        _FULLY_CONNECTED, _VERSIONS[dtype][0], [head.features_tensor, weights, bias], logits,
        (_FULLY_CONNECTED_OPTIONS, no_activation),
    )  # fmt: skip
    return logits


def _quantized_weights(new: NewHead, dtype: str, features_scale: float) -> tuple[bytes, list[float], list[int]]:
    """Quantize weights: int8 with a scale a class and no zero point, uint8 with one scale and one zero point.

    A scale is large enough for the bias too, whose steps hang on it: the bias of a class with weights of almost zero,
    or of features with a tiny scale, would not fit into 32 bits.
    """
    import numpy as np

    weights = new.weights
    least = np.maximum(np.abs(new.bias).astype(np.float64) / _MOST_BIAS_STEPS / features_scale, 1e-12)
    if dtype == "int8":
        scales = np.maximum(np.abs(weights).max(axis=1).astype(np.float64) / 127, least)
        scales = scales.astype(np.float32).astype(np.float64)
        steps = np.clip(np.rint(weights / scales[:, np.newaxis]), -127, 127)
        return steps.astype(np.int8).tobytes(), [float(scale) for scale in scales], [0] * len(scales)
    low, high = min(0.0, float(weights.min())), max(0.0, float(weights.max()))
    scale = struct.unpack("<f", struct.pack("<f", max((high - low) / 254, float(least.max()))))[
        0
    ]  # zero itself is a step
    zero_point = round(-low / scale) + 1
    steps = np.clip(np.rint(weights / scale) + zero_point, 1, 255)  # 0 would be slow on Arm: kernels assume 1 to 255
    return steps.astype(np.uint8).tobytes(), [scale], [zero_point]


def _quantized_bias(bias: npt.NDArray[np.float32], steps: list[float]) -> bytes:
    import numpy as np

    content: bytes = np.rint(bias.astype(np.float64) / np.asarray(steps)).astype("<i4").tobytes()
    return content


def _logits_scale(logits_range: tuple[float, float], dtype: str) -> Quantization:
    low, high = min(0.0, logits_range[0]), max(0.0, logits_range[1])
    least, greatest = _LIMITS[dtype]
    scale = struct.unpack("<f", struct.pack("<f", max(high - low, 1e-6) / (greatest - least)))[0]
    return Quantization(scale, max(least, min(greatest, round(least - low / scale))))


def _convert(edit: ModelEdit, scores: int, classes: int, dtype: str, wanted: str) -> int:
    """Give scores in the type that the base gave them in: of other 8 bits, or as floats."""
    if wanted in _PROBABILITIES:
        output = edit.add_tensor("output", (1, classes), wanted, **_scale(_PROBABILITIES[wanted]))
        edit.add_operator(_QUANTIZE, 2, [scores], output, (_QUANTIZE_OPTIONS, NewTable()))
    elif wanted == "float32":
        output = edit.add_tensor("output", (1, classes), wanted)
        edit.add_operator(_DEQUANTIZE, 2 if dtype == "int8" else 1, [scores], output, (_DEQUANTIZE_OPTIONS, NewTable()))
    else:
        return scores
    return output


class _Scale(TypedDict, total=False):
    scales: list[float]
    zero_points: list[int]


def _scale(quantization: Quantization | None) -> _Scale:
    if quantization is None:
        return {}
    return {"scales": [quantization.scale], "zero_points": [quantization.zero_point]}


def _bytes(values: npt.NDArray[np.float32], dtype: str) -> bytes:
    return values.astype(dtype).tobytes()
