"""The cost of layers: parameters, multiply-adds, bytes; and the cost of the standard convolution that a pair replaces.

**Parameters** are the constants that training finds: weights and biases, an int32 bias like any other. Shapes, axes,
paddings and scalars that stand in a graph are none. Batch normalization is folded: where training counts a scale and a
shift per channel (and often a mean and a variance too), the file has one bias. So MobileNet V1 1.0/224 has 4,231,976
parameters that train, 4,253,864 with the means and variances, and 4,221,032 in the file; its paper rounds to 4.2
million. Equal constants are stored once and count for each layer that uses them.

**Multiply-adds** are the multiplications of weights with activations, each with its addition, for one image: those of
convolutions (standard, depthwise, transposed, 3-D), fully connected layers and matrix products. Positions in the
padding count, as in the papers. Biases, activations, additions, pooling, resizing and softmax do not.

**Bytes** are those of the parameters as they are stored. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Final, NamedTuple

from mobiclass.inspection.architectures import Convolution
from mobiclass.inspection.layers import Layer, LayerTensor, Subgraph

_UNPACKERS: Final = frozenset({"DEQUANTIZE", "DENSIFY"})  # of constants: what is behind them is the layer's own
_BIAS: Final = 2  # the place of the bias among the inputs of what multiplies with weights
_BIAS_OF_TRANSPOSED: Final = 3

# They multiply matrices, or run something that may; what, and how often, their tensors do not say.
_UNCOUNTABLE: Final = frozenset({
    "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "CALL", "CALL_ONCE", "CONV_3D_TRANSPOSE", "CUSTOM",
    "DELEGATE", "IF", "LSTM", "RNN", "STABLEHLO_COMPOSITE", "STABLEHLO_CONVOLUTION", "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_DOT_GENERAL", "STABLEHLO_WHILE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
    "WHILE",
})  # fmt: skip


class Cost(NamedTuple):
    """The cost of one layer.

    Attributes:
        weights: its parameters' tensors, as they are stored.
        parameters: their values; ``None`` for a custom operator, whose content is its own.
        multiply_adds: for one image; ``None`` where the file does not say.
        stored_bytes: of its parameters, or of the content of a custom operator.
    """

    weights: tuple[LayerTensor, ...]
    parameters: int | None
    multiply_adds: int | None
    stored_bytes: int


class Totals(NamedTuple):
    """The cost of a model.

    Attributes:
        parameters: of all layers of which they are known.
        multiply_adds: likewise.
        stored_bytes: of all parameters; those that layers share are stored once.
        uncounted: the names of the operators of which one or the other is not known.
    """

    parameters: int
    multiply_adds: int
    stored_bytes: int
    uncounted: tuple[str, ...]


class SeparablePair(NamedTuple):
    """A depthwise convolution and the 1×1 convolution that follows it, against one standard convolution.

    A kernel of D_K × D_K with M input channels and N output channels on D_F × D_F places costs D_K²·M·N·D_F²
    multiply-adds as a standard convolution, and D_K²·M·D_F² + M·N·D_F² as a pair: 1/N + 1/D_K² of it
    (https://arxiv.org/abs/1704.04861, section 3.1).

    Attributes:
        depthwise: the place of the depthwise layer.
        pointwise: the place of the 1×1 convolution.
        kernel_height: of the depthwise filters.
        kernel_width: likewise.
        outputs: N, the output channels.
        multiply_adds: of the pair.
        standard_multiply_adds: of the standard convolution.
        weights: the weights of the two, without biases.
        standard_weights: those of the standard convolution.
    """

    depthwise: int
    pointwise: int
    kernel_height: int
    kernel_width: int
    outputs: int
    multiply_adds: int
    standard_multiply_adds: int
    weights: int
    standard_weights: int

    @property
    def formula(self) -> float:
        """1/N + 1/D_K²."""
        return 1 / self.outputs + 1 / (self.kernel_height * self.kernel_width)

    @property
    def ratio(self) -> float:
        """The multiply-adds of the pair over those of the standard convolution."""
        return self.multiply_adds / self.standard_multiply_adds


def count_costs(layers: Sequence[Layer]) -> tuple[Cost, ...]:
    """Count the cost of each of `layers`, which are a whole subgraph."""
    # Models with float16 weights unpack each of them with an operator of its own.
    packed = {
        layer.outputs[0].number: source
        for layer in layers
        if layer.operator in _UNPACKERS and layer.outputs and (source := layer.input(0)) and source.constant
    }
    return tuple(_cost(layer, packed) for layer in layers)


def total_costs(layers: Sequence[Layer], costs: Sequence[Cost]) -> Totals:
    """Add up the `costs` of `layers`."""
    buffers = {tensor.buffer: tensor.stored_bytes for cost in costs for tensor in cost.weights}
    unknown = [layer.name for layer, cost in zip(layers, costs, strict=True) if None in cost]
    return Totals(
        parameters=sum(cost.parameters or 0 for cost in costs),
        multiply_adds=sum(cost.multiply_adds or 0 for cost in costs),
        stored_bytes=sum(buffers.values()) + sum(cost.stored_bytes for cost in costs if not cost.weights),
        uncounted=tuple(dict.fromkeys(unknown)),
    )


def separable_pairs(layers: Sequence[Layer], costs: Sequence[Cost]) -> tuple[SeparablePair, ...]:
    """Find the depthwise-separable convolutions among `layers`, first to last."""
    depthwise = {
        layer.outputs[0].number: place
        for place, layer in enumerate(layers)
        if layer.operator == "DEPTHWISE_CONV_2D" and layer.outputs
    }
    pairs = []
    for place, layer in enumerate(layers):
        source, kernel = layer.input(0), layer.input(1)
        if layer.operator != "CONV_2D" or source is None or kernel is None or source.number not in depthwise:
            continue
        before = depthwise[source.number]
        pair = _pair(before, place, layers[before], kernel, layer.outputs, costs)
        if pair is not None:
            pairs.append(pair)
    return tuple(pairs)


def float_layers(subgraph: Subgraph) -> tuple[int, ...]:
    """Give the places of the layers that compute in floating point.

    A QUANTIZE that reads an input of the model and a DEQUANTIZE that writes an output do not count: they are what a
    float32 input or output is made of.
    """
    boundary = {tensor.number for tensor in (*subgraph.inputs, *subgraph.outputs)}
    found = []
    for place, layer in enumerate(subgraph.layers):
        floats = {tensor.number for tensor in layer.tensors if "float" in tensor.dtype}
        if floats and not (layer.operator in ("QUANTIZE", "DEQUANTIZE") and floats <= boundary):
            found.append(place)
    return tuple(found)


def convolutions(layers: Sequence[Layer]) -> tuple[Convolution, ...]:
    """List the convolutions of `layers` in the terms in which architectures are described."""
    found = []
    for layer in layers:
        kernel = layer.input(1)
        if layer.operator not in ("CONV_2D", "DEPTHWISE_CONV_2D") or kernel is None or len(kernel.shape) != 4:
            continue
        filters, height, width, last = kernel.shape
        options = layer.options
        square = height == width and options.stride_height == options.stride_width
        depthwise = layer.operator == "DEPTHWISE_CONV_2D"
        outputs = last if depthwise else filters
        found.append(Convolution(depthwise, height if square else 0, options.stride_height, outputs))
    return tuple(found)


def _cost(layer: Layer, packed: Mapping[int, LayerTensor]) -> Cost:
    if layer.operator == "CUSTOM":
        return Cost((), None, None, len(layer.custom_options))
    weights = tuple(_weights(layer, packed))
    known = all(tensor.static for tensor in weights)
    return Cost(
        weights=weights,
        parameters=sum(prod(tensor.shape) for tensor in weights) if known else None,
        multiply_adds=_multiply_adds(layer),
        stored_bytes=sum(tensor.stored_bytes for tensor in weights),
    )


def _weights(layer: Layer, packed: Mapping[int, LayerTensor]) -> list[LayerTensor]:
    if layer.operator in _UNPACKERS:
        return []
    found = []
    bias = _BIAS_OF_TRANSPOSED if layer.operator == "TRANSPOSE_CONV" else _BIAS
    for place, tensor in enumerate(layer.inputs):
        if tensor is None:
            continue
        stored = packed.get(tensor.number, tensor)
        if stored.constant and (
            (layer.operator in _COUNTERS and place == bias) or (_is_learned(stored) and prod(stored.shape) > 1)
        ):
            found.append(stored)
    return found


def _is_learned(tensor: LayerTensor) -> bool:
    """Whether a constant is one of real values: what is not (axes, shapes, paddings) has neither scale nor fraction."""
    return "float" in tensor.dtype or bool(tensor.scales)


def _multiply_adds(layer: Layer) -> int | None:
    if layer.operator in _UNCOUNTABLE:
        return None
    counter = _COUNTERS.get(layer.operator)
    if counter is None:
        return 0
    source, kernel, outputs = layer.input(0), layer.input(1), layer.outputs
    if source is None or kernel is None or not outputs:
        return None
    if layer.operator == "TRANSPOSE_CONV":  # whose first input is the shape of its output
        source = layer.input(2)
    if source is None or not (source.static and kernel.static and outputs[0].static):
        return None
    try:
        return counter(layer, source.shape, kernel.shape, prod(outputs[0].shape))
    except IndexError:  # a shape of too few dimensions
        return None


def _convolution(layer: Layer, source: Sequence[int], kernel: Sequence[int], values: int) -> int:
    return values * kernel[1] * kernel[2] * kernel[3]


def _depthwise(layer: Layer, source: Sequence[int], kernel: Sequence[int], values: int) -> int:
    return values * kernel[1] * kernel[2]


def _fully_connected(layer: Layer, source: Sequence[int], kernel: Sequence[int], values: int) -> int:
    return values * kernel[1]


def _transposed(layer: Layer, source: Sequence[int], kernel: Sequence[int], values: int) -> int:
    return prod(source) * kernel[0] * kernel[1] * kernel[2]


def _convolution_3d(layer: Layer, source: Sequence[int], kernel: Sequence[int], values: int) -> int:
    return values * kernel[0] * kernel[1] * kernel[2] * kernel[3]


def _matrix_product(layer: Layer, source: Sequence[int], kernel: Sequence[int], values: int) -> int:
    return values * (source[-2] if layer.options.adjoint_left else source[-1])


_COUNTERS: Final[dict[str, Callable[[Layer, Sequence[int], Sequence[int], int], int]]] = {
    "BATCH_MATMUL": _matrix_product,
    "CONV_2D": _convolution,
    "CONV_3D": _convolution_3d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transposed,
}


def _pair(
    depthwise: int,
    pointwise: int,
    before: Layer,
    kernel: LayerTensor,
    outputs: Sequence[LayerTensor],
    costs: Sequence[Cost],
) -> SeparablePair | None:
    filters = before.input(1)
    image = before.input(0)
    if filters is None or image is None or not outputs:
        return None
    shapes = (filters.shape, kernel.shape, image.shape, outputs[0].shape)
    if any(len(shape) != 4 or min(shape) < 1 for shape in shapes) or kernel.shape[1:3] != (1, 1):
        return None
    spent = [cost.multiply_adds for cost in (costs[depthwise], costs[pointwise])]
    if None in spent:
        return None
    _, height, width, _ = filters.shape
    standard_weights = height * width * image.shape[3] * kernel.shape[0]
    return SeparablePair(
        depthwise=depthwise,
        pointwise=pointwise,
        kernel_height=height,
        kernel_width=width,
        outputs=kernel.shape[0],
        multiply_adds=sum(count or 0 for count in spent),
        standard_multiply_adds=standard_weights * prod(outputs[0].shape[:3]),
        weights=prod(filters.shape) + prod(kernel.shape),
        standard_weights=standard_weights,
    )
