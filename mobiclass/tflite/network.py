"""The main subgraph of a model from inside: its operators, its tensors, and the constants among them.

It is read from the file as it is asked for, checked against its bounds, and copies no weights: only constants of a few
values, such as a mean or an axis, are read. What the graph computes is for `tracing` and `normalization`.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from functools import cached_property
from math import isfinite, prod
from typing import Final, Literal, NamedTuple, TypeAlias

from mobiclass.tflite.flatbuffer import FlatbufferError, Table, item
from mobiclass.tflite.operators import operator_name

TracedKind: TypeAlias = Literal["probabilities", "multilabel", "logits", "open"]
"""What the values of an output are, as far as the graph tells."""

_TENSOR_TYPES: Final = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
)  # fmt: skip
_INTEGERS: Final = {"uint8", "int8", "int16", "int32", "int64"}
_ZERO_POINTS: Final = {"uint8": (0, 255), "int8": (-128, 127)}
_OTHER_ZERO_POINTS: Final = (-(2**31), 2**31 - 1)
_FORMATS: Final = {
    "float32": "f", "float16": "e", "float64": "d", "uint8": "B", "int8": "b", "int16": "h", "int32": "i", "int64": "q",
}  # fmt: skip
KEEPS_VALUES: Final = frozenset({
    "DEQUANTIZE", "QUANTIZE", "FAKE_QUANT", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "STABLEHLO_RESHAPE",
    "STABLEHLO_TRANSPOSE",
})  # fmt: skip
"""Operators whose output has the values of their first input."""

_MAX_CONSTANT_VALUES: Final = 4096  # a mean a channel, a bias a class; the weights of a layer are more
_MAX_VALUES: Final = 2**40
_ACTIVATION_SLOTS: Final = {
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 0, "AVERAGE_POOL_2D": 5, "MAX_POOL_2D": 5,
    "CONCATENATION": 1, "ADD": 0, "MUL": 0, "SUB": 0, "DIV": 0, "L2_NORMALIZATION": 0, "TRANSPOSE_CONV": 3,
}  # fmt: skip
_ACTIVATIONS: Final = ("", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
_KEEPS_CONSTANTS: Final = ("DEQUANTIZE", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "BROADCAST_TO")
_MAX_STEPS: Final = 8


class Quantization(NamedTuple):
    """The affine mapping ``real = (quantized − zero_point) · scale`` of one tensor."""

    scale: float
    zero_point: int


class TensorSpec(NamedTuple):
    """A tensor's name, shape, dtype (NumPy's name) and quantization (``None``: the values are real).

    Attributes:
        shape: as the file gives it; a dimension that is open is −1, or a stand-in of 1.
        signature: the shape with −1 where a dimension is open; empty where the file does not say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    signature: tuple[int, ...] = ()

    @property
    def values(self) -> int:
        """The number of its values, an open dimension counted as 1."""
        return min(_MAX_VALUES, prod(max(1, side) for side in self.shape))


class Head(NamedTuple):
    """What computes an output.

    Attributes:
        operator: the operator that does, reshaping and requantizing aside; ``""`` where none does.
        kind: what its values are.
        reason: how that was found, for people.
    """

    operator: str
    kind: TracedKind
    reason: str


class Folded(NamedTuple):
    """``(x − mean) / std`` of the value `x` that the graph is fed, a mean and a std a channel, in the graph's order."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Operator(NamedTuple):
    """An operator: its name, and the tensors that it reads (−1: an optional one is left out) and writes."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Table

    @property
    def activation(self) -> str:
        """The activation that is part of it, as an operator's name; empty where there is none."""
        slot = _ACTIVATION_SLOTS.get(self.name)
        return "" if slot is None else item(_ACTIVATIONS, self.option(slot, "b"))

    def option(self, slot: int, fmt: str, default: int = 0) -> int:
        """Read one number of its options."""
        options = self.table.table(4)
        return options.scalar(slot, fmt, default) if options else default


class Stored(NamedTuple):
    """A constant as it is kept: its bytes, and what they mean.

    Attributes:
        scales: none of real values, one, or one for each place along `axis`.
        zero_points: as many; none where all are 0.
    """

    dtype: str
    shape: tuple[int, ...]
    content: memoryview
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


