"""What the Edge TPU supports: its operators and their limits as published by Google, checked for each layer.

It reads no file and asks no compiler, which has the last word: some limits depend on sizes that are not published.
The table: https://coral.ai/docs/edgetpu/models-intro/#supported-operations (here for runtime version 14, the last);
Axis gives its limits too: https://developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops/.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from mobiclass.inspection.layers import Layer, LayerTensor
from mobiclass.tflite import EDGETPU_CUSTOM_OP, FlatbufferError, Table

# By their names in the TFLite schema. An activation such as ReLU6 is part of the operator before it, or one of its own.
SUPPORTED: Final = frozenset({
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED",
    "L2_NORMALIZATION", "LOGISTIC", "LSTM", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU",
    "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE",
    "STRIDED_SLICE", "SUB", "SUM", "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
})  # fmt: skip

_EIGHT_BITS: Final = ("int8", "uint8")
_INNERMOST: Final = 3
_RANK: Final = 4  # of an image: batch, height, width, channels
_MAX_SOFTMAX: Final = 16_000
_REDUCERS: Final = ("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM")
_PACKAGE: Final = b"DWN1"


def unsupported_reason(layer: Layer) -> str | None:
    """Say why the Edge TPU cannot run `layer`; ``None`` where it meets every published limit."""
    if layer.custom_name == EDGETPU_CUSTOM_OP:
        return None
    if layer.operator == "CUSTOM":
        return "not a custom operator of the Edge TPU"
    if layer.operator not in SUPPORTED:
        return "not an operator of the Edge TPU"
    found = (_tensor_unsupported(layer, tensor) for tensor in layer.tensors)
    reason = next((one for one in found if one), None)
    limit = _LIMITS.get(layer.operator)
    return reason or (limit(layer) if limit else None)


def required_runtime(custom_options: bytes | memoryview) -> int | None:
    """Read from a compiled operator which version of the Edge TPU's runtime it needs; ``None`` where it does not say.

    The operator holds a DarwiNN package, a FlatBuffers table whose first field is that version
    (https://github.com/google-coral/libedgetpu/blob/master/executable/executable.fbs).
    """
    content = bytes(custom_options)
    start = content.find(_PACKAGE) - struct.calcsize("<I")
    if start < 0:
        return None
    try:
        return Table.root(memoryview(content)[start:], _PACKAGE).scalar(0, "i") or None
    except FlatbufferError:
        return None


def _tensor_unsupported(layer: Layer, tensor: LayerTensor) -> str | None:
    if not tensor.static:
        return "a tensor of dynamic shape"
    if tensor.constant:
        return _weights_unsupported(tensor)
    if tensor.dtype not in _EIGHT_BITS:
        return f"{tensor.dtype} activations; the Edge TPU needs 8 bits"
    if any(side > 1 for side in tensor.shape[:-_INNERMOST]):
        return "a dimension larger than 1 beyond the three innermost"
    return None


def _weights_unsupported(tensor: LayerTensor) -> str | None:
    if "float" in tensor.dtype:
        return f"{tensor.dtype} weights; the Edge TPU needs 8 bits"
    return None


def _pooling(layer: Layer) -> str | None:
    return f"a fused activation ({layer.options.activation})" if layer.options.activation else None


def _concatenation(layer: Layer) -> str | None:
    if reason := _pooling(layer):
        return reason
    constants = [tensor for tensor in layer.inputs if tensor is not None and tensor.constant]
    if constants and len(layer.inputs) != 2:
        return "a constant concatenated with more than one tensor"
    if not all(_all_zeros(tensor) for tensor in constants):
        return "a concatenated constant that is not all zeros"
    return None


def _all_zeros(tensor: LayerTensor) -> bool:
    """Whether the real values of an 8-bit constant are 0: all of it is the zero point."""
    zero = (tensor.zero_points[0] if tensor.zero_points else 0) & 0xFF
    return set(tensor.content) <= {zero}


def _dilation(layer: Layer) -> str | None:
    if layer.options.dilation_height != layer.options.dilation_width:
        return "different dilation factors in height and width"
    return None


def _fully_connected(layer: Layer) -> str | None:
    if layer.options.weights_format:
        return "weights in a non-default format"
    if any(side > 1 for tensor in layer.outputs for side in tensor.shape[:-1]):
        return "an output of more than one dimension"
    weights = layer.input(1)
    return None if weights is not None and weights.constant else "weights that are not constant"


def _softmax(layer: Layer) -> str | None:
    source = layer.input(0)
    if source is None:
        return None
    if any(side > 1 for side in source.shape[:-1]):
        return "an input of more than one dimension"
    return f"an input of more than {_MAX_SOFTMAX:,} values" if max(source.shape, default=0) > _MAX_SOFTMAX else None


def _reduction(layer: Layer) -> str | None:
    source, axes = layer.input(0), layer.input(1)
    if source is None or axes is None:
        return None
    if not axes.constant:
        return "axes that are not constant"
    rank = len(source.shape)
    reduced = {axis % rank for axis in _integers(axes)} if rank == _RANK else set()
    if 0 in reduced:
        return "a reduction over the batch"
    if layer.operator == "MEAN" and rank - 1 in reduced and source.shape[-1] % 4:
        return "a mean over channels whose number is not a multiple of 4"
    return None


def _padding(layer: Layer) -> str | None:
    source, paddings = layer.input(0), layer.input(1)
    if source is None or paddings is None:
        return None
    if not paddings.constant:
        return "padding that is not constant"
    # One pair a dimension, the batch's first.
    return "padding of the batch" if len(source.shape) == _RANK and any(_integers(paddings)[:2]) else None


def _packing(layer: Layer) -> str | None:
    packs_batch = any(len(output.shape) == _RANK and layer.options.axis % _RANK == 0 for output in layer.outputs)
    return "packing along the batch" if packs_batch else None


def _splitting(layer: Layer) -> str | None:
    axis, source = layer.input(0), layer.input(1)
    if axis is None or source is None:
        return None
    if not axis.constant:
        return "an axis that is not constant"
    rank = len(source.shape)
    return "a split of the batch" if rank == _RANK and 0 in (one % rank for one in _integers(axis)) else None


def _strided_slice(layer: Layer) -> str | None:
    strides = layer.input(3)
    if strides is None:
        return None
    if not strides.constant:
        return "strides that are not constant"
    return "strides other than 1" if set(_integers(strides)) - {1} else None


def _reshape(layer: Layer) -> str | None:
    shape = layer.input(1)
    return "a new shape that is not constant" if shape is not None and not shape.constant else None


def _prelu(layer: Layer) -> str | None:
    alpha = layer.input(1)
    if alpha is not None and any(side > 1 for side in alpha.shape[:-1]):
        return "slopes that differ by position; use shared axes [1, 2]"
    return None


def _integers(tensor: LayerTensor) -> tuple[int, ...]:
    kind, item_bytes = ("q", 8) if tensor.dtype == "int64" else ("i", 4)
    count = min(len(tensor.content) // item_bytes, 16)  # as many as a tensor has dimensions
    return struct.unpack_from(f"<{count}{kind}", tensor.content)


_LIMITS: Final[dict[str, Callable[[Layer], str | None]]] = {
    "AVERAGE_POOL_2D": _pooling,
    "CONCATENATION": _concatenation,
    "CONV_2D": _dilation,
    "DEPTHWISE_CONV_2D": _dilation,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pooling,
    "PACK": _packing,
    "PAD": _padding,
    "PRELU": _prelu,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SPLIT": _splitting,
    "STRIDED_SLICE": _strided_slice,
    **dict.fromkeys(_REDUCERS, _reduction),
}
