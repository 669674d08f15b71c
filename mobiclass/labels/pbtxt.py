"""Label maps in protocol buffers' text format: ``item { id: 1 name: "cat" }``, of which the ids count from 1.

It reads the messages at the top and their scalar fields, and passes over what else is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mobiclass.labels.lists import Reading, first_repeated

_TOKEN: Final = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[-+.\w/]+)|(?P<mark>[][{}<>:,;])""",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_NAME_FIELDS: Final = ("display_name", "name", "target_class_string", "label")
_ID_FIELDS: Final = ("id", "target_class", "label_id", "class_id")
_MAX_ID: Final = 10_000_000


def readings_of_pbtxt(text: str) -> list[Reading]:
    """Read a label map; where an item has no id, the order of the items counts.

    Raises:
        ValueError: it is not in that format, or an item has no name, or no id of its own where others have one.
    """
    names, indices = [], []
    for number, fields in enumerate(_messages(text), start=1):
        name = next((fields[field] for field in _NAME_FIELDS if fields.get(field)), None)
        if name is None:
            raise ValueError(f"a pbtxt label map whose item {number} has no name")
        names.append(name)
        index = next((fields[field] for field in _ID_FIELDS if field in fields), None)
        if index is not None:
            if not re.fullmatch(r"[0-9]{1,8}", index) or int(index) > _MAX_ID:
                raise ValueError(f"a pbtxt label map whose item {number} has the id {index[:20]}")
            indices.append(int(index))
    if not names:
        raise ValueError('a pbtxt label map has items, item { id: 1 name: "cat" }, and this has none')
    if indices and len(indices) != len(names):
        raise ValueError(f"a pbtxt label map in which {len(names) - len(indices)} of {len(names)} items have no id")
    if (twice := first_repeated(indices)) is not None:
        raise ValueError(f"a pbtxt label map that has the id {twice} twice")
    return [Reading("a pbtxt label map", tuple(names), tuple(indices) or None, counts_from_one=True)]


def _messages(text: str) -> Iterator[dict[str, str]]:
    """Give the fields of each message at the top: strings unescaped, and all else as it is written."""
    tokens = _tokens(text)
    depth, key = 0, ""
    fields: dict[str, str] = {}
    for kind, token in tokens:
        if kind == "mark" and token in "{<":
            depth, key = depth + 1, ""
        elif kind == "mark" and token in "}>":
            depth, key = depth - 1, ""
            if depth < 0:
                raise ValueError("a pbtxt label map with a } that closes nothing")
            if depth == 0:
                yield fields
                fields = {}
        elif kind == "mark":
            key = key if token == ":" else ""
        elif depth == 1 and kind == "string":
            fields[key] = fields.get(key, "") + _unescaped(token)  # strings in a row are one
        elif depth == 1 and key and key not in fields:
            fields[key], key = token, ""
        elif kind == "word":
            key = token
    if depth:
        raise ValueError("a pbtxt label map that ends within an item: it was cut short")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise ValueError(f"a pbtxt label map with an error in line {line}: {text[position : position + 20]!r}")
        position = match.end()
        if match.lastgroup:
            yield match.lastgroup, match[0]


def _unescaped(string: str) -> str:
    def character(match: re.Match[bytes]) -> bytes:
        if match[1] or match[2]:
            return bytes([int(match[1], 16) if match[1] else int(match[2], 8) & 255])
        return _ESCAPED.get(match[3], match[3])

    # Bytes: text beyond ASCII is written as the escaped bytes of its UTF-8.
    return _ESCAPE.sub(character, string[1:-1].encode()).decode("utf-8", errors="replace").strip()
