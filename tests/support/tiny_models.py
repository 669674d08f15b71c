"""Small .tflite classifiers with known answers, written with the bare `flatbuffers` package.

They need neither TensorFlow nor a runtime's schema, so that the same bytes are made in every environment. The one
graph is MEAN over height and width, FULLY_CONNECTED and, usually, SOFTMAX: class 0, 1 or 2 wins where red, green
or blue is the strongest channel; further classes always lose. Slot numbers follow TFLite's schema.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers

FLOAT32, INT32, UINT8, INT16, INT8 = 0, 2, 3, 7, 9
DTYPES = {"float32": FLOAT32, "int32": INT32, "uint8": UINT8, "int16": INT16, "int8": INT8}
AVERAGE_POOL_2D, DEQUANTIZE, FULLY_CONNECTED, RESHAPE, SOFTMAX, CUSTOM, MEAN = 1, 6, 9, 22, 25, 32, 40
COLOURS = ("red", "green", "blue")


class Fields(dict[int, tuple[str, Any]]):
    """A FlatBuffers table to be: slot -> (kind, value).

    Kinds are ``struct`` formats for scalars, a format with ``*`` for vectors of them, ``str``, ``bytes``,
    ``table`` (`Fields`) and ``tables`` (a sequence of `Fields`).
    """


_PREPEND = {
    "b": "PrependInt8Slot", "B": "PrependUint8Slot", "i": "PrependInt32Slot", "I": "PrependUint32Slot",
    "Q": "PrependUint64Slot", "f": "PrependFloat32Slot", "?": "PrependBoolSlot",
}  # fmt: skip
_ABSENT = -77  # a default that no field here has: a field that is given is always written


def finish(root: Fields, identifier: bytes) -> bytes:
    """Serialize `root` as a file."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, root), identifier)
    return bytes(builder.Output())


def _write(builder: flatbuffers.Builder, fields: Fields) -> int:
    offsets = {
        slot: _write_child(builder, kind, value) for slot, (kind, value) in fields.items() if kind not in _PREPEND
    }
    builder.StartObject(max(fields, default=0) + 1)
    for slot, (kind, value) in fields.items():
        if kind in _PREPEND:
            getattr(builder, _PREPEND[kind])(slot, value, None if kind == "?" else _absent(kind))
        else:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
    return int(builder.EndObject())


def _absent(kind: str) -> int:
    return 0xFEDC if kind in "IQ" else 0xFE if kind == "B" else _ABSENT


