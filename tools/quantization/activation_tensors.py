"""Finds the activations of an int8 .tflite whose ranges may be changed, and changes them in place in the flatbuffer.

It knows which tensors must share their quantization parameters, which have fixed ones, and what depends on a range:
the int32 biases of the layers that read the tensor. It chooses no ranges and runs nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tools.quantization.intermediate_tensors import operator_code

_Builtin: Final = schema.BuiltinOperator

# https://ai.google.dev/edge/litert/models/quantization_spec: inputs and outputs may each have parameters of their own.
_FREE: Final = frozenset({_Builtin.ADD, _Builtin.HARD_SWISH, _Builtin.MEAN, _Builtin.MUL, _Builtin.SUB})
# … or must share them …
_SHARED: Final = frozenset({
    _Builtin.AVERAGE_POOL_2D, _Builtin.CONCATENATION, _Builtin.EXPAND_DIMS, _Builtin.MAX_POOL_2D, _Builtin.PAD,
    _Builtin.RESHAPE, _Builtin.SLICE, _Builtin.SQUEEZE, _Builtin.STRIDED_SLICE, _Builtin.TRANSPOSE,
})  # fmt: skip
# … or the output's are fixed. Operators in none of these sets are left alone, and so are their tensors.
_PRESCRIBED: Final = frozenset({_Builtin.LOGISTIC, _Builtin.SOFTMAX})
# Input, weights and an int32 bias whose scale is the product of theirs.
_WEIGHTED: Final = frozenset({_Builtin.CONV_2D, _Builtin.DEPTHWISE_CONV_2D, _Builtin.FULLY_CONNECTED})

_LEVELS: Final = 255  # steps between the smallest and the largest int8
_LEAST: Final = -128


class ActivationTensors:
    """The activations of a model that is being edited.

    Attributes:
        model: its bytes, edited in place.
        groups: tensors that share a range that may be changed, by their index in the first subgraph.
    """

    def __init__(self, model: bytes) -> None:
        """Copy `model`, an int8 ``.tflite``, and find the ranges that may be changed."""
        self.model = bytearray(model)
        self._parsed = schema.Model.GetRootAs(self.model, 0)
        self._subgraph: Any = self._parsed.Subgraphs(0)
        self._operators = [_operator(self._parsed, self._subgraph, n) for n in range(self._subgraph.OperatorsLength())]
        self._buffers = Counter(tensor.Buffer() for tensor in map(self._subgraph.Tensors, self._indices()))
        self.groups = self._find_groups()

    def range_of(self, group: tuple[int, ...]) -> tuple[float, float]:
        """Return the smallest and the largest real value that the tensors of `group` can represent."""
        scales, zero_points = self._quantization(group[0])
        step, zero = float(scales[0]), int(zero_points[0])
        return (_LEAST - zero) * step, (_LEAST + _LEVELS - zero) * step

    def set_range(self, group: tuple[int, ...], low: float, high: float) -> None:
        """Set the range of `group` to `low` ≤ 0 … `high` ≥ 0, shifted so that 0 is represented exactly."""
        step = np.float32((high - low) / _LEVELS)
        zero = int(np.clip(np.rint(_LEAST - low / step), _LEAST, _LEAST + _LEVELS))
        for index in group:
            scale, zero_point = self._quantization(index)
            factor = float(scale[0]) / float(step)
            scale[0], zero_point[0] = step, zero
            for weights, bias in self._readers(index):
                self._rescale_bias(bias, self._quantization(weights)[0] * step, factor)

    def _rescale_bias(self, bias: int, scale: Any, factor: float) -> None:
        values = self._parsed.Buffers(self._subgraph.Tensors(bias).Buffer()).DataAsNumpy().view("<i4")
        limits = np.iinfo(np.int32)
        values[:] = np.clip(np.rint(values.astype(np.float64) * factor), limits.min, limits.max).astype(np.int32)
        self._quantization(bias)[0][:] = scale

    def _readers(self, index: int) -> list[tuple[int, int]]:
        """List (weights, bias) of the layers with a bias whose input is the tensor `index`."""
        return [
            (inputs[1], inputs[2])
            for code, inputs, _ in self._operators
            if code in _WEIGHTED and inputs[0] == index and len(inputs) > 2 and inputs[2] >= 0
        ]

    def _quantization(self, index: int) -> tuple[Any, Any]:
        """Return views of the scales and zero points of a tensor; writing to them edits the model."""
        quantization = self._subgraph.Tensors(index).Quantization()
        return quantization.ScaleAsNumpy(), quantization.ZeroPointAsNumpy()

    def _find_groups(self) -> list[tuple[int, ...]]:
        same = _Partition(self._subgraph.TensorsLength())
        fixed = {*self._subgraph.InputsAsNumpy().tolist(), *self._subgraph.OutputsAsNumpy().tolist()}
        for code, inputs, outputs in self._operators:
            read = [index for index in inputs if index >= 0 and not self._is_constant(index)]
            if code in _SHARED:
                same.join([*read, *outputs])
            elif code in _PRESCRIBED:
                fixed.update(outputs)
            elif code in _WEIGHTED:
                fixed.update(read[1:])  # weights that are computed at run time
                if len(inputs) > 2 and inputs[2] >= 0 and not self._owns_bias(inputs[2]):
                    fixed.update(read)
            elif code not in _FREE:
                fixed.update([*read, *outputs])
        kept = {same.find(index) for index in fixed}
        groups: dict[int, list[int]] = {}
        for index in self._indices():
            if self._is_activation(index) and same.find(index) not in kept:
                groups.setdefault(same.find(index), []).append(index)
        return [tuple(group) for group in groups.values()]

    def _indices(self) -> range:
        return range(self._subgraph.TensorsLength())

    def _is_constant(self, index: int) -> bool:
        return bool(self._parsed.Buffers(self._subgraph.Tensors(index).Buffer()).DataLength())

    def _is_activation(self, index: int) -> bool:
        tensor = self._subgraph.Tensors(index)
        return tensor.Type() == schema.TensorType.INT8 and not self._is_constant(index)

    def _owns_bias(self, index: int) -> bool:
        tensor = self._subgraph.Tensors(index)
        return tensor.Type() == schema.TensorType.INT32 and self._buffers[tensor.Buffer()] == 1


class _Partition:
    """Disjoint sets of numbers (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def find(self, number: int) -> int:
        """Return the representative of the set of `number`."""
        while self._parents[number] != number:
            number = self._parents[number]
        return number

    def join(self, numbers: list[int]) -> None:
        """Unite the sets of `numbers`."""
        for number in numbers[1:]:
            self._parents[self.find(number)] = self.find(numbers[0])


def _operator(parsed: Any, subgraph: Any, number: int) -> tuple[int, list[int], list[int]]:
    operator = subgraph.Operators(number)
    return operator_code(parsed, operator), operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
