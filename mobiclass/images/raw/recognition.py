"""Whether a file is a camera's raw file, by its content. It decodes nothing.

Most raw formats are TIFF files: a thumbnail comes first, which any TIFF reader takes for the picture, and what the
sensor saw is a mosaic in a directory further on. What tells them from scans, exports and other TIFF files is that
mosaic, the compression that only cameras use for it, or DNG's version tag.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from mobiclass.images.files import ImageFile

HEAD_BYTES: Final = 32
"""How much of a file `raw_format` wants to see of its beginning."""

_MAGICS: Final = (
    (rb"....ftypcrx ", "CR3"),
    (rb"FUJIFILMCCD-RAW", "RAF"),
    (rb"II(?:RO|RS)|MMOR", "ORF"),
    (rb"IIU\0", "RW2"),
    (rb"(?:II\*\0|MM\0\*)....CR\x02", "CR2"),
    (rb"(?:II\*\0|MM\0\*)....(?:IIII.waR|MMMMRaw)", "IIQ"),
    (rb"II\x1a\0\0\0HEAPCCDR", "CRW"),
    (rb"\0MRM", "MRW"),
    (rb"FOVb", "X3F"),
)
_TIFF: Final = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}

# TIFF 6.0; TIFF/EP (ISO 12234-2); DNG 1.7
_COMPRESSION, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 259, 262, 330, 50706
_OF_A_SENSOR: Final = {32803, 34892}  # photometric interpretations: a colour filter array, and linear raw
_OF_CAMERAS: Final = {32767: "ARW", 34713: "NEF", 65535: "PEF"}  # the compressions of Sony, Nikon and Pentax
_TYPES: Final = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # SHORT, LONG, IFD, and BigTIFF's LONG8 and IFD8
_MAX_DIRECTORIES: Final = 32
_MAX_ENTRIES: Final = 1024
_MAX_VALUES: Final = 64


def raw_format(file: ImageFile, head: bytes) -> str | None:
    """Name the raw format of `file`, whose first `HEAD_BYTES` are `head`: ``DNG``, ``CR2``, ….

    Returns:
        ``None`` where it is no raw file; an empty name for one that is, and does not say of which format.
    """
    for pattern, name in _MAGICS:
        if re.match(pattern, head, re.DOTALL):
            return name
    if head[:4] not in _TIFF:
        return None
    found = None
    for directory in _directories(file, head):
        if _DNG_VERSION in directory:
            return "DNG"
        found = found or _OF_CAMERAS.get(next(iter(directory.get(_COMPRESSION, ())), 0))
        if _OF_A_SENSOR.intersection(directory.get(_PHOTOMETRIC, ())):
            found = found or ""
    return found


def _directories(file: ImageFile, head: bytes) -> Iterator[dict[int, tuple[int, ...]]]:
    """Give the values of the tags that count, directory by directory, the nested ones after their parents'."""
    order, big = _TIFF[head[:4]]
    offset = order + ("Q" if big else "I")
    waiting = [struct.unpack_from(offset, head, 8 if big else 4)[0]] if len(head) >= 16 else []
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        place = waiting.pop(0)
        if not place or place in seen:
            continue
        seen.add(place)
        directory, following = _directory(file, place, order, big=big)
        yield directory
        waiting += [*directory.get(_SUB_DIRECTORIES, ()), *following]


def _directory(file: ImageFile, place: int, order: str, *, big: bool) -> tuple[dict[int, tuple[int, ...]], list[int]]:
    """Read the directory at `place`, as far as the file goes: the tags that count, and where the next directory is."""
    count_format, entry_format, offset_format = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    tags: dict[int, tuple[int, ...]] = {}
    count_bytes = _read(file, place, struct.calcsize(order + count_format))
    if count_bytes is None:
        return tags, []
    entries = struct.unpack(order + count_format, count_bytes)[0]
    if entries > _MAX_ENTRIES:
        return tags, []
    content = file.read(entries * struct.calcsize(order + entry_format))
    next_bytes = file.read(struct.calcsize(offset_format))
    size = struct.calcsize(order + entry_format)
    for at in range(0, len(content) - size + 1, size):
        tag, kind, count, value = struct.unpack_from(order + entry_format, content, at)
        if tag == _DNG_VERSION:
            tags[tag] = ()
        elif tag in (_COMPRESSION, _PHOTOMETRIC, _SUB_DIRECTORIES) and kind in _TYPES and 0 < count <= _MAX_VALUES:
            values = order + _TYPES[kind] * count
            length = struct.calcsize(values)
            stored = (
                value if length <= len(value) else _read(file, struct.unpack(order + offset_format, value)[0], length)
            )
            if stored is not None:
                tags[tag] = struct.unpack_from(values, stored)
    whole = len(next_bytes) == struct.calcsize(offset_format)
    return tags, list(struct.unpack(order + offset_format, next_bytes)) if whole else []


def _read(file: ImageFile, place: int, length: int) -> bytes | None:
    """Read `length` bytes at `place`; ``None`` where the file does not reach so far."""
    try:
        file.seek(place)
    except (OSError, OverflowError, ValueError):
        return None
    content = file.read(length)
    return content if len(content) == length else None
