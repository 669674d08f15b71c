"""Writes a model's metadata: TFLite Metadata in the flatbuffer, and files in an appended zip.

It does not change the graph, reads no metadata (`mobiclass.tflite` does), and needs no TensorFlow. The result depends
only on the arguments: not on time, user or platform.

The slot numbers are the positions of the fields in the metadata schema (identifier ``M001``) of the TFLite
Metadata format.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobiclass.tflite import Preprocessing
from tools.errors import MetadataError

LABELS_FILE: Final = "labels.txt"

_METADATA_NAME: Final = b"TFLITE_METADATA"
_MIN_PARSER_VERSION: Final = "1.0.0"  # the first one: no later field is used
_AXIS_LABELS: Final = 2
_FEATURE_CONTENT, _IMAGE_CONTENT = 1, 2
_RGB: Final = 1
_NORMALIZATION: Final = 1
_BUFFER_ALIGNMENT: Final = 16
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The metadata of a model.

    Attributes:
        name: a short name, such as a file name without its suffix.
        description: one or two sentences.
        version: the version of the model.
        author: the author of the weights and the model.
        license: an SPDX identifier, or the terms in a sentence.
        mean: subtracted from pixels of 0–255; one value, or one per channel (R, G, B).
        std: divides the difference; as many values as `mean`.
        labels: one per output.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: tuple[str, ...]


def write_metadata(model: bytes, card: ModelCard, files: Mapping[str, bytes] | None = None) -> bytes:
    """Add `card` to the TFLite `model`, and append a zip with the labels and `files`.

    Returns:
        The bytes of the new ``.tflite``. The zip's members are not compressed, so that they can be memory-mapped.

    Raises:
        MetadataError: the model already has metadata, or the card does not match its outputs.
    """
    members = {LABELS_FILE: encode_lines(card.labels)}
    for name, content in (files or {}).items():
        if name in members:
            raise MetadataError(f"{name} is written from the labels and cannot be given as a file too")
        members[name] = content
    return _append_zip(_embed(model, card), members)


def encode_lines(lines: Sequence[str]) -> bytes:
    r"""Encode `lines` as UTF-8, each terminated by ``\n``, so that the line number is the index.

    Raises:
        MetadataError: a line contains a line break, which would shift all following lines.
    """
    for index, line in enumerate(lines):
        if "\n" in line or "\r" in line:
            raise MetadataError(f"line {index} contains a line break: {line!r}")
    return "".join(f"{line}\n" for line in lines).encode()


def encode_json(content: Mapping[str, Any]) -> bytes:
    """Encode `content` as indented UTF-8 JSON that ends with a newline."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def encode_config(
    card: ModelCard,
    source: str,
    preprocessing: Preprocessing,
    provenance: Mapping[str, Any],
    rules: Mapping[str, Any] | None = None,
) -> bytes:
    """Encode ``mobiclass.json``: what TFLite Metadata has no field for, with the `rules` of answers if any."""
    config = {
        "format": 1,
        "name": card.name,
        "description": card.description,
        "author": card.author,
        "license": card.license,
        "source": source,
        "preprocessing": {
            "resize": preprocessing.resize,
            "crop_fraction": preprocessing.crop_fraction,
            "interpolation": preprocessing.interpolation,
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
        },
        **({"rules": rules} if rules else {}),
        "provenance": provenance,
    }
    return encode_json(config)


def _embed(model: bytes, card: ModelCard) -> bytes:
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    if any(entry.name == _METADATA_NAME for entry in parsed.metadata or []):
        raise MetadataError("the model already has TFLite Metadata; use a freshly converted one")
    _check_card(parsed.subgraphs[0], card)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_model_metadata(card), dtype=np.uint8)
    entry = schema.MetadataT()
    entry.name = _METADATA_NAME.decode()
    entry.buffer = len(parsed.buffers)
    parsed.metadata = [*(parsed.metadata or []), entry]
    parsed.buffers = [_AlignedBuffer(data) for data in [*parsed.buffers, buffer]]
    builder = flatbuffers.Builder(len(model) + (1 << 20))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _check_card(subgraph: Any, card: ModelCard) -> None:
    if len(subgraph.inputs) != 1 or len(subgraph.outputs) != 1:
        raise MetadataError(
            f"an image classifier has one input and one output, this model has "
            f"{len(subgraph.inputs)} and {len(subgraph.outputs)}"
        )
    outputs = int(subgraph.tensors[subgraph.outputs[0]].shape[-1])
    if len(card.labels) != outputs:
        raise MetadataError(f"{len(card.labels)} labels do not match the model's {outputs} outputs")
    numbers = np.array([*card.mean, *card.std])
    if len(card.mean) not in (1, 3) or len(card.mean) != len(card.std) or not np.isfinite(numbers).all():
        raise MetadataError(f"mean {card.mean} and std {card.std} must have one or three finite values each")
    if min(card.std) <= 0:
        raise MetadataError(f"std {card.std} must be greater than 0: pixels are divided by it")


