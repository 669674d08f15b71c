"""Exif blocks, tag by tag: Pillow of every version reads them, and not every version can write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from tests.support.made_images import encode, scene

Value = Any  # a text, a number, or pairs of numbers: numerator and denominator

SYDNEY: dict[int, Value] = {1: "S", 2: ((33, 1), (51, 1), (315, 10)), 3: "E", 4: ((151, 1), (12, 1), (4025, 100))}
TAKEN: dict[int, Value] = {0x9003: "2024:05:31 18:20:01", 0x9011: "+02:00", 0x9291: "12"}


def exif_block(taken: dict[int, Value], position: dict[int, Value], order: str = "<") -> bytes:
    """Make a block with these tags of the Exif and of the GPS directory; it is a TIFF file."""
    start = 8 + 2 + 3 * 12 + 4
    exif = _directory(taken, start, order)
    gps = _directory(position, start + len(exif), order)
    pointers = {0x0132: 7, 0x8769: start, 0x8825: start + len(exif)}
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return head + _directory(pointers, 8, order) + exif + gps


def photo(taken: dict[int, Value], position: dict[int, Value], image_format: str = "JPEG") -> bytes:
    """Make an image file with such a block."""
    return encode(scene(), image_format, exif=b"Exif\0\0" + exif_block(taken, position))


def _directory(tags: dict[int, Value], start: int, order: str) -> bytes:
    entries, data = b"", b""
    behind = start + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        kind, count, content = _encoded(value, order)
        field = content.ljust(4, b"\0")
        if len(content) > 4:
            field = struct.pack(f"{order}I", behind + len(data))
            data += content
        entries += struct.pack(f"{order}HHI", tag, kind, count) + field
    return struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0" + data


def _encoded(value: Value, order: str) -> tuple[int, int, bytes]:
    """Give the type of a value (ASCII, LONG or RATIONAL), its number of parts and its bytes."""
    if isinstance(value, str):
        content = value.encode() + b"\0"
        return 2, len(content), content
    if isinstance(value, int):
        return 4, 1, struct.pack(f"{order}I", value)
    pairs: Sequence[tuple[int, int]] = value
    return 5, len(pairs), b"".join(struct.pack(f"{order}II", *pair) for pair in pairs)
