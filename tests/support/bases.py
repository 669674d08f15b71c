"""Classifiers that end in every way that converters write, over the mean colour: bases for a new head.

The features are the three means of an image of real values from −1 to 1; red, green or blue wins.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from tests.support.tiny_models import (
    DEQUANTIZE,
    DTYPES,
    FULLY_CONNECTED,
    INT32,
    MEAN,
    RESHAPE,
    SOFTMAX,
    Fields,
    Operator,
    Tensor,
    graph,
)

CONV_2D, LOGISTIC, SQUEEZE, TRANSPOSE, QUANTIZE, FLOAT16 = 3, 14, 43, 39, 114, 1
WEIGHTS: Final = ((4.0, -2.0, -2.0), (-2.0, 4.0, -2.0), (-2.0, -2.0, 4.0))
BIAS: Final = (0.0, 0.25, -0.25)

_ZERO: Final = {"float32": 0, "uint8": 128, "int8": 0}
_FORMATS: Final = {"float32": "f", "uint8": "B", "int8": "b"}
_PIXEL, _WEIGHT, _LOGIT = 1 / 127, 1 / 16, 1 / 8


class _Builder:
    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []

    def tensor(self, shape: Sequence[int], scale: float = _PIXEL, dtype: str | None = None, zero: int = 0) -> int:
        """Add a tensor of the model's type, or of `dtype`."""
        dtype = dtype or self.dtype
        whole = dtype == "float32"
        self.tensors.append(
            Tensor(f"t{len(self.tensors)}", tuple(shape), DTYPES[dtype], None if whole else scale, zero or _ZERO[dtype])
        )
        return len(self.tensors) - 1

    def integers(self, *values: int) -> int:
        self.tensors.append(Tensor("integers", (len(values),), INT32, data=struct.pack(f"<{len(values)}i", *values)))
        return len(self.tensors) - 1

    def add(self, code: int, inputs: Sequence[int], output: int, options: tuple[int, Fields] | None = None) -> int:
        self.operators.append(Operator(code, tuple(inputs), (output,), options))
        return output

    def weights(self, shape: Sequence[int], stored: str) -> int:
        """Add the weights, kept as `stored`: ``float16`` ones are converted where they are used."""
        flat = [value for row in WEIGHTS for value in row]
        if stored == "float16":
            self.tensors.append(Tensor("half", tuple(shape), FLOAT16, data=struct.pack(f"<{len(flat)}e", *flat)))
            return self.add(DEQUANTIZE, [len(self.tensors) - 1], self.tensor(shape, dtype="float32"))
        if stored == "float32":
            self.tensors.append(Tensor("weights", tuple(shape), data=struct.pack(f"<{len(flat)}f", *flat)))
            return len(self.tensors) - 1
        zero = _ZERO[stored]
        content = struct.pack(f"<{len(flat)}{_FORMATS[stored]}", *(round(value / _WEIGHT) + zero for value in flat))
        scales = (_WEIGHT,) * 3 if stored == "int8" and self.dtype == "int8" else (_WEIGHT,)
        self.tensors.append(
            Tensor("weights", tuple(shape), DTYPES[stored], zero_point=zero, data=content, scales=scales)
        )
        return len(self.tensors) - 1

    def bias(self) -> int:
        if self.dtype == "float32":
            self.tensors.append(Tensor("bias", (3,), data=struct.pack("<3f", *BIAS)))
        else:
            step = _PIXEL * _WEIGHT
            scales = (step,) * 3 if self.dtype == "int8" else (step,)
            content = struct.pack("<3i", *(round(value / step) for value in BIAS))
            self.tensors.append(Tensor("bias", (3,), INT32, data=content, scales=scales))
        return len(self.tensors) - 1

    def dense(self, features: int, stored: str, *, conv: bool) -> int:
        """Add the head: a fully connected layer, or a 1×1 convolution."""
        if conv:
            inputs = [features, self.weights((3, 1, 1, 3), stored), self.bias()]
            options = Fields({0: ("b", 1), 1: ("i", 1), 2: ("i", 1), 3: ("b", 0), 4: ("i", 1), 5: ("i", 1)})
            return self.add(CONV_2D, inputs, self.tensor((1, 1, 1, 3), _LOGIT), (1, options))
        inputs = [features, self.weights((3, 3), stored), self.bias()]
        return self.add(FULLY_CONNECTED, inputs, self.tensor((1, 3), _LOGIT), (8, Fields({0: ("b", 0)})))

    def behind(self, tensor: int, step: str) -> int:
        """Add one of what may follow a head."""
        kept = self.tensors[tensor]
        scale = kept.scale or _LOGIT
        dtype = next(name for name, number in DTYPES.items() if number == kept.dtype)
        match step:
            case "SOFTMAX" | "LOGISTIC":
                zero = -128 if dtype == "int8" else 0
                self.tensors.append(
                    Tensor("scores", kept.shape, kept.dtype, None if dtype == "float32" else 1 / 256, zero)
                )
                options = (9, Fields({0: ("f", 1.0)})) if step == "SOFTMAX" else None
                return self.add(SOFTMAX if step == "SOFTMAX" else LOGISTIC, [tensor], len(self.tensors) - 1, options)
            case "RESHAPE":
                self.tensors.append(Tensor("row", (1, 3), kept.dtype, kept.scale, kept.zero_point))
                return self.add(RESHAPE, [tensor, self.integers(-1, 3)], len(self.tensors) - 2)
            case "SQUEEZE":
                self.tensors.append(Tensor("row", (1, 3), kept.dtype, kept.scale, kept.zero_point))
                return self.add(SQUEEZE, [tensor], len(self.tensors) - 1, (30, Fields({0: ("i*", (1, 2))})))
            case "DEQUANTIZE":
                return self.add(DEQUANTIZE, [tensor], self.tensor(kept.shape, dtype="float32"))
            case _:
                wanted = step.removeprefix("QUANTIZE ")
                self.tensors.append(
                    Tensor("requantized", kept.shape, DTYPES[wanted], scale, kept.zero_point + _SHIFTS[dtype, wanted])
                )
                return self.add(QUANTIZE, [tensor], len(self.tensors) - 1, (83, Fields()))


