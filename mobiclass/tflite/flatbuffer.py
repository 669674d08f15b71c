"""A bounds-checked reader of FlatBuffers tables.

Every offset, length and vtable is checked against the buffer before it is followed, so that a damaged or
hostile file ends in `FlatbufferError` and never in an endless loop or in bytes from somewhere else. It reads;
it knows nothing of TFLite, and it does not write.

The format: https://flatbuffers.dev/internals/ (little-endian; a table starts with a signed offset back to its
vtable; vectors and strings start with their length).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

_Item = TypeVar("_Item")

_VTABLE_HEADER_BYTES: Final = 4
_FORMAT_BYTES: Final = {"B": 1, "b": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}


class FlatbufferError(Exception):
    """The bytes are not the FlatBuffers structure that they should be."""


class _Budget:
    """The bytes of vectors that may still be read: in a hostile file a million tables share one huge vector."""

    __slots__ = ("bytes_left",)

    def __init__(self, buffer_bytes: int) -> None:
        self.bytes_left = 2 * buffer_bytes  # a sound file is read once, and its writer may share a few vectors

    def spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise FlatbufferError("its tables overlap without end")


class Table:
    """One table: its fields by slot number (the order of the fields in the schema, from 0).

    A field that is absent gives its default: 0, an empty vector, ``None`` for a table or a string.
    """

    __slots__ = ("_buffer", "_budget", "_offset", "_vtable", "_vtable_bytes")

    def __init__(self, buffer: bytes | memoryview, offset: int, budget: _Budget | None = None) -> None:
        """Open the table at `offset` (bytes from the start of `buffer`); all tables of a file share one `budget`.

        Raises:
            FlatbufferError: the table or its vtable lies outside the buffer.
        """
        self._buffer = buffer
        self._budget = budget or _Budget(len(buffer))
        self._offset = offset
        self._vtable = offset - _read(buffer, "i", offset)
        self._vtable_bytes = _read(buffer, "H", self._vtable)
        if self._vtable_bytes < _VTABLE_HEADER_BYTES or self._vtable + self._vtable_bytes > len(buffer):
            raise FlatbufferError(f"a vtable of {self._vtable_bytes} bytes at byte {self._vtable}")

    @classmethod
    def root(cls, buffer: bytes | memoryview, identifier: bytes) -> Table:
        """Open the root table of `buffer`, which must carry the 4-byte file `identifier`.

        Raises:
            FlatbufferError: the identifier is another one, or the root table lies outside.
        """
        if bytes(buffer[4:8]) != identifier:
            raise FlatbufferError(f"the file identifier is not {identifier.decode()}")
        return cls(buffer, _read(buffer, "I", 0))

    @property
    def position(self) -> int:
        """Where the table lies, in bytes from the start of the buffer."""
        return self._offset

    @property
    def slots(self) -> list[int]:
        """The slots of the fields that are there."""
        return [
            slot for slot in range((self._vtable_bytes - _VTABLE_HEADER_BYTES) // 2) if self._field(slot) is not None
        ]

    def target(self, slot: int) -> int | None:
        """Where what `slot` points to lies, in bytes from the start of the buffer."""
        position = self._field(slot)
        if position is None:
            return None
        target = self._follow(position)
        _read(self._buffer, "i", target)  # the length of a vector, or the offset of a vtable
        return target

    def scalar(self, slot: int, fmt: str, default: int = 0) -> int:
        """Read the integer of `struct` format `fmt` in `slot`."""
        position = self._field(slot)
        return default if position is None else _read(self._buffer, fmt, position)

    def table(self, slot: int) -> Table | None:
        """Open the table that `slot` points to."""
        position = self._field(slot)
        return None if position is None else Table(self._buffer, self._follow(position), self._budget)

    def tables(self, slot: int) -> Iterator[Table]:
        """Open, one after the other, the tables of the vector in `slot`."""
        start, length = self._vector(slot, item_bytes=4)
        for position in range(start, start + 4 * length, 4):
            yield Table(self._buffer, self._follow(position), self._budget)

    def numbers(self, slot: int, fmt: str) -> tuple[float, ...]:
        """Read the vector of numbers of `struct` format `fmt` in `slot`."""
        start, length = self._vector(slot, item_bytes=_FORMAT_BYTES[fmt])
        return struct.unpack_from(f"<{length}{fmt}", self._buffer, start)

    def integers(self, slot: int, fmt: str = "i") -> tuple[int, ...]:
        """Read the vector of integers in `slot`."""
        return tuple(int(number) for number in self.numbers(slot, fmt))

    def string(self, slot: int) -> str | None:
        """Read the UTF-8 string in `slot`; bytes that are not UTF-8 become U+FFFD."""
        if self._field(slot) is None:
            return None
        return bytes(self.bytes(slot)).decode("utf-8", errors="replace")

    def bytes(self, slot: int) -> memoryview:
        """Look at the byte vector in `slot`, without a copy."""
        start, length = self._vector(slot, item_bytes=1)
        return memoryview(self._buffer)[start : start + length]

    def _field(self, slot: int) -> int | None:
        entry = _VTABLE_HEADER_BYTES + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return None
        distance = _read(self._buffer, "H", self._vtable + entry)
        return self._offset + distance if distance else None

    def _follow(self, position: int) -> int:
        return position + _read(self._buffer, "I", position)

    def _vector(self, slot: int, *, item_bytes: int) -> tuple[int, int]:
        position = self._field(slot)
        if position is None:
            return 0, 0
        start = self._follow(position)
        length = _read(self._buffer, "I", start)
        if start + 4 + length * item_bytes > len(self._buffer):
            raise FlatbufferError(f"a vector of {length} items at byte {start} runs past the end")
        self._budget.spend(length * item_bytes)
        return start + 4, length


def item(items: Sequence[_Item], index: int) -> _Item:
    """Give the item that a file's `index` means.

    Raises:
        FlatbufferError: there is none.
    """
    if not 0 <= index < len(items):
        raise FlatbufferError(f"index {index} into {len(items)} items")
    return items[index]


def _read(buffer: bytes | memoryview, fmt: str, offset: int) -> int:
    if offset < 0 or offset + _FORMAT_BYTES[fmt] > len(buffer):
        raise FlatbufferError(f"an offset to byte {offset} of {len(buffer)}")
    value: int = struct.unpack_from("<" + fmt, buffer, offset)[0]
    return value
