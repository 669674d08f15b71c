"""Measures where quantization loses precision: the error of every layer's output against the float model's.

Both models run on the same inputs, and every layer's output is read. It decides nothing and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tools.quantization.intermediate_tensors import IntermediateTensors, float_tensors

FloatArray = npt.NDArray[np.float32]

_CLIPPED: Final = 0.01  # a channel is saturated if more than this fraction of its values lies outside the int8 range
_IGNORED: Final = (
    schema.BuiltinOperator.QUANTIZE,
    schema.BuiltinOperator.DEQUANTIZE,
    schema.BuiltinOperator.RESHAPE,
    schema.BuiltinOperator.SOFTMAX,
)
_WEIGHTED: Final = ("convolution", "depthwise", "MatMul")  # Keras's names of the operations that have weights
_NO_NOISE_DB: Final = 99.0


class LayerError(NamedTuple):
    """One layer of the int8 model.

    Attributes:
        name: the layer's name in Keras.
        operator: its operator in TFLite.
        snr_db: signal-to-noise ratio of its output, in decibels.
        loss_db: how much lower that is than the worst of its inputs.
        channels: the number of its output channels.
        saturated: how many of them have more than 1 % of their float values outside the int8 range.
    """

    name: str
    operator: str
    snr_db: float
    loss_db: float
    channels: int
    saturated: int


class _Layer(NamedTuple):
    output: int
    float_output: int
    inputs: tuple[int, ...]
    name: str
    operator: str
    low: float
    high: float


class _Sums:
    """Signal, noise and clipping of one layer, summed over the samples."""

    def __init__(self) -> None:
        self.signal = self.noise = 0.0
        self.clipped: npt.NDArray[np.int64] | None = None
        self.pixels = 0

    def add(self, wanted: FloatArray, found: FloatArray, low: float, high: float) -> None:
        self.signal += float(np.square(wanted, dtype=np.float64).sum())
        self.noise += float(np.square(wanted - found, dtype=np.float64).sum())
        rows = wanted.reshape(-1, wanted.shape[-1])
        outside = ((rows < low) | (rows > high)).sum(axis=0)
        self.clipped = outside if self.clipped is None else self.clipped + outside
        self.pixels += len(rows)

    @property
    def decibels(self) -> float:
        if self.noise == 0 or self.signal == 0:
            return _NO_NOISE_DB
        return min(_NO_NOISE_DB, 10 * float(np.log10(self.signal / self.noise)))


def measure_layer_errors(model: bytes, float_model: bytes, samples: Sequence[FloatArray]) -> tuple[LayerError, ...]:
    """Measure every layer of the int8 `model` against `float_model`, first to last.

    Args:
        model: an int8 ``.tflite``.
        float_model: the float32 ``.tflite`` of the same graph; tensors are matched by their names.
        samples: float32 (1, height, width, 3) each, normalized.

    Raises:
        ConversionError: a model cannot be run.
    """
    layers = _matching_layers(model, float_model)
    inner = IntermediateTensors(model, [layer.output for layer in layers])
    float_inner = IntermediateTensors(float_model, [layer.float_output for layer in layers])
    sums = [_Sums() for _ in layers]
    for sample in samples:
        for layer, total, found, wanted in zip(layers, sums, inner.run(sample), float_inner.run(sample), strict=True):
            total.add(wanted, found, layer.low, layer.high)
    decibels = {layer.output: total.decibels for layer, total in zip(layers, sums, strict=True)}
    return tuple(_summary(layer, total, decibels) for layer, total in zip(layers, sums, strict=True))


def worst_layers(errors: Sequence[LayerError], count: int = 5) -> list[LayerError]:
    """Return the `count` layers that lose the most between their inputs and their output."""
    return sorted(errors, key=lambda error: -error.loss_db)[:count]


def _summary(layer: _Layer, total: _Sums, decibels: dict[int, float]) -> LayerError:
    own = decibels[layer.output]
    # An input that no measured layer writes is the image itself, with the error of 8-bit pixels: 50 dB.
    before = min((decibels.get(index, 50.0) for index in layer.inputs), default=50.0)
    clipped = np.zeros(1) if total.clipped is None else total.clipped
    saturated = int((clipped > _CLIPPED * total.pixels).sum())
    return LayerError(
        layer.name, layer.operator, round(own, 2), round(max(0.0, before - own), 2), len(clipped), saturated
    )


def _matching_layers(model: bytes, float_model: bytes) -> list[_Layer]:
    by_name = float_tensors(float_model)
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    subgraph = parsed.subgraphs[0]
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    layers = []
    for operator in subgraph.operators:
        code = parsed.operatorCodes[operator.opcodeIndex]
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
        tensor = subgraph.tensors[operator.outputs[0]]
        if builtin in _IGNORED or tensor.name not in by_name or tensor.type != schema.TensorType.INT8:
            continue
        scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
        layers.append(
            _Layer(
                int(operator.outputs[0]),
                by_name[tensor.name],
                tuple(int(index) for index in operator.inputs if index >= 0),
                _layer_name(tensor.name),
                names.get(builtin, str(builtin)),
                # Values up to half a step beyond the ends round to them.
                (-128 - zero_point - 0.5) * scale,
                (127 - zero_point + 0.5) * scale,
            )
        )
    return _without_call_number(layers)


def _layer_name(tensor: bytes) -> str:
    """Shorten a fused tensor's name to the Keras layer with weights in it, or else to its first layer.

    ``model/relu/Relu6;model/block_1_project/convolution;model/…/ReadVariableOp`` becomes ``block_1_project``.
    """
    paths = [part.split("/") for part in tensor.decode(errors="replace").split(";")]
    weighted = [path for path in paths if len(path) > 1 and path[-1] in _WEIGHTED]
    path = [part for part in (weighted or paths)[0] if part != "batchnorm"]
    return path[-2] if len(path) > 1 else path[0]


def _without_call_number(layers: list[_Layer]) -> list[_Layer]:
    """Drop the ``_1`` that Keras appends to the names of all layers when a model is called again for tracing."""
    if not all(layer.name.endswith("_1") for layer in layers):
        return layers
    return [layer._replace(name=layer.name.removesuffix("_1")) for layer in layers]