_SHIFTS: Final = {("int8", "uint8"): 128, ("uint8", "int8"): -128, ("float32", "uint8"): 0, ("float32", "int8"): 0}


def base(
    dtype: str = "int8",
    *behind: str,
    conv: bool = False,
    nchw: bool = False,
    stored: str | None = None,
    io: str | None = None,
    second: bool = False,
    open_batch: bool = False,
) -> bytes:
    """Write a classifier.

    Args:
        dtype: what it computes in.
        behind: what follows the head: ``SOFTMAX``, ``LOGISTIC``, ``RESHAPE``, ``SQUEEZE``, ``DEQUANTIZE``,
            ``QUANTIZE uint8`` or ``QUANTIZE int8``.
        conv: whether the head is a 1×1 convolution of 1×1.
        nchw: whether the image's channels come first.
        stored: how the weights are kept, where that is not `dtype`.
        io: the type of the image, where that is not `dtype`.
        second: whether another head reads the features too, and gives the first output.
        open_batch: whether the number of images is open.
    """
    builder = _Builder(dtype)
    shape = (1, 3, 8, 8) if nchw else (1, 8, 8, 3)
    image = builder.tensor(shape, dtype=io, zero=_ZERO[dtype] + _SHIFTS[dtype, io] if io else 0)
    if open_batch:
        first = builder.tensors[0]
        builder.tensors[0] = Tensor(
            "image", shape, first.dtype, first.scale, first.zero_point, signature=(-1, *shape[1:])
        )
    read = builder.add(QUANTIZE, [image], builder.tensor(shape), (83, Fields())) if io else image
    axes = builder.integers(*((2, 3) if nchw else (1, 2)))
    features = builder.tensor((1, 1, 1, 3) if conv else (1, 3))
    builder.add(MEAN, [read, axes], features, (27, Fields({0: ("?", conv)})))
    outputs = [builder.dense(features, stored or dtype, conv=False)] if second else []
    scores = builder.dense(features, stored or dtype, conv=conv)
    for step in behind:
        scores = builder.behind(scores, step)
    return graph(builder.tensors, builder.operators, [image], [*outputs, scores])


BASES: Final[dict[str, Callable[[], bytes]]] = {
    "float": lambda: base("float32", "SOFTMAX"),
    "float, logits": lambda: base("float32"),
    "float, convolution, squeezed": lambda: base("float32", "SQUEEZE", "SOFTMAX", conv=True),
    "float, weights of 16 bits": lambda: base("float32", "SOFTMAX", stored="float16"),
    "float, weights of 8 bits": lambda: base("float32", "SOFTMAX", stored="int8"),
    "float, several labels": lambda: base("float32", "LOGISTIC"),
    "float, channels first": lambda: base("float32", "SOFTMAX", nchw=True),
    "float, open batch": lambda: base("float32", "RESHAPE", "SOFTMAX", open_batch=True),
    "uint8 of 2018": lambda: base("uint8", "SQUEEZE", "SOFTMAX", conv=True),
    "uint8, reshaped behind the softmax": lambda: base("uint8", "SOFTMAX", "RESHAPE", conv=True),
    "uint8, floats out": lambda: base("uint8", "SOFTMAX", "DEQUANTIZE"),
    "int8": lambda: base("int8", "SOFTMAX"),
    "int8, logits": lambda: base("int8"),
    "int8, uint8 outside": lambda: base("int8", "SOFTMAX", "QUANTIZE uint8", io="uint8"),
    "int8, logits, uint8 outside": lambda: base("int8", "QUANTIZE uint8", io="uint8"),
    "int8, floats out before the softmax": lambda: base("int8", "DEQUANTIZE", "SOFTMAX"),
    "int8, floats out": lambda: base("int8", "SOFTMAX", "DEQUANTIZE", "RESHAPE", conv=True),
    "int8, convolution": lambda: base("int8", "RESHAPE", "SOFTMAX", "QUANTIZE uint8", conv=True, io="uint8"),
    "int8, requantized twice": lambda: base("int8", "QUANTIZE uint8", "QUANTIZE int8", "SOFTMAX"),
    "int8, channels first": lambda: base("int8", "SOFTMAX", nchw=True),
    "int8, open batch": lambda: base("int8", "SOFTMAX", open_batch=True),
    "int8, two heads": lambda: base("int8", "SOFTMAX", second=True),
}
"""The forms of bases, by what is special about them; that of two heads has its scores in its second output."""
