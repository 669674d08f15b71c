"""Classifiers of many forms, built operator by operator: what different exporters make of the same network.

`Net` writes a graph from its input to its scores: pixels, whatever arithmetic stands in front, the mean colour, one
fully connected layer, and any head. Red, green or blue wins where that channel is the strongest.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Any

from tests.support.tiny_models import (
    FLOAT32,
    FULLY_CONNECTED,
    INT32,
    MEAN,
    SOFTMAX,
    Fields,
    Operator,
    Tensor,
    graph,
)

ADD, CONCATENATION, LOGISTIC, MUL, RELU, RESHAPE = 0, 2, 14, 18, 19, 22
SUB, DIV, SQUEEZE, STRIDED_SLICE, EXP, TOPK_V2, SPLIT, LOG_SOFTMAX, CAST = 41, 42, 43, 45, 47, 48, 49, 50, 53
TRANSPOSE, MAXIMUM, ARG_MAX, SLICE, LOG, SUM, POW, REDUCE_MAX, PACK = 39, 55, 56, 65, 73, 74, 78, 82, 83
GATHER, DEQUANTIZE, RELU6, REVERSE_V2, TANH, MINIMUM, AVERAGE_POOL_2D = 36, 6, 21, 105, 28, 57, 1
CONV_2D, FLOAT16, INT64 = 3, 1, 4

# The options that the runtimes want, by operator: the number of their table, and its fields.
_OPTIONS: dict[int, tuple[int, Fields]] = {
    ADD: (11, Fields({0: ("b", 0)})), MUL: (21, Fields({0: ("b", 0)})), SUB: (28, Fields({0: ("b", 0)})),
    DIV: (29, Fields({0: ("b", 0)})), SOFTMAX: (9, Fields({0: ("f", 1.0)})),
    FULLY_CONNECTED: (8, Fields({0: ("b", 0)})), TRANSPOSE: (26, Fields()), EXP: (33, Fields()),
    LOG_SOFTMAX: (36, Fields()), TOPK_V2: (34, Fields()), POW: (56, Fields()), SLICE: (48, Fields()),
    REVERSE_V2: (81, Fields()), CAST: (37, Fields({0: ("b", 0), 1: ("b", 0)})), MAXIMUM: (39, Fields()),
    MINIMUM: (39, Fields()), GATHER: (23, Fields({0: ("i", 1)})),
    STRIDED_SLICE: (32, Fields()),
}  # fmt: skip

WEIGHTS = (4.0, -2.0, -2.0, -2.0, 4.0, -2.0, -2.0, -2.0, 4.0)


class Net:
    """A graph under construction; tensors are named by their places."""

    def __init__(
        self, shape: Sequence[int] = (1, 8, 8, 3), *, dtype: int = FLOAT32, signature: Sequence[int] | None = None,
        scale: float | None = None, zero_point: int = 0,
    ) -> None:  # fmt: skip
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.image = self._tensor(
            "image", shape, dtype, scale=scale, zero_point=zero_point,
            signature=tuple(signature) if signature is not None else None,
        )  # fmt: skip

    def _tensor(self, name: str, shape: Sequence[int], dtype: int = FLOAT32, **more: Any) -> int:
        self.tensors.append(Tensor(name, tuple(shape), dtype, **more))
        return len(self.tensors) - 1

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Give the shape of `tensor`."""
        return self.tensors[tensor].shape

    def constant(self, *values: float, shape: Sequence[int] | None = None) -> int:
        """Add a constant of floats: a scalar, or a vector."""
        shape = shape if shape is not None else () if len(values) == 1 else (len(values),)
        return self._tensor("constant", shape, data=struct.pack(f"<{len(values)}f", *values))

    def integers(self, *values: int) -> int:
        """Add a constant of integers: axes, an order."""
        return self._tensor("integers", (len(values),), INT32, data=struct.pack(f"<{len(values)}i", *values))

    def add(
        self, code: int | str, inputs: Sequence[int], shape: Sequence[int], *, dtype: int = FLOAT32,
        options: tuple[int, Fields] | None = None, name: str = "inner",
    ) -> int:  # fmt: skip
        """Add an operator with one output of `shape`."""
        output = self._tensor(name, shape, dtype)
        options = options or (_OPTIONS.get(code) if isinstance(code, int) else None)
        self.operators.append(Operator(code, tuple(inputs), (output,), options))
        return output

    def elementwise(self, code: int, first: int, second: int) -> int:
        """Add arithmetic of two tensors; the larger one's shape is the result's."""
        shape = max(self.shape(first), self.shape(second), key=lambda one: (prod(one), len(one)))
        return self.add(code, (first, second), shape)

    def unary(self, code: int, tensor: int) -> int:
        """Add an operator that keeps the shape."""
        return self.add(code, (tensor,), self.shape(tensor))

    def reduce(self, code: int, tensor: int, axes: Sequence[int], *, keep: bool) -> int:
        """Add a sum, a mean or the like over `axes`."""
        kept = self.shape(tensor)
        shape = [1 if axis in axes else side for axis, side in enumerate(kept) if keep or axis not in axes]
        return self.add(code, (tensor, self.integers(*axes)), shape, options=(27, Fields({0: ("?", keep)})))

    def concatenate(self, tensors: Sequence[int], axis: int = 1) -> int:
        """Add a concatenation of (1, N) tensors."""
        shape = (1, sum(self.shape(one)[1] for one in tensors))
        return self.add(CONCATENATION, tensors, shape, options=(10, Fields({0: ("i", axis), 1: ("b", 0)})))

    def logits(
        self, image: int | None = None, *, weights: Sequence[float] = WEIGHTS, bias: Sequence[float] | None = None
    ) -> int:
        """Add the mean colour and a fully connected layer: (rows, height, width, channels) to (rows, classes)."""
        image = self.image if image is None else image
        rows, channels = self.shape(image)[0], self.shape(image)[3]
        classes = len(weights) // channels
        means = self.reduce(MEAN, image, (1, 2), keep=False)
        layer = self.constant(*weights, shape=(classes, channels))
        inputs = (means, layer, self.constant(*(bias or [0.0] * classes), shape=(classes,)))
        return self.add(FULLY_CONNECTED, inputs, (rows, classes))

    def softmax(self, logits: int) -> int:
        """Add a softmax."""
        return self.unary(SOFTMAX, logits)

    def finish(self, *outputs: int, names: Sequence[str] = (), metadata: bytes | None = None) -> bytes:
        """Write the model."""
        return graph(
            self.tensors, self.operators, [self.image], outputs, metadata=metadata,
            signature_outputs=dict(zip(names, outputs, strict=False)),
        )  # fmt: skip
