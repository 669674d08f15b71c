"""Writes FlatBuffers in front of others: new tables may point at those that follow, which stay as they are.

Offsets in FlatBuffers point forward only. What is put in front can thus refer to all of an old file, of which no byte
need be understood that is not to change; nothing else can (a table behind could not name one before it).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

_DATA_ALIGNMENT: Final = 16  # of constants, from which kernels read whole words
_OLD_ALIGNMENT: Final = 64  # keeps whatever alignment the old file has
_VTABLE_HEADER_BYTES: Final = 4


class Old(NamedTuple):
    """What lies at `position` (bytes) of the old file."""

    position: int


class Number(NamedTuple):
    """A scalar of the `struct` format `fmt`, stored in the table itself."""

    fmt: str
    value: float


class Numbers(NamedTuple):
    """A vector of numbers of the `struct` format `fmt`."""

    fmt: str
    values: Sequence[float]


class Data(NamedTuple):
    """A vector of bytes, aligned as constants are."""

    content: bytes


class Text(NamedTuple):
    """A string."""

    text: str


@dataclass(eq=False)
class NewTable:
    """A table to be written: its fields by slot."""

    fields: dict[int, Number | Target] = field(default_factory=dict)


@dataclass(eq=False)
class NewTables:
    """A vector of tables, new and old ones; a table may stand in several."""

    tables: Sequence[NewTable | Old]


Target: TypeAlias = "NewTable | NewTables | Numbers | Data | Text | Old"
"""What a field can point to."""


def write_front(root: NewTable, identifier: bytes, old: bytes = b"") -> bytes:
    """Write `root` and all that it leads to, then `old`.

    Args:
        root: the root table; what it names as `Old` lies in `old`.
        identifier: of the file, 4 bytes.
        old: the file that is kept behind.
    """
    parts = _in_order(root)
    places: dict[int, int] = {}
    position = 8
    for part in parts:
        position = _aligned(position, part)
        places[id(part)] = position
        position += _length(part)
    start = -(-position // _OLD_ALIGNMENT) * _OLD_ALIGNMENT if old else position
    front = bytearray(start)
    struct.pack_into("<I4s", front, 0, _reference(root, places), identifier)
    for part in parts:
        _write(part, front, places, start)
    return bytes(front) + old


def _in_order(root: NewTable) -> list[Target]:
    """List what is to be written, whatever points before what it points to."""
    found: list[Target] = []
    seen: set[int] = set()
    waiting: deque[Target] = deque([root])
    while waiting:  # breadth first; what two point to must come after both
        part = waiting.popleft()
        if id(part) in seen:
            found = [each for each in found if each is not part]
        seen.add(id(part))
        found.append(part)
        if isinstance(part, NewTable):
            waiting += [each for _, each in sorted(part.fields.items()) if not isinstance(each, Number | Old)]
        elif isinstance(part, NewTables):
            waiting += [each for each in part.tables if isinstance(each, NewTable)]
    return found


def _utf8(text: str) -> bytes:
    """Encode a text; what is not Unicode, from a file name say, becomes a question mark."""
    return text.encode(errors="replace")


def _vtable_bytes(table: NewTable) -> int:
    return _VTABLE_HEADER_BYTES + 2 * (max(table.fields, default=-1) + 1)


def _layout(table: NewTable) -> tuple[dict[int, int], int]:
    """Place the fields of a table: their distances from its start, and its length."""
    sizes = {slot: struct.calcsize(each.fmt) if isinstance(each, Number) else 4 for slot, each in table.fields.items()}
    distances, length = {}, 4
    for slot in sorted(sizes, key=lambda slot: (-sizes[slot], slot)):
        length = -(-length // sizes[slot]) * sizes[slot]
        distances[slot] = length
        length += sizes[slot]
    return distances, length


def _aligned(position: int, part: Target) -> int:
    """Move `position` to where `part` may begin."""
    match part:
        case Data():  # its bytes, which follow the length
            return -(-(position + 4) // _DATA_ALIGNMENT) * _DATA_ALIGNMENT - 4
        case Numbers(fmt, _):
            size = max(4, struct.calcsize(fmt))
            return -(-(position + 4) // size) * size - 4
        case NewTable():  # the table itself, which follows its vtable
            return -(-(position + _vtable_bytes(part)) // 8) * 8 - _vtable_bytes(part)
        case _:
            return -(-position // 4) * 4


def _length(part: Target) -> int:
    match part:
        case Data(content):
            return 4 + len(content)
        case Text(text):
            return 4 + len(_utf8(text)) + 1
        case Numbers(fmt, values):
            return 4 + struct.calcsize(fmt) * len(values)
        case NewTables():
            return 4 + 4 * len(part.tables)
        case NewTable():
            return _vtable_bytes(part) + _layout(part)[1]
        case _:
            raise TypeError(part)


def _reference(part: Target, places: Mapping[int, int], start: int = 0) -> int:
    """Give the position that an offset to `part` must lead to."""
    if isinstance(part, Old):
        return start + part.position
    return places[id(part)] + (_vtable_bytes(part) if isinstance(part, NewTable) else 0)


def _write(part: Target, front: bytearray, places: Mapping[int, int], start: int) -> None:
    position = places[id(part)]
    match part:
        case Data(content) | Text(content):
            encoded = _utf8(content) if isinstance(content, str) else content
            struct.pack_into("<I", front, position, len(encoded))
            front[position + 4 : position + 4 + len(encoded)] = encoded
        case Numbers(fmt, values):
            struct.pack_into(f"<I{len(values)}{fmt}", front, position, len(values), *values)
        case NewTables():
            struct.pack_into("<I", front, position, len(part.tables))
            for at, each in enumerate(part.tables):
                place = position + 4 + 4 * at
                struct.pack_into("<I", front, place, _reference(each, places, start) - place)
        case NewTable():
            _write_table(part, front, places, start)


def _write_table(table: NewTable, front: bytearray, places: Mapping[int, int], start: int) -> None:
    vtable = places[id(table)]
    begin = vtable + _vtable_bytes(table)
    distances, length = _layout(table)
    struct.pack_into("<HH", front, vtable, _vtable_bytes(table), length)
    struct.pack_into("<i", front, begin, begin - vtable)
    for slot, each in table.fields.items():
        struct.pack_into("<H", front, vtable + _VTABLE_HEADER_BYTES + 2 * slot, distances[slot])
        place = begin + distances[slot]
        if isinstance(each, Number):
            struct.pack_into(f"<{each.fmt}", front, place, each.value)
        else:
            struct.pack_into("<I", front, place, _reference(each, places, start) - place)
