"""The XMP packet inside a JPEG, PNG or WebP file: found, replaced, added and removed; no other byte changes.

What must change with it changes: the length of a RIFF file and the flags of an extended WebP, and in a JPEG with
further images (MPF) the length of the first. A simple WebP becomes an extended one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_EXIF: Final = b"Exif\0"
_MAX_SEGMENT: Final = 0xFFFF - 2
_PNG_XMP: Final = b"XML:com.adobe.xmp\0"
_WEBP_XMP_FLAG: Final = 0x04  # WebP container specification, "Extended File Format"
_WEBP_ALPHA_FLAG: Final = 0x10


class EmbeddingError(ValueError):
    """The file is no JPEG, PNG or WebP, is damaged, or has no room for the packet."""


class Place(NamedTuple):
    """Where the packet stands, or belongs.

    Attributes:
        kind: ``JPEG``, ``PNG`` or ``WebP``.
        start: where the segment or chunk that holds it begins.
        end: where that ends; `start` if there is none.
        packet: the packet, or ``None``.
        is_simple: whether it is a WebP that has no place for a packet yet.
    """

    kind: str
    start: int
    end: int
    packet: bytes | None = None
    is_simple: bool = False


def find_packet(content: bytes) -> Place:
    """Find the XMP packet in the image file `content`.

    Raises:
        EmbeddingError: it is no JPEG, PNG or WebP, or is damaged.
    """
    if content.startswith(_JPEG):
        return _find_in_jpeg(content)
    if content.startswith(_PNG):
        return _find_in_png(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _find_in_webp(content)
    raise EmbeddingError("keywords can be embedded in JPEG, PNG and WebP files alone; write a sidecar instead")


def replace_packet(content: bytes, place: Place, packet: bytes | None, *, simplify: bool = False) -> bytes:
    """Put `packet` where `place` says in `content`; ``None`` removes the one that is there.

    Args:
        content: an image file.
        place: what `find_packet` found in it.
        packet: the new packet, or ``None``.
        simplify: make a WebP from which the packet is removed a simple one again.

    Raises:
        EmbeddingError: the packet is too large for a JPEG.
    """
    if place.kind == "JPEG":
        return _replace_in_jpeg(content, place, packet)
    if place.kind == "PNG":
        chunk = b"" if packet is None else _png_chunk(b"iTXt", _PNG_XMP + b"\0\0\0\0" + packet)
        return content[: place.start] + chunk + content[place.end :]
    return _replace_in_webp(content, place, packet, simplify=simplify)


class _Segment(NamedTuple):
    marker: int
    start: int
    data: int
    end: int


def _jpeg_segments(content: bytes) -> Iterator[_Segment]:
    """Yield the segments before the image data.

    Raises:
        EmbeddingError: they do not lead to image data.
    """
    position = 2
    while True:
        start = position
        if content[position : position + 1] != b"\xff":
            break
        while content[position : position + 1] == b"\xff":  # fill bytes
            position += 1
        marker = content[position : position + 1]
        if not marker or marker in b"\x00\xd9":
            break
        if marker == b"\xda":  # start of scan
            return
        length = int.from_bytes(content[position + 1 : position + 3], "big")
        end = position + 1 + length
        if length < 2 or end > len(content):
            break
        yield _Segment(marker[0], start, position + 3, end)
        position = end
    raise EmbeddingError("the JPEG file is damaged; nothing is embedded")


def _find_in_jpeg(content: bytes) -> Place:
    found = None
    place = 2
    before_all = True
    further_images = False
    for segment in _jpeg_segments(content):
        is_exif = segment.marker == 0xE1 and content.startswith(_JPEG_EXIF, segment.data)
        before_all = before_all and (segment.marker == 0xE0 or is_exif)
        if before_all:
            place = segment.end
        if segment.marker == 0xE2 and content.startswith(b"MPF\0", segment.data):
            further_images = True
        if segment.marker == 0xE1 and content.startswith(_JPEG_XMP, segment.data):
            if found:
                raise EmbeddingError("the JPEG file has two XMP packets; nothing is embedded")
            if further_images:  # their positions count from the list of them
                raise EmbeddingError("the JPEG file has its XMP behind the list of its images; write a sidecar instead")
            packet = content[segment.data + len(_JPEG_XMP) : segment.end]
            found = Place("JPEG", segment.start, segment.end, packet)
    return found or Place("JPEG", place, place)


def _replace_in_jpeg(content: bytes, place: Place, packet: bytes | None) -> bytes:
    segment = b""
    if packet is not None:
        data = _JPEG_XMP + packet
        if len(data) > _MAX_SEGMENT:
            raise EmbeddingError("its XMP would be larger than a JPEG segment (64 kB); write a sidecar instead")
        segment = b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data
    edited = content[: place.start] + segment + content[place.end :]
    length = _first_image_length(edited)
    if length is None:
        return edited
    order, where = length
    grown = struct.unpack_from(f"{order}I", edited, where)[0] + len(edited) - len(content)
    return edited[:where] + struct.pack(f"{order}I", grown & 0xFFFFFFFF) + edited[where + 4 :]


def _first_image_length(content: bytes) -> tuple[str, int] | None:
    """Find where the length of the first image stands in a file of several (CIPA DC-007, 5.2.3), and its byte order."""
    for segment in _jpeg_segments(content):
        if segment.marker == 0xE2 and content.startswith(b"MPF\0", segment.data):
            base = segment.data + 4
            order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[base : base + 4])
            try:
                if order is None:
                    return None
                directory = base + struct.unpack_from(f"{order}I", content, base + 4)[0]
                for number in range(struct.unpack_from(f"{order}H", content, directory)[0]):
                    tag, _, count, offset = struct.unpack_from(f"{order}HHII", content, directory + 2 + 12 * number)
                    where = base + offset + 4
                    if tag == 0xB002 and count >= 16 and where + 4 <= segment.end:
                        return order, where
            except struct.error:
                return None
    return None


def _find_in_png(content: bytes) -> Place:
    found = None
    position = len(_PNG)
    after_header = 0
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        kind = content[position + 4 : position + 8]
        data = position + 8
        end = data + length + 4
        if end > len(content):
            break
        after_header = after_header or end
        if kind == b"iTXt" and content.startswith(_PNG_XMP, data):
            if found:
                raise EmbeddingError("the PNG file has two XMP packets; nothing is embedded")
            found = Place("PNG", position, end, _png_packet(content[data + len(_PNG_XMP) : end - 4]))
        if kind == b"IEND":
            return found or Place("PNG", after_header, after_header)
        position = end
    raise EmbeddingError("the PNG file is damaged; nothing is embedded")


def _png_packet(data: bytes) -> bytes:
    """Give the text of an ``iTXt`` chunk, whose `data` go on behind the keyword."""
    is_compressed = data[:1] != b"\0"
    parts = data[2:].split(b"\0", 2)  # language, translated keyword, text
    if is_compressed or len(parts) < 3 or any(parts[:2]):
        raise EmbeddingError("the PNG file has its XMP in an unusual form; write a sidecar instead")
    return parts[2]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _webp_end(content: bytes) -> int:
    end = 8 + int.from_bytes(content[4:8], "little")
    if end > len(content):
        raise EmbeddingError("the WebP file is damaged; nothing is embedded")
    return end


def _find_in_webp(content: bytes) -> Place:
    riff_end = _webp_end(content)
    position = 12
    found = None
    first = content[12:16]
    while position < riff_end:
        end = position + 8 + int.from_bytes(content[position + 4 : position + 8], "little")
        padded = end + (end & 1)
        if position + 8 > riff_end or end > riff_end or padded > len(content):
            raise EmbeddingError("the WebP file is damaged; nothing is embedded")
        if content[position : position + 4] == b"XMP ":
            if found:
                raise EmbeddingError("the WebP file has two XMP packets; nothing is embedded")
            found = Place("WebP", position, padded, content[position + 8 : end])
        position = padded
    if first not in (b"VP8 ", b"VP8L", b"VP8X") or (found and first != b"VP8X"):
        raise EmbeddingError("the WebP file is damaged; nothing is embedded")
    return found or Place("WebP", position, position, None, first != b"VP8X")


def _replace_in_webp(content: bytes, place: Place, packet: bytes | None, *, simplify: bool) -> bytes:
    chunks = content[12 : place.start]
    if packet is not None:
        if place.is_simple:
            chunks = _extended_header(chunks) + chunks
        chunks += b"XMP " + len(packet).to_bytes(4, "little") + packet + b"\0" * (len(packet) & 1)
        flags = chunks[8] | _WEBP_XMP_FLAG
    elif place.is_simple:
        return content
    else:
        flags = chunks[8] & ~_WEBP_XMP_FLAG
    chunks = chunks[:8] + bytes((flags,)) + chunks[9:]
    old_end = max(_webp_end(content), place.end)
    chunks += content[place.end : old_end]
    if packet is None and simplify and not flags & ~_WEBP_ALPHA_FLAG and _is_lone_image(chunks[18:]):
        chunks = chunks[18:]
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks + content[old_end:]


def _is_lone_image(chunks: bytes) -> bool:
    length = 8 + int.from_bytes(chunks[4:8], "little")
    return chunks[:4] in (b"VP8 ", b"VP8L") and len(chunks) == length + (length & 1)


def _extended_header(chunks: bytes) -> bytes:
    """Make the header of an extended WebP for the image in `chunks`, with its width, height and transparency."""
    data = chunks[8:]
    flags = 0
    if chunks[:4] == b"VP8L" and data[:1] == b"\x2f" and len(data) >= 5:
        bits = int.from_bytes(data[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = _WEBP_ALPHA_FLAG if bits >> 28 & 1 else 0
    elif chunks[:4] == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and len(data) >= 10:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    else:
        raise EmbeddingError("the WebP file is damaged; nothing is embedded")
    if not (width and height):
        raise EmbeddingError("the WebP file is damaged; nothing is embedded")
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X" + (10).to_bytes(4, "little") + bytes((flags, 0, 0, 0)) + size