class Network:
    """The main subgraph. All that it reads may raise a `FlatbufferError`.

    Attributes:
        inputs: the places of the tensors that it takes.
        outputs: the places of the tensors that it gives.
        operators: in the order in which they run.
        custom_ops: the names of the custom operators that the model has, each once.
    """

    def __init__(self, model: Table) -> None:
        """Open the main subgraph of `model`."""
        codes = list(model.tables(1))
        subgraph = next(model.tables(2), None)
        if subgraph is None:
            raise FlatbufferError("no subgraph")
        self._model = model
        self._tensors = list(subgraph.tables(0))
        self._specs: dict[int, TensorSpec] = {}
        names = [operator_code_name(code) for code in codes]
        custom = [code.string(1) or "" for code, name in zip(codes, names, strict=True) if name == "CUSTOM"]
        self.custom_ops = tuple(dict.fromkeys(custom))
        self.operators = [
            Operator(item(names, operator.scalar(0, "I")), operator.integers(1), operator.integers(2), operator)
            for operator in subgraph.tables(3)
        ]
        self.inputs = subgraph.integers(1)
        self.outputs = subgraph.integers(2)

    @cached_property
    def _buffers(self) -> list[Table]:
        return list(self._model.tables(4))

    @cached_property
    def _producers(self) -> dict[int, Operator]:
        return {index: operator for operator in self.operators for index in operator.outputs}

    @cached_property
    def _consumers(self) -> dict[int, list[Operator]]:
        consumers = defaultdict(list)
        for operator in self.operators:
            for index in dict.fromkeys(operator.inputs):
                consumers[index].append(operator)
        return consumers

    def producer(self, tensor: int) -> Operator | None:
        """Give the operator that writes `tensor`; ``None`` where none does."""
        return self._producers.get(tensor)

    def maker(self, tensor: int) -> Operator | None:
        """Find the operator that computes the values of `tensor`, reshaping and requantizing aside."""
        for _ in range(len(self.operators) + 1):  # a damaged graph may run in a circle
            operator = self.producer(tensor)
            if operator is None or not operator.inputs or operator.name not in KEEPS_VALUES:
                return operator
            tensor = operator.inputs[0]
        return None

    def consumers(self, tensor: int) -> list[Operator]:
        """Give the operators that read `tensor`."""
        return self._consumers.get(tensor, [])

    def spec(self, tensor: int) -> TensorSpec:
        """Describe `tensor`."""
        if tensor not in self._specs:
            self._specs[tensor] = _tensor_spec(item(self._tensors, tensor))
        return self._specs[tensor]

    def buffer(self, place: int) -> memoryview:
        """Look at the bytes of a buffer."""
        return item(self._buffers, place).bytes(0)

    def stored(self, tensor: int) -> Stored | None:
        """Look at a constant of any size as the file has it; ``None`` for what is computed, or fed.

        A constant that is kept in another type and converted where it is used gives the one that is kept.
        """
        for _ in range(_MAX_STEPS):
            producer = self.producer(tensor)
            if producer is None:
                break
            if producer.name not in _KEEPS_CONSTANTS or not producer.inputs:
                return None
            tensor = producer.inputs[0]
        if tensor < 0 or tensor in self.inputs:
            return None
        table = item(self._tensors, tensor)
        content = self.buffer(place) if (place := table.scalar(2, "I")) else None
        if not content:
            return None
        parameters = table.table(4)
        if parameters is None or tensor_dtype(table) not in _INTEGERS:
            return Stored(tensor_dtype(table), table.integers(0), content, (), (), 0)
        scales, zero_points = parameters.numbers(2, "f"), parameters.integers(3, "q")
        return Stored(tensor_dtype(table), table.integers(0), content, scales, zero_points, parameters.scalar(6, "i"))

    def constant(self, tensor: int, most: int = _MAX_CONSTANT_VALUES) -> tuple[float, ...] | None:
        """Give the real values of a constant of `most` values; ``None`` for what is none, or not finite.

        A constant may be stored in another type and converted where it is used.
        """
        for _ in range(_MAX_STEPS):
            producer = self.producer(tensor)
            if producer is None:
                return self._stored(tensor, most)
            if producer.name not in _KEEPS_CONSTANTS or not producer.inputs:
                return None
            tensor = producer.inputs[0]
        return None

    def _stored(self, tensor: int, most: int) -> tuple[float, ...] | None:
        if tensor < 0 or tensor in self.inputs:
            return None
        spec, place = self.spec(tensor), item(self._tensors, tensor).scalar(2, "I")
        fmt = _FORMATS.get(spec.dtype)
        if not place or fmt is None or spec.values > most:
            return None
        content = self.buffer(place)
        if len(content) != spec.values * struct.calcsize(fmt):
            return None  # empty: it is no constant
        values = struct.unpack(f"<{spec.values}{fmt}", content)
        if spec.quantization is not None:
            scale, zero_point = spec.quantization
            values = tuple((value - zero_point) * scale for value in values)
        return tuple(map(float, values)) if all(map(isfinite, values)) else None


def operator_code_name(code: Table) -> str:
    """Name the operator of an entry of the model's operator codes."""
    # Operators below 127 stand in the deprecated byte as well; old models have that one alone.
    return operator_name(max(code.scalar(0, "b"), code.scalar(3, "i")))


def tensor_dtype(tensor: Table) -> str:
    """Give NumPy's name of a tensor's type, or TFLite's where NumPy has none."""
    number = tensor.scalar(1, "b")
    return _TENSOR_TYPES[number] if 0 <= number < len(_TENSOR_TYPES) else f"type {number}"


def _tensor_spec(tensor: Table) -> TensorSpec:
    dtype = tensor_dtype(tensor)
    # The floats of a model trained for quantization may carry a scale; the runtimes take them as they are.
    parameters = tensor.table(4) if dtype in _INTEGERS else None
    scales = parameters.numbers(2, "f") if parameters else ()
    zero_points = parameters.integers(3, "q") if parameters else ()
    quantization = None
    if len(scales) == 1:
        if not isfinite(scales[0]) or scales[0] <= 0:
            raise FlatbufferError(f"a quantization scale of {scales[0]}")
        zero_point = zero_points[0] if zero_points else 0
        least, greatest = _ZERO_POINTS.get(dtype, _OTHER_ZERO_POINTS)
        if not least <= zero_point <= greatest:
            raise FlatbufferError(f"a quantization zero point of {zero_point}")
        quantization = Quantization(scales[0], zero_point)
    return TensorSpec(tensor.string(3) or "", tensor.integers(0), dtype, quantization, tensor.integers(7))
