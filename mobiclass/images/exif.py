"""When and where a photo was taken, by its own Exif data; pixels are not decoded.

Pillow finds the block, and the few tags that are wanted are read here: whatever offsets and counts a hostile block
claims, no more than those tags' bytes are read.
"""

from __future__ import annotations

import io
import math
import re
import struct
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO, Final, NamedTuple

from PIL import Image, JpegImagePlugin

from mobiclass.errors import ImageError
from mobiclass.images.decode import register_heif
from mobiclass.images.errors import HEIF_BRANDS
from mobiclass.images.files import ImageFile, ImageSource, open_image_file

_FORMATS: Final = ["PNG", "WEBP", "MPO", "HEIF", "AVIF"]
_TIFF_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF_HEAD: Final = b"Exif\0\0"

# Exif 2.32, tables 3 (pointers), 7 and 8 (dates), and 15 (GPS)
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_DATES: Final = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012))
"""The tags of a time, its fraction and its offset from UTC: of taking the photo, and of digitizing it."""
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4

_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5
_TYPE_BYTES: Final = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8}
_MAX_ENTRIES: Final = 1000
_MAX_VALUES: Final = 64
_DATE: Final = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d|Z")


class ExifFacts(NamedTuple):
    """What the Exif data of a photo say.

    Attributes:
        captured: the camera's time when the photo was taken, ``2024-05-31T18:20:01`` (RFC 3339), with a fraction of a
            second and an offset from UTC where it has them; ``None`` where it does not say.
        latitude: decimal degrees, north positive; ``None`` where it does not say.
        longitude: decimal degrees, east positive; ``None`` if `latitude` is.
    """

    captured: str | None = None
    latitude: float | None = None
    longitude: float | None = None


def exif_facts(source: ImageSource) -> ExifFacts:
    """Read the Exif data of `source`, the path of an image file or its bytes.

    What is damaged counts as missing: these facts are no reason to refuse a photo.

    Raises:
        ImageError: the file cannot be found or opened.
    """
    with open_image_file(source) as file:
        try:
            return _facts(_exif_block(file))
        except ImageError:
            raise
        except Exception:  # noqa: BLE001 - decoders raise nearly anything
            return ExifFacts()


def _exif_block(file: ImageFile) -> BinaryIO | None:
    """Find the Exif block of an image file, which is a TIFF file inside it, or the file itself."""
    head = file.read(12)
    file.seek(0)
    if head[:4] in _TIFF_ORDERS:
        return file
    if head.startswith(b"\xff\xd8\xff"):
        image: Image.Image = JpegImagePlugin.JpegImageFile(file, "")
    else:
        Image.init()
        if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
            register_heif(file)
        image = Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])
    block = image.info.get("exif")
    return io.BytesIO(block.removeprefix(_EXIF_HEAD)) if isinstance(block, bytes) else None


def _facts(block: BinaryIO | None) -> ExifFacts:
    if block is None:
        return ExifFacts()
    head = block.read(8)
    order = _TIFF_ORDERS[head[:4]]
    (first,) = struct.unpack_from(f"{order}I", head, 4)
    pointers = _read_tags(block, order, first, {_EXIF_IFD, _GPS_IFD})
    captured = position = None
    with suppress(KeyError, ValueError, struct.error):
        captured = _captured(_read_tags(block, order, pointers[_EXIF_IFD][0], {tag for tags in _DATES for tag in tags}))
    with suppress(KeyError, ValueError, struct.error):
        position = _position(_read_tags(block, order, pointers[_GPS_IFD][0], {1, 2, 3, 4}))
    return ExifFacts(captured, *(position or (None, None)))


def _read_tags(block: BinaryIO, order: str, offset: int, wanted: set[int]) -> dict[int, Any]:
    """Read the `wanted` tags of the directory at `offset`: texts, tuples of numbers, tuples of pairs of numbers."""
    block.seek(offset)
    (count,) = struct.unpack(f"{order}H", block.read(2))
    listing = block.read(12 * min(count, _MAX_ENTRIES))
    tags: dict[int, Any] = {}
    for place in range(0, len(listing) - 11, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", listing, place)
        if tag not in wanted or tag in tags or kind not in _TYPE_BYTES or not 0 < number <= _MAX_VALUES:
            continue
        size = _TYPE_BYTES[kind] * number
        data = listing[place + 8 : place + 12]
        if size > 4:
            block.seek(struct.unpack(f"{order}I", data)[0])
            data = block.read(size)
            if len(data) < size:
                continue
        tags[tag] = _value(data[:size], kind, number, order)
    return tags


def _value(data: bytes, kind: int, number: int, order: str) -> Any:
    if kind == _ASCII:
        return data.partition(b"\0")[0].decode("ascii", "replace").strip()
    numbers = struct.unpack(
        f"{order}{2 * number if kind == _RATIONAL else number}{'H' if kind == _SHORT else 'I'}", data
    )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True)) if kind == _RATIONAL else numbers


def _captured(tags: dict[int, Any]) -> str | None:
    for date_tag, fraction_tag, offset_tag in _DATES:
        found = _DATE.fullmatch(text) if isinstance(text := tags.get(date_tag), str) else None
        if not found:
            continue
        try:
            captured = datetime(*map(int, found.groups())).isoformat()  # type: ignore[arg-type]
        except ValueError:
            continue
        fraction, offset = (str(tags.get(tag, "")) for tag in (fraction_tag, offset_tag))
        if fraction.isascii() and fraction.isdigit():
            captured += f".{fraction[:6].ljust(3 if len(fraction) <= 3 else 6, '0')}"
        return captured + (offset if _OFFSET.fullmatch(offset) else "")
    return None


def _position(tags: dict[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(tags[_LATITUDE], tags[_LATITUDE_REF], "NS", 90)
    longitude = _degrees(tags[_LONGITUDE], tags[_LONGITUDE_REF], "EW", 180)
    if latitude is None or longitude is None or (latitude, longitude) == (0, 0):  # a receiver without a fix
        return None
    return latitude, longitude


def _degrees(parts: Any, reference: Any, directions: str, most: int) -> float | None:
    """Convert degrees, minutes and seconds, each a numerator and a denominator; 7 decimals are a centimetre."""
    if not (isinstance(parts, tuple) and len(parts) == 3 and isinstance(reference, str)):
        return None
    direction = reference.upper()
    if direction not in tuple(directions) or any(not isinstance(part, tuple) or part[1] == 0 for part in parts):
        return None
    degrees, minutes, seconds = (numerator / denominator for numerator, denominator in parts)
    value: float = degrees + minutes / 60 + seconds / 3600
    if minutes >= 61 or seconds >= 61 or not 0 <= value <= most or not math.isfinite(value):
        return None
    return round(value if direction == directions[0] else -value, 7) + 0.0  # of minus zero, zero
