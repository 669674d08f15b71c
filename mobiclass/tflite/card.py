"""A model's card: TFLite Metadata in the graph, and labels and a ``mobiclass.json`` in an appended zip.

Slot numbers follow the metadata's schema (identifier ``M001``). MediaPipe reads what is written here.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from mobiclass.errors import ModelError
from mobiclass.tflite.editing import ModelEdit, without_zip
from mobiclass.tflite.facts import CONFIG_NAME
from mobiclass.tflite.flatbuffer_writer import NewTable, NewTables, Number, Numbers, Text, write_front
from mobiclass.tflite.graph import read_zip_members
from mobiclass.tflite.metadata import IDENTIFIER

LABELS_NAME: Final = "labels.txt"

_MIN_PARSER_VERSION: Final = "1.0.0"
_FEATURES, _IMAGE = 1, 2  # ContentProperties
_RGB: Final = 1
_NORMALIZATION: Final = 1
_AXIS_LABELS: Final = 2
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes at any time


class Card(NamedTuple):
    """What a model says of itself.

    Attributes:
        name: a short name, such as a file name without its suffix.
        description: one or two sentences.
        version: the version of the model.
        author: who made it.
        license: an SPDX identifier, or the terms in a sentence.
        mean: subtracted from pixels of 0–255: one value, or one a channel.
        std: divides the difference; as many.
        labels: one an output.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    mean: Sequence[float]
    std: Sequence[float]
    labels: Sequence[str]


def write_card(
    content: bytes, card: Card, config: Mapping[str, Any], file: str, members: Mapping[str, bytes] | None = None
) -> bytes:
    """Give the model `content` a card, instead of any that it has.

    Args:
        content: the model.
        card: what the TFLite Metadata say.
        config: the object of its ``mobiclass.json``.
        file: names the model in messages.
        members: further files of the zip, by name.

    Raises:
        ModelError: the model is damaged, or a label is no text, or has a line break, which would shift all that follow.
    """
    for label in card.labels:
        if (
            len(label.splitlines()) != 1
            or label != label.strip("\r\n")
            or label != label.encode(errors="replace").decode()
        ):
            raise ModelError(f"{file}: a label must be one line of text, not {label!r}")
    edit = ModelEdit(content, file)
    edit.set_metadata(_metadata(card))
    edit.set_description(card.description)
    labels = "".join(f"{label}\n" for label in card.labels).encode()
    written = {LABELS_NAME: labels, CONFIG_NAME: config_bytes(config), **(members or {})}
    return _with_zip(edit.finish(), written)


def config_bytes(config: Mapping[str, Any]) -> bytes:
    """Encode the object of a ``mobiclass.json``: indented, UTF-8, ending in a newline."""
    text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="backslashreplace")  # what is not Unicode becomes one of JSON's own escapes


def replace_members(content: bytes, changed: Mapping[str, bytes], file: str) -> bytes:
    """Write other files into the zip behind the model; its other files and the model itself stay as they are.

    Raises:
        ModelError: the zip cannot be read, or would be unreasonably large.
    """
    members = read_zip_members(content, file)
    return _with_zip(without_zip(content), members | dict(changed))


def _with_zip(model: bytes, members: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO(model)
    whole.seek(0, io.SEEK_END)
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:  # "a" would read what may be a damaged zip
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _ZIP_EPOCH)
            info.create_system = 3  # Unix, on whatever system: the same bytes everywhere
            archive.writestr(info, content)
    return whole.getvalue()


def _metadata(card: Card) -> bytes:
    mean, std = list(card.mean), list(card.std)
    if len({*mean}) == len({*std}) == 1:
        mean, std = mean[:1], std[:1]  # some readers expect one value where the channels are alike
    normalization = NewTable({0: Numbers("f", mean), 1: Numbers("f", std)})
    unit = NewTable({0: Number("B", _NORMALIZATION), 1: normalization})
    pixels = NewTable({0: Number("B", _IMAGE), 1: NewTable({0: Number("b", _RGB)})})
    image = NewTable({0: Text("image"), 1: Text("RGB image"), 3: pixels, 4: NewTables([unit])})
    labels = NewTable({0: Text(LABELS_NAME), 1: Text("the classes"), 2: Number("b", _AXIS_LABELS)})
    content = NewTable({0: Number("B", _FEATURES), 1: NewTable()})
    scores = NewTable({0: Text("scores"), 1: Text("the probability of each class"), 3: content, 6: NewTables([labels])})
    subgraph = NewTable({2: NewTables([image]), 3: NewTables([scores])})
    root = NewTable({
        0: Text(card.name), 1: Text(card.description), 2: Text(card.version), 3: NewTables([subgraph]),
        4: Text(card.author), 5: Text(card.license), 7: Text(_MIN_PARSER_VERSION),
    })  # fmt: skip
    return write_front(root, IDENTIFIER)
