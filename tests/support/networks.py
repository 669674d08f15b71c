"""Whole networks as .tflite files, made of the convolutions of a closed form: to be looked into, not to be run."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from tests.support.closed_forms import Convolution
from tests.support.tiny_models import INT8, INT32, Fields, Operator, Tensor, graph

CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, MEAN = 3, 4, 9, 40
_RELU6 = 3


class _Builder:
    def __init__(self, resolution: int) -> None:
        self.tensors = [Tensor("image", (1, resolution, resolution, 3), INT8, 1 / 128)]
        self.operators: list[Operator] = []

    def add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def weighted(self, code: int, shape: tuple[int, ...], output: tuple[int, ...], options: tuple[int, Fields]) -> None:
        """Add an operator with int8 weights of `shape`, a scale a channel, and an int32 bias."""
        channels, values = output[-1], 1
        for side in shape:
            values *= side
        weights = self.add(Tensor("weights", shape, INT8, data=bytes(values), scales=(0.5,) * channels))
        bias = self.add(Tensor("bias", (channels,), INT32, data=bytes(4 * channels), scales=(0.25,) * channels))
        source = self.operators[-1].outputs[0] if self.operators else 0
        result = self.add(Tensor("features", output, INT8, 1 / 16, -128))
        self.operators.append(Operator(code, (source, weights, bias), (result,), options))


def network(convolutions: Iterable[Convolution], resolution: int, classes: int) -> bytes:
    """Serialize the network: its convolutions with ReLU6, the mean over places, and a fully connected layer."""
    builder, side, channels = _Builder(resolution), resolution, 3
    for kernel, inputs, channels, stride, depthwise in convolutions:
        side = ceil(side / stride)
        strides = {1: ("i", stride), 2: ("i", stride)}
        output = (1, side, side, channels)
        if depthwise:
            options = Fields({**strides, 3: ("i", 1), 4: ("b", _RELU6)})
            builder.weighted(DEPTHWISE_CONV_2D, (1, kernel, kernel, channels), output, (2, options))
        else:
            options = Fields({**strides, 3: ("b", _RELU6)})
            builder.weighted(CONV_2D, (channels, kernel, kernel, inputs), output, (1, options))
    axes = builder.add(Tensor("axes", (2,), INT32, data=b"\1\0\0\0\2\0\0\0"))
    pooled = builder.add(Tensor("pooled", (1, channels), INT8, 1 / 16, -128))
    builder.operators.append(Operator(MEAN, (builder.operators[-1].outputs[0], axes), (pooled,), (27, Fields())))
    builder.weighted(FULLY_CONNECTED, (classes, channels), (1, classes), (8, Fields({0: ("b", 0)})))
    return graph(builder.tensors, builder.operators, [0], [builder.operators[-1].outputs[0]])
