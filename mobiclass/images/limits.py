"""What decoding one image may cost, judged from its header before it is decoded. It decodes nothing."""

from __future__ import annotations

import re
import struct
from typing import Final

from PIL import Image, JpegImagePlugin

from mobiclass.images.files import ImageFile, TooLargeError

MAX_DECODED_BYTES: Final = 256 << 20
"""What one decoded image may take: 64 megapixels at the 4 bytes that Pillow keeps a pixel in.

While it is decoded, laid on white and turned upright it takes about twice that.
"""

# Some decoders need more than Pillow's pixels and a copy of them. Half of their peak, in bytes a pixel, as measured
# with Pillow 9.4 and 13 and pi-heif 1.4; the second is for images with transparency.
_BYTES_PER_PIXEL: Final = {"AVIF": (5, 8), "HEIF": (4, 7), "WEBP": (8, 10), "JPEG2000": (10, 12)}
_MAX_PYTHON_PIXELS: Final = 5_000_000  # decoded in Python, at about a microsecond each
_MAX_SCANS: Final = 200  # encoders write about ten; each costs a pass over the whole image
_NESTING_MAGICS: Final = (b"\0\0\1\0", b"icns", b"BLP1")
_NESTED_SIZE: Final = rb"(?:IHDR|ihdr|\xff\x4f\xff\x51.{4})(?P<u32>.{8})|\xff[\xc0-\xc2]..\x08(?P<u16>.{4})"
_MARKER: Final = rb"\xff[\x02-\xcf\xd8-\xfe]"


def check_nested(file: ImageFile, head: bytes) -> None:
    """Refuse an icon or texture that holds too large a PNG or JPEG: Pillow decodes that without asking.

    Raises:
        TooLargeError: see `MAX_DECODED_BYTES`.
    """
    if not head.startswith(_NESTING_MAGICS):
        return
    for match in re.finditer(_NESTED_SIZE, file.read(), re.DOTALL):
        first, second = struct.unpack(">II", match["u32"]) if match["u32"] else struct.unpack(">HH", match["u16"])
        _check_bytes(first, second, first * second * 8)
    file.seek(0)


def check_image(image: Image.Image, file: ImageFile) -> None:
    """Refuse an image, opened from `file`, that is no JPEG if decoding it would cost too much.

    Raises:
        TooLargeError: see `MAX_DECODED_BYTES`.
    """
    pixels = image.height * image.width
    opaque, transparent = _BYTES_PER_PIXEL.get(image.format or "", (4, 6 if image.mode == "RGB" else 4))
    has_transparency = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    _check_bytes(image.height, image.width, pixels * (transparent if has_transparency else opaque))
    # Image.DECODERS has the decoders that are written in Python. Some of them read a pixel at a time.
    if any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", None) or ()):
        if pixels > _MAX_PYTHON_PIXELS:
            raise TooLargeError(f"{image.width}×{image.height} pixels of {image.format} would take too long to decode")
        file.allow_reads(3 * pixels)


def check_jpeg(image: JpegImagePlugin.JpegImageFile, file: ImageFile, full_height: int, full_width: int) -> None:
    """Refuse an opened JPEG, whose scale is chosen and whose `file` stands after the header of its first scan.

    Raises:
        TooLargeError: see `MAX_DECODED_BYTES`.
    """
    needed = image.height * image.width * 4
    if not _is_single_scan(image, file):
        # libjpeg keeps every coefficient, two bytes each, at whatever scale it decodes.
        samples = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
        needed += full_height * full_width * 2 * sum(samples) // max(1, *samples)
        _check_scans(file)
    _check_bytes(full_height, full_width, needed)


def _is_single_scan(image: JpegImagePlugin.JpegImageFile, file: ImageFile) -> bool:
    if image.info.get("progressive"):
        return False
    scan_header = struct.pack(">HB", 6 + 2 * image.layers, image.layers)  # length, number of components
    position = file.tell()
    file.seek(position - 6 - 2 * image.layers)
    single = file.read(3) == scan_header
    file.seek(position)
    return single


def _check_scans(file: ImageFile) -> None:
    position = file.tell()
    data = file.read()
    file.seek(position)
    next_marker = re.compile(_MARKER).search
    scans, at = 1, 0
    while marker := next_marker(data, at):
        if marker[0] == b"\xff\xd9":
            return
        scans += marker[0] == b"\xff\xda"
        if scans > _MAX_SCANS:
            raise TooLargeError(f"it is coded in more than {_MAX_SCANS} scans, which would take too long to decode")
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")


def _check_bytes(height: int, width: int, needed: int) -> None:
    if needed > MAX_DECODED_BYTES:
        raise TooLargeError(
            f"{width}×{height} pixels would take {needed >> 20} MB to decode, and the limit is "
            f"{MAX_DECODED_BYTES >> 20} MB; scale it down first"
        )
