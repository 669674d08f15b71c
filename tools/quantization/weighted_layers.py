"""The layers of a .tflite that have weights, convolutions and dense layers, as bias correction needs them.

It reads a flatbuffer and runs nothing. A float32 model and the int8 model made from it list their layers in the same
order, which `matching_layers` checks.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tools.errors import ConversionError
from tools.quantization.intermediate_tensors import operator_code

_OPTIONS: Final = {
    schema.BuiltinOperator.CONV_2D: schema.Conv2DOptions,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: schema.DepthwiseConv2DOptions,
    schema.BuiltinOperator.FULLY_CONNECTED: schema.FullyConnectedOptions,
}
_LIMITS: Final = {
    schema.ActivationFunctionType.NONE: (-np.inf, np.inf),
    schema.ActivationFunctionType.RELU: (0.0, np.inf),
    schema.ActivationFunctionType.RELU6: (0.0, 6.0),
    schema.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
}
_NO_TENSOR: Final = -1


class WeightedLayer(NamedTuple):
    """A layer with weights. Tensors are given by their index in the first subgraph.

    Attributes:
        operator: its `schema.BuiltinOperator`.
        shape: of its output.
        input: the tensor that it reads.
        weights: the tensor of its weights.
        bias: the tensor of its bias; −1 where it has none.
        output: the tensor that it writes, after the activation.
        limits: the values at which its activation clips.
    """

    operator: int
    shape: tuple[int, ...]
    input: int
    weights: int
    bias: int
    output: int
    limits: tuple[float, float]


def weighted_layers(model: bytes | bytearray) -> list[WeightedLayer]:
    """List the layers with weights in execution order."""
    parsed = schema.Model.GetRootAs(model, 0)
    subgraph = parsed.Subgraphs(0)
    operators = map(subgraph.Operators, range(subgraph.OperatorsLength()))
    coded = ((operator_code(parsed, operator), operator) for operator in operators)
    return [_layer(code, operator, subgraph) for code, operator in coded if code in _OPTIONS]


def matching_layers(model: bytes, float_model: bytes) -> tuple[list[WeightedLayer], list[WeightedLayer]]:
    """List the layers with weights of both models, in pairs.

    Raises:
        ConversionError: the models are not the same graph.
    """
    layers, float_layers = weighted_layers(model), weighted_layers(float_model)
    if [layer[:2] for layer in layers] != [layer[:2] for layer in float_layers]:
        raise ConversionError(
            f"the int8 model ({len(layers)} layers with weights) and the float32 one ({len(float_layers)}) "
            "are not the same graph"
        )
    return layers, float_layers


def response_to_inputs(model: bytes, layer: WeightedLayer, shift: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the shift of the outputs of `layer`, before the activation, for a shift of its inputs.

    Padding is ignored: at the border the response is a little smaller.

    Args:
        model: the float32 model.
        layer: one of its layers.
        shift: the shift of each input channel, (inputs,).

    Returns:
        (outputs,); zeros where the inputs are not channels (flattened pixels, grouped convolutions).
    """
    parsed = schema.Model.GetRootAs(model, 0)
    tensor = parsed.Subgraphs(0).Tensors(layer.weights)
    shape = tuple(tensor.ShapeAsNumpy())
    if tensor.Type() != schema.TensorType.FLOAT32:
        raise ConversionError("the weights of the reference model are not float32")
    weights = parsed.Buffers(tensor.Buffer()).DataAsNumpy().view("<f4").reshape(shape).astype(np.float64)
    if layer.operator == schema.BuiltinOperator.DEPTHWISE_CONV_2D:
        multiplier = shape[-1] // len(shift)
        return np.asarray(weights.sum(axis=(0, 1, 2)) * np.repeat(shift, multiplier))
    if shape[-1] != len(shift):
        return np.zeros(shape[0])
    return np.asarray(weights.reshape(shape[0], -1, shape[-1]).sum(axis=1) @ shift)


def _layer(code: int, operator: Any, subgraph: Any) -> WeightedLayer:
    output = int(operator.Outputs(0))
    union, options = operator.BuiltinOptions(), _OPTIONS[code]()
    options.Init(union.Bytes, union.Pos)
    return WeightedLayer(
        operator=code,
        shape=tuple(int(length) for length in subgraph.Tensors(output).ShapeAsNumpy()),
        input=int(operator.Inputs(0)),
        weights=int(operator.Inputs(1)),
        bias=int(operator.Inputs(2)) if operator.InputsLength() > 2 else _NO_TENSOR,
        output=output,
        limits=_LIMITS.get(options.FusedActivationFunction(), (-np.inf, np.inf)),
    )
