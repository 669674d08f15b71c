"""Images that the tests make, byte by byte where no encoder would write them."""

from __future__ import annotations

import io
import struct
import zlib
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from PIL import Image

Transpose = Image.Transpose
STORED_AS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""What a camera does to the upright picture before it writes it with an Exif orientation."""

# 32 × 16 pixels, the left half red and the right half blue; to be turned by 90° clockwise.
TURNED_HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAcdtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB6wABAAAAAAAAAJ8AAgAAAAACigABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABBmlwcnAAAADlaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xy"
    "bmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAIAAAAAEAAAAQAAAAAf///+AAAAAC////0AAAAAIAAAAQcGl4aQAAAAAD"
    "CAgIAAAACWlyb3QDAAAAGWlwbWEAAAAAAAAAAQABBoECAwWEhgAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAAAy21kYXQAAACbKAGvEyGdzRj4"
    "EPdn/+u8Ff+Vaz/zN7ls//HCp9+3LV/6zPekFHr6K3nCHJ23zwIIWbhSWJFCvRg/pvbnGHpl3jaE8xsXlDicGTpYUO6ouiAi9a8j5zvoqeqAp7mD"
    "3Vji5jGcbRINj6bXd87bk5EgLIwugouAyxmpzrJanNeQSQgcAw1O+t8tQ7DWtFoogvjrIzHx2QaLNaipj2YAAAAGRXhpZgAATU0AKgAAAAgAAQES"
    "AAMAAAABAAYAAAAAAAA="
)


def scene(width: int = 32, height: int = 16) -> Image.Image:
    """Make a picture of which every turn and reflection differs: red, green over blue, white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    return Image.fromarray(pixels)


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    """Make a picture that no encoder can make small."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """Give the file of `image`; skips the test where this Pillow cannot write the format."""
    if image_format == "AVIF" and image_format not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def stored(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an upright `image` as a file with the Exif `orientation` holds it."""
    return image.transpose(STORED_AS[orientation]) if orientation in STORED_AS else image


def exif(orientation: int) -> bytes:
    """Give an Exif block."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Give a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, data: bytes, *chunks: bytes) -> bytes:
    """Give a PNG of raw `data`, whose rows begin with a zero; `chunks` stand before it."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    content = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(data, 9)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(content)


def png_row(depth: int, colour: int, pixels: bytes, *chunks: bytes) -> bytes:
    """Give a PNG of one row."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    return png(len(pixels) * 8 // depth // channels, 1, depth, colour, b"\0" + pixels, *chunks)


def tiff(width: int, bits: int, sample_format: int, data: bytes, order: str = "<") -> bytes:
    """Give a TIFF of one grayscale row; the sample format is 1 (unsigned), 2 (signed) or 3 (floating point)."""
    entries = [(256, width), (257, 1), (258, bits), (259, 1), (262, 1), (273, 122), (278, 1), (279, len(data))]
    directory = b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in (*entries, (339, sample_format))
    )
    start = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, 9)
    return start + directory + bytes(4) + data


def jpeg_segments(content: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Take a JPEG of one scan apart: its segments (marker, content), and the scan."""
    segments, at, marker = [], 2, 0
    while marker != 0xDA:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        segments.append((marker, content[at + 4 : at + 2 + length]))
        at += 2 + length
    return segments, content[at:-2]


def jpeg_segment(marker: int, content: bytes) -> bytes:
    """Give a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_of_scans(width: int, height: int, scans: int = 3) -> bytes:
    """Give a baseline JPEG whose three colours stand in scans of their own, which is rare, and legal for three."""
    segments, scan = jpeg_segments(encode(Image.new("L", (width, height), 120), "JPEG"))
    file = b"\xff\xd8"
    for marker, content in segments[:-1]:
        if marker == 0xC0:
            content = content[:5] + bytes((3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0))
        file += jpeg_segment(marker, content)
    for number in range(scans):
        file += jpeg_segment(0xDA, bytes((1, number % 3 + 1, 0, 0, 63, 0))) + scan
    return file + b"\xff\xd9"
