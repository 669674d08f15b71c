"""Runs a .tflite and reads its intermediate tensors: `IntermediateTensors`, and `logits_index`, which finds the logits.

The tensors become outputs of a copy of the model instead of being preserved by the interpreter: preserving all tensors
would disable the fast kernels, which are the ones that run on devices. It changes no model.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from mobiclass._system import available_cores
from mobiclass.tflite import Quantization, dequantize, quantize
from tools.errors import ConversionError

FloatArray = npt.NDArray[np.float32]

_OUTPUTS_SLOT: Final = 8  # of SubGraph in its vtable: tensors 4, inputs 6, outputs 8
_PASSED_THROUGH: Final = (
    schema.BuiltinOperator.DEQUANTIZE,
    schema.BuiltinOperator.QUANTIZE,
    schema.BuiltinOperator.RESHAPE,
    schema.BuiltinOperator.SQUEEZE,
)


class IntermediateTensors:
    """A loaded model whose intermediate tensors can be read."""

    def __init__(self, model: bytes, indices: Sequence[int]) -> None:
        """Load `model` with the tensors `indices` of its first subgraph as outputs, in that order.

        Raises:
            ConversionError: the runtime cannot load it.
        """
        self._indices = list(indices)
        try:
            self._interpreter = Interpreter(model_content=_expose(model, indices), num_threads=available_cores())
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ConversionError(f"the converted model cannot be run: {error}") from error
        (self._input,) = self._interpreter.get_input_details()
        details = {detail["index"]: detail for detail in self._interpreter.get_tensor_details()}
        self._quantizations = [_quantization(details[index]) for index in self._indices]

    def run(self, sample: FloatArray) -> list[FloatArray]:
        """Run the model on `sample`, float32 (1, height, width, 3), normalized, and return dequantized values."""
        outputs = self.run_raw(sample)
        return [dequantize(raw, scaled) for raw, scaled in zip(outputs, self._quantizations, strict=True)]

    def run_raw(self, sample: FloatArray) -> list[npt.NDArray[np.generic]]:
        """Run the model like `run`, and return the values in the dtypes of the model."""
        scaled, dtype = _quantization(self._input), np.dtype(self._input["dtype"]).name
        tensor = sample if scaled is None else quantize(sample, scaled, dtype)
        self._interpreter.set_tensor(self._input["index"], tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._indices]

    def channel_means(self, sample: FloatArray) -> dict[int, npt.NDArray[np.float64]]:
        """Run the model, and return by tensor index the dequantized means over all but the last dimension."""
        means = {}
        for index, raw, scaled in zip(self._indices, self.run_raw(sample), self._quantizations, strict=True):
            rows = raw.reshape(-1, raw.shape[-1]).astype(np.float32)  # sums of int8 stay exact
            mean = (np.ones(len(rows), np.float32) @ rows).astype(np.float64) / len(rows)
            means[index] = mean if scaled is None else (mean - scaled.zero_point) * scaled.scale
        return means


def logits_index(model: bytes) -> int:
    """Find the input tensor of the final softmax; the output itself where the graph has no softmax at the end."""
    parsed = schema.Model.GetRootAs(model, 0)
    subgraph = parsed.Subgraphs(0)
    writers = {
        int(operator.Outputs(0)): operator
        for operator in map(subgraph.Operators, range(subgraph.OperatorsLength()))
        if operator.OutputsLength()
    }
    output = index = int(subgraph.Outputs(0))
    while index in writers:
        code = operator_code(parsed, writers[index])
        index = int(writers[index].Inputs(0))
        if code == schema.BuiltinOperator.SOFTMAX:
            return index
        if code not in _PASSED_THROUGH:
            break
    return output


def operator_code(model: Any, operator: Any) -> int:
    """Return the `schema.BuiltinOperator` of an operator of the parsed `model`."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    return int(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))


def tensor_names(model: bytes) -> list[bytes]:
    """Return the names of the tensors of the first subgraph, by index."""
    subgraph = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    return [subgraph.Tensors(index).Name() for index in range(subgraph.TensorsLength())]


def float_tensors(model: bytes) -> dict[bytes, int]:
    """Return the indices of the float32 tensors of the first subgraph, by name."""
    subgraph = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    return {
        name: index
        for index, name in enumerate(tensor_names(model))
        if subgraph.Tensors(index).Type() == schema.TensorType.FLOAT32
    }


def _quantization(detail: dict[str, Any]) -> Quantization | None:
    scale, zero_point = detail["quantization"]
    return Quantization(float(scale), int(zero_point)) if scale else None


def _expose(model: bytes, indices: Sequence[int]) -> bytes:
    """Copy `model` with the tensors `indices` as its outputs.

    The offsets of a flatbuffer may point anywhere ahead: a new vector at the end replaces the old one, and everything
    else keeps its place and alignment.
    """
    copy = bytearray(model)
    copy += bytes(-len(copy) % 4)
    table = schema.Model.GetRootAs(model, 0).Subgraphs(0)._tab
    field = table.Pos + table.Offset(_OUTPUTS_SLOT)
    copy[field : field + 4] = struct.pack("<I", len(copy) - field)
    copy += struct.pack(f"<{1 + len(indices)}i", len(indices), *indices)
    return bytes(copy)