def _write_child(builder: flatbuffers.Builder, kind: str, value: Any) -> int:
    if kind == "str":
        return int(builder.CreateString(value))
    if kind == "table":
        return _write(builder, value)
    if kind == "tables":
        places = {id(child): _write(builder, child) for child in dict(zip(map(id, value), value, strict=True)).values()}
        children = [places[id(child)] for child in value]  # one that is given twice is shared
        builder.StartVector(4, len(children), 4)
        for child in reversed(children):
            builder.PrependUOffsetTRelative(child)
        return int(builder.EndVector())
    content = bytes(value) if kind == "bytes" else struct.pack(f"<{len(value)}{kind[0]}", *value)
    item_bytes = 1 if kind == "bytes" else struct.calcsize(kind[0])
    # Constants must lie on 16-byte boundaries.
    builder.StartVector(item_bytes, len(content) // item_bytes, 16 if kind == "bytes" else item_bytes)
    builder.head = builder.Head() - len(content)
    builder.Bytes[builder.Head() : builder.Head() + len(content)] = content
    return int(builder.EndVector())


@dataclass(frozen=True)
class Tensor:
    """A tensor; with `data` it is a constant, with `scales` it has one a channel."""

    name: str
    shape: tuple[int, ...]
    dtype: int = FLOAT32
    scale: float | None = None
    zero_point: int = 0
    data: bytes | None = None
    signature: tuple[int, ...] | None = None
    scales: tuple[float, ...] = ()


@dataclass(frozen=True)
class Operator:
    """An operator; `code` is its builtin number, or the name of a custom one."""

    code: int | str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: tuple[int, Fields] | None = None


def graph(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    metadata: bytes | None = None,
    old_codes: bool = False,
    signature_outputs: Mapping[str, int] | None = None,
    description: str = "tiny",
) -> bytes:
    """Serialize a .tflite.

    `old_codes` writes operator codes as the converters before 2021 did, in one byte alone; `signature_outputs` are the
    names of tensors in a signature.
    """
    buffers = [Fields()]
    tables = []
    for tensor in tensors:
        fields = Fields({0: ("i*", tensor.shape), 1: ("b", tensor.dtype), 3: ("str", tensor.name)})
        if tensor.data is not None:
            fields[2] = ("I", len(buffers))
            buffers.append(Fields({0: ("bytes", tensor.data)}))
        scales = tensor.scales or (() if tensor.scale is None else (tensor.scale,))
        if scales:
            fields[4] = ("table", Fields({2: ("f*", scales), 3: ("q*", [tensor.zero_point] * len(scales))}))
        if tensor.signature is not None:
            fields[7] = ("i*", tensor.signature)
        tables.append(fields)
    codes, steps = [], []
    for operator in operators:
        number = CUSTOM if isinstance(operator.code, str) else operator.code
        code = Fields({0: ("b", min(number, 127)), 2: ("i", 1)})
        if not old_codes:
            code[3] = ("i", number)
        if isinstance(operator.code, str):
            code[1] = ("str", operator.code)
        step = Fields({0: ("I", len(codes)), 1: ("i*", operator.inputs), 2: ("i*", operator.outputs)})
        if operator.options:
            step[3], step[4] = ("B", operator.options[0]), ("table", operator.options[1])
        codes.append(code)
        steps.append(step)
    subgraph = Fields(
        {0: ("tables", tables), 1: ("i*", inputs), 2: ("i*", outputs), 3: ("tables", steps), 4: ("str", "main")}
    )
    model = Fields({0: ("I", 3), 1: ("tables", codes), 2: ("tables", [subgraph]), 3: ("str", description)})
    if signature_outputs:
        taken = [Fields({0: ("str", f"input_{number}"), 1: ("I", place)}) for number, place in enumerate(inputs)]
        given = [Fields({0: ("str", name), 1: ("I", place)}) for name, place in signature_outputs.items()]
        signature = Fields({0: ("tables", taken), 1: ("tables", given), 2: ("str", "serving_default")})
        model[7] = ("tables", [signature])
    if metadata is not None:
        entry = Fields({0: ("str", "TFLITE_METADATA"), 1: ("I", len(buffers))})
        buffers.append(Fields({0: ("bytes", metadata)}))
        model[6] = ("tables", [entry])
    model[4] = ("tables", buffers)
    return finish(model, b"TFL3")


def tflite_metadata(
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    labels_file: str | None = None,
    description: str | None = None,
    author: str | None = None,
) -> bytes:
    """Serialize TFLite Metadata."""
    image = Fields({0: ("str", "image")})
    if mean is not None and std is not None:
        options = Fields({0: ("f*", mean), 1: ("f*", std)})
        image[4] = ("tables", [Fields({0: ("B", 1), 1: ("table", options)})])
    scores = Fields({0: ("str", "scores")})
    if labels_file is not None:
        scores[6] = ("tables", [Fields({0: ("str", labels_file), 2: ("b", 2)})])
    root = Fields({0: ("str", "tiny"), 3: ("tables", [Fields({2: ("tables", [image]), 3: ("tables", [scores])})])})
    if description is not None:
        root[1] = ("str", description)
    if author is not None:
        root[4] = ("str", author)
    return finish(root, b"M001")


def append_zip(model: bytes, members: dict[str, bytes | str], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Append a zip of `members` to `model`."""
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return file.getvalue()


def colour_model(
    *,
    height: int = 8,
    width: int = 8,
    channels: int = 3,
    dtype: str = "uint8",
    scale: float | None = 1 / 127.5,
    zero_point: int | None = None,
    classes: int = 3,
    softmax: bool = True,
    labels: Sequence[str] | None = COLOURS,
    mean: Sequence[float] | None = (127.5,),
    std: Sequence[float] | None = (127.5,),
    config: str | None = None,
    dynamic_batch: bool = False,
    old_codes: bool = False,
    gain: float = 4.0,
) -> bytes:
    """Make a classifier that names the strongest channel.

    `labels` go into the TFLite Metadata (``None``: no labels there), `mean` and `std` likewise; all three ``None``
    gives a model without metadata. `config` is the text of a ``mobiclass.json`` for the appended zip. The input of
    the integer dtypes is real = (q − zero_point) · scale, by default pixels as [−1, 1].
    """
    quantized = dtype != "float32"
    if zero_point is None:
        zero_point = 127 if dtype == "uint8" else -1
    kind = DTYPES[dtype]
    image_scale = (scale or 1 / 127.5) if quantized else None
    image_zero = zero_point if quantized else 0
    weights = [
        [gain if channel == index else -gain / 2 for channel in range(channels)] if index < 3 else [0.0] * channels
        for index in range(classes)
    ]
    bias = [0.0 if index < 3 else -8.0 for index in range(classes)]
    weight_scale = 1 / 16
    if quantized:
        assert image_scale is not None
        offset, code = (128, "B") if dtype == "uint8" else (0, "b")
        steps = [round(value / weight_scale) + offset for row in weights for value in row]
        weight_bytes = struct.pack(f"<{len(steps)}{code}", *steps)
        bias_steps = [round(value / (image_scale * weight_scale)) for value in bias]
        bias_bytes = struct.pack(f"<{classes}i", *bias_steps)
    else:
        offset = 0
        weight_bytes = struct.pack(f"<{classes * channels}f", *(value for row in weights for value in row))
        bias_bytes = struct.pack(f"<{classes}f", *bias)
    tensors = [
        Tensor(
            "image", (1, height, width, channels), kind, image_scale, image_zero,
            signature=(-1, height, width, channels) if dynamic_batch else None,
        ),
        Tensor("axes", (2,), INT32, data=struct.pack("<2i", 1, 2)),
        Tensor("means", (1, channels), kind, image_scale, image_zero),
        Tensor("weights", (classes, channels), kind, weight_scale if quantized else None, offset, weight_bytes),
        Tensor(
            "bias", (classes,), INT32 if quantized else FLOAT32,
            image_scale * weight_scale if image_scale else None, data=bias_bytes,
        ),
        Tensor("logits", (1, classes), kind, 1 / 8 if quantized else None, offset),
        Tensor("scores", (1, classes), kind, 1 / 256 if quantized else None, -128 if dtype == "int8" else 0),
    ]  # fmt: skip
    operators = [
        Operator(MEAN, (0, 1), (2,), (27, Fields({0: ("?", False)}))),
        Operator(FULLY_CONNECTED, (2, 3, 4), (5,), (8, Fields({0: ("b", 0)}))),
    ]
    if softmax:
        operators.append(Operator(SOFTMAX, (5,), (6,), (9, Fields({0: ("f", 1.0)}))))
    metadata = None
    members: dict[str, bytes | str] = {}
    if labels is not None or mean is not None:
        metadata = tflite_metadata(mean=mean, std=std, labels_file="labels.txt" if labels is not None else None)
    if labels is not None:
        members["labels.txt"] = "\n".join(labels) + "\n"
    if config is not None:
        members["mobiclass.json"] = config
    content = graph(
        tensors if softmax else tensors[:-1], operators, [0], [6 if softmax else 5],
        metadata=metadata, old_codes=old_codes,
    )  # fmt: skip
    return append_zip(content, members) if members else content


def bare_model(
    input_shapes: Sequence[tuple[int, ...]] = ((1, 8, 8, 3),),
    output_shapes: Sequence[tuple[int, ...]] = ((1, 3),),
    *,
    code: int | str = SOFTMAX,
    dtype: int = UINT8,
    output_dtype: int = UINT8,
    output_scale: float | None = 1 / 256,
    output_zero_point: int = 0,
    metadata: bytes | None = None,
) -> bytes:
    """Make a model of one operator with any inputs and outputs: to be read and refused, not to be run."""
    inputs = [Tensor(f"in{number}", shape, dtype, 1 / 255) for number, shape in enumerate(input_shapes)]
    outputs = [
        Tensor(f"out{number}", shape, output_dtype, output_scale, output_zero_point)
        for number, shape in enumerate(output_shapes)
    ]
    places = range(len(inputs) + len(outputs))
    ins, outs = tuple(places[: len(inputs)]), tuple(places[len(inputs) :])
    return graph([*inputs, *outputs], [Operator(code, ins, outs)], ins, outs, metadata=metadata)


def feature_extractor(features: int = 3) -> bytes:
    """Make a model that ends in MEAN, without labels: it runs, and gives no classes."""
    tensors = [
        Tensor("image", (1, 8, 8, features), UINT8, 1 / 127.5, 127),
        Tensor("axes", (2,), INT32, data=struct.pack("<2i", 1, 2)),
        Tensor("features", (1, features), UINT8, 1 / 127.5, 127),
    ]
    return graph(tensors, [Operator(MEAN, (0, 1), (2,), (27, Fields({0: ("?", False)})))], [0], [2])


def edgetpu_model(
    labels: Sequence[str] | None = COLOURS, *, side: int = 8, dtype: str = "uint8", classes: int = 3
) -> bytes:
    """Make what the Edge TPU compiler makes: one custom operator from the image to the probabilities."""
    metadata = tflite_metadata(labels_file="labels.txt") if labels is not None else None
    content = bare_model(
        [(1, side, side, 3)], [(1, classes)], code="edgetpu-custom-op", metadata=metadata,
        dtype=DTYPES[dtype], output_dtype=DTYPES[dtype], output_zero_point=-128 if dtype == "int8" else 0,
    )  # fmt: skip
    return append_zip(content, {"labels.txt": "\n".join(labels) + "\n"}) if labels is not None else content