class _AlignedBuffer:
    """Packs the data of a `schema.BufferT` at a multiple of 16 bytes, as the TFLite schema requires.

    The generated Python code does not align it, and kernels read whole words from it.
    """

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def Pack(self, builder: Any) -> int:
        if self._buffer.offset or self._buffer.size:
            raise MetadataError("the model stores weights outside its flatbuffer, which is not supported")
        data = None
        if self._buffer.data is not None:
            content = np.asarray(self._buffer.data, dtype=np.uint8).tobytes()
            builder.StartVector(1, len(content), _BUFFER_ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


def _model_metadata(card: ModelCard) -> bytes:
    """Build the ``M001`` flatbuffer of `card`; FlatBuffers requires children before their parents."""
    builder = flatbuffers.Builder(1024)
    image = _image_tensor(builder, card)
    scores = _score_tensor(builder)
    inputs, outputs = _offsets(builder, [image]), _offsets(builder, [scores])
    subgraph = _table(builder, 4, {2: inputs, 3: outputs})
    fields = {
        0: builder.CreateString(card.name),
        1: builder.CreateString(card.description),
        2: builder.CreateString(card.version),
        3: _offsets(builder, [subgraph]),
        4: builder.CreateString(card.author),
        5: builder.CreateString(card.license),
        7: builder.CreateString(_MIN_PARSER_VERSION),
    }
    builder.Finish(_table(builder, 8, fields), b"M001")
    return bytes(builder.Output())


def _image_tensor(builder: Any, card: ModelCard) -> int:
    properties = _table(builder, 2, {}, {0: _RGB})
    content = _table(builder, 2, {1: properties}, {0: _IMAGE_CONTENT})
    # Some readers expect a single value where the channels are alike.
    count = 1 if len({*card.mean}) == len({*card.std}) == 1 else 3
    options = _table(builder, 2, {0: _floats(builder, card.mean[:count]), 1: _floats(builder, card.std[:count])})
    unit = _table(builder, 2, {1: options}, {0: _NORMALIZATION})
    fields = {
        0: builder.CreateString("image"),
        1: builder.CreateString("The image to classify, RGB."),
        3: content,
        4: _offsets(builder, [unit]),
    }
    return _table(builder, 7, fields)


def _score_tensor(builder: Any) -> int:
    content = _table(builder, 2, {1: _table(builder, 0, {})}, {0: _FEATURE_CONTENT})
    file_fields = {
        0: builder.CreateString(LABELS_FILE),
        1: builder.CreateString("The name of each class, one a line."),
    }
    file = _table(builder, 5, file_fields, {2: _AXIS_LABELS})
    fields = {
        0: builder.CreateString("probability"),
        1: builder.CreateString("The probability of each class."),
        3: content,
        6: _offsets(builder, [file]),
    }
    return _table(builder, 7, fields)


def _table(builder: Any, slots: int, offsets: dict[int, int], numbers: dict[int, int] | None = None) -> int:
    """Write a table of `offsets` (to strings, vectors, tables) and one-byte `numbers` by slot."""
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in (numbers or {}).items():
        builder.PrependUint8Slot(slot, number, 0)
    return int(builder.EndObject())


def _offsets(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: Any, values: tuple[float, ...]) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, dtype=np.float32)))


def _append_zip(model: bytes, members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a", compression=zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
            info.create_system = 3  # always Unix, on every machine
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return stream.getvalue()
