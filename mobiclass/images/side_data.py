"""Strips an image file of its side data: text, colour profiles, Exif, XMP, comments, everything that is not pixels.

A decoder that fails on any of that has not yet looked at the pixels, which are often sound. What they depend on stays:
transparency, palettes, the colour coding of a JPEG. It decodes nothing and inflates nothing.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

_MAX_EXIF_BYTES: Final = 1 << 20


def without_side_data(content: bytes) -> Iterator[bytes]:
    """Yield `content` stripped of all side data but Exif, which has the orientation, and then of Exif too.

    Yields nothing if there is nothing to strip, or the file's structure is damaged.
    """
    for pattern, clean in _CLEANERS:
        if re.match(pattern, content, re.DOTALL):
            given = content
            for keep_exif in (True, False):
                try:
                    cleaned = clean(content, keep_exif)
                except (IndexError, ValueError, struct.error):  # not even its structure is sound
                    return
                if cleaned != given:
                    yield cleaned
                    given = cleaned
            return


def _png(content: bytes, keep_exif: bool) -> bytes:
    """Keep the chunks that are critical, transparency and Exif (PNG, third edition)."""
    view, at = memoryview(content), 8
    pieces: list[bytes | memoryview] = [view[:at]]
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        chunk = view[at : at + 12 + length]
        at += 12 + length
        if not kind[0] & 0x20:  # an upper-case letter: critical
            pieces.append(chunk)
        elif kind != b"tRNS" and (kind != b"eXIf" or not keep_exif or length > _MAX_EXIF_BYTES):
            continue
        elif zlib.crc32(chunk[4:-4]).to_bytes(4, "big") == chunk[-4:]:
            pieces.append(chunk)
    return b"".join(pieces)


def _jpeg(content: bytes, keep_exif: bool) -> bytes:
    """Drop comments before the first scan, and application segments but JFIF, Exif and Adobe (ITU-T T.81, B.1)."""
    view, at = memoryview(content), 2
    pieces: list[bytes | memoryview] = [view[:at]]
    while True:
        if content[at] != 0xFF:
            raise ValueError("no marker")
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (0xD9, 0xDA):
            return b"".join((*pieces, view[at:]))
        length = max(2, int.from_bytes(content[at + 2 : at + 4], "big"))
        segment = view[at : at + 2 + length]
        at += 2 + length
        start = bytes(segment[4:10])
        kept = {
            0xE0: start[:5] == b"JFIF\0" and length >= 16,
            0xE1: start == b"Exif\0\0" and keep_exif,
            0xEE: start[:5] == b"Adobe" and length >= 14,
        }
        if kept.get(marker, not (0xE0 <= marker <= 0xEF or marker == 0xFE)):
            pieces.append(segment)


def _webp(content: bytes, keep_exif: bool) -> bytes:
    """Keep the chunks that hold pixels, and say that there are no others (RFC 9649)."""
    pieces, at = [], 12
    while at + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, at)
        chunk = content[at : at + 8 + length + length % 2]
        at += 8 + length + length % 2
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes((chunk[8] & (0x1A if keep_exif else 0x12),)) + chunk[9:]
        elif kind == b"EXIF":
            if not keep_exif or length > _MAX_EXIF_BYTES:
                continue
        elif kind not in (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"):
            continue
        pieces.append(chunk)
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _gif(content: bytes, keep_exif: bool) -> bytes:
    """Drop the extensions before the first image, except the one with the transparent colour (GIF89a)."""
    at = 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)
    pieces = [content[:at]]
    while content[at] == 0x21:
        start, kept = at, content[at + 1] == 0xF9
        at += 2
        while content[at]:
            at += 1 + content[at]
        at += 1
        if kept:
            pieces.append(content[start:at])
    return b"".join((*pieces, content[at:]))


_TIFF_TAGS: Final = {
    *range(254, 260), 262, 266, 273, 274, *range(277, 281), 284, 292, 293, 317, *range(320, 326), 332, 338, 339, 347,
    *range(512, 522), *range(529, 533),
}  # fmt: skip
"""The tags that say where the pixels are and how they are coded (TIFF 6.0, TIFF Technical Note 2)."""


def _tiff(content: bytes, keep_exif: bool) -> bytes:
    """Append a new first directory that has nothing but `_TIFF_TAGS`."""
    order = "<" if content[0] == 0x49 else ">"
    big = content[2] == 43 or content[3] == 43
    count_format, entry_bytes, offset_format, offset_at = ("Q", 20, "Q", 8) if big else ("H", 12, "I", 4)
    (place,) = struct.unpack_from(order + offset_format, content, offset_at)
    (count,) = struct.unpack_from(order + count_format, content, place)
    place += struct.calcsize(order + count_format)
    entries = [content[at : at + entry_bytes] for at in range(place, place + count * entry_bytes, entry_bytes)]
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] in _TIFF_TAGS]
    if len(kept) == len(entries):
        return content
    directory = struct.pack(order + count_format, len(kept)) + b"".join(kept) + bytes(8 if big else 4)
    padding = bytes(len(content) % 2)
    new_place = struct.pack(order + offset_format, len(content) + len(padding))
    return content[:offset_at] + new_place + content[offset_at + len(new_place) :] + padding + directory


def _heif(content: bytes, keep_exif: bool) -> bytes:
    """Rename Exif, XMP and colour profiles to free space; the orientation is a property (ISO/IEC 14496-12)."""
    at = 0
    while content[at + 4 : at + 8] != b"meta":
        at += _box_bytes(content, at)
    end = at + _box_bytes(content, at)
    items = re.sub(
        rb"(infe(?:\x02.{7}|\x03.{9}))(?:Exif|mime)", lambda item: item[1] + b"free", content[at:end], flags=re.DOTALL
    )
    return content[:at] + re.sub(rb"colr(prof|rICC)", rb"free\1", items) + content[end:]


def _jpeg_2000(content: bytes, keep_exif: bool) -> bytes:
    """Keep the boxes that a picture needs (ISO/IEC 15444-1, I.2)."""
    pieces, at = [], 0
    while at + 8 <= len(content):
        length = _box_bytes(content, at)
        if content[at + 4 : at + 8] in (b"jP  ", b"ftyp", b"jp2h", b"jp2c"):
            pieces.append(content[at : at + length])
        at += length
    return b"".join(pieces)


def _box_bytes(content: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">I", content, at)
    if length == 1:
        (length,) = struct.unpack_from(">Q", content, at + 8)
    elif length == 0:  # to the end of the file
        length = len(content) - at
    if length < 8:
        raise ValueError("a box of no length")
    return int(length)


def _photoshop(content: bytes, keep_exif: bool) -> bytes:
    """Drop the image resources (Adobe Photoshop File Formats Specification)."""
    at = 30 + int.from_bytes(content[26:30], "big")
    return content[:at] + bytes(4) + content[at + 4 + int.from_bytes(content[at : at + 4], "big") :]


def _netpbm(content: bytes, keep_exif: bool) -> bytes:
    """Drop the header's comments."""
    numbers = 2 if content[1:2] in b"14" else 3
    header = re.match(rb"P.(?:(?:\s|#[^\r\n]*[\r\n])+\d+){%d}" % numbers, content)
    if header is None:
        return content
    return re.sub(rb"#[^\r\n]*[\r\n]", b"\n", header[0]) + content[header.end() :]


_CLEANERS: Final[tuple[tuple[bytes, Callable[[bytes, bool], bytes]], ...]] = (
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"RIFF....WEBP", _webp),
    (rb"GIF8[79]a", _gif),
    (rb"II[*+]\0|MM\0[*+]", _tiff),
    (rb"....ftyp", _heif),
    (rb"\0\0\0\x0cjP  ", _jpeg_2000),
    (rb"8BPS", _photoshop),
    (rb"P[1-6]\s", _netpbm),
)
