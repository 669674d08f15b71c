"""A file or bytes to an upright RGB image, decoded at the smallest scale that still covers what the model sees.

Every way in which a file can be bad ends in `ImageError`. Formats whose reader would start another program (EPS)
or open a second image of any kind inside the first (IPTC) are never tried. It neither crops nor resizes.
"""

from __future__ import annotations

import re
import threading
from contextlib import nullcontext, suppress
from os import PathLike, fspath
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from mobiclass.errors import ImageError
from mobiclass.images.errors import HEIF_BRANDS, as_image_errors, is_truncation
from mobiclass.images.files import ImageFile, ImageSource, TooLargeError, open_image_file
from mobiclass.images.limits import MAX_DECODED_BYTES, check_image, check_jpeg, check_nested
from mobiclass.images.raw.recognition import HEAD_BYTES, raw_format
from mobiclass.images.rgb import exif_orientation, rgb_from_array, to_rgb, turn_upright, upright_rgb
from mobiclass.images.truncation import leniently, strictly

__all__ = ["MAX_DECODED_BYTES", "Classifiable", "ImageSource", "RgbImage", "load_image", "upright_image"]

RgbImage: TypeAlias = Image.Image
"""A Pillow image of mode RGB."""

Classifiable: TypeAlias = "ImageSource | Image.Image | npt.NDArray[np.uint8]"
"""A path, the bytes of an image file, a Pillow image, or RGB pixels (uint8, height × width × 3)."""

_FORMATS: Final = {
    "AVIF", "BLP", "BMP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "GIF", "HEIF", "ICNS", "ICO", "IM",
    "IMT", "JPEG", "JPEG2000", "MCIDAS", "MPO", "MSP", "PCD", "PCX", "PIXAR", "PNG", "PPM", "PSD", "QOI", "SGI",
    "SPIDER", "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM", "XVTHUMB",
}  # fmt: skip
_COMMON_FORMATS: Final = ("PNG", "GIF", "BMP", "PPM")
_LARGE_PIXELS: Final = 16_000_000
# Workers decode large images one after the other: the memory for one is there, for one a core perhaps not.
_large_images = threading.RLock()
_JPEG_MAGIC: Final = b"\xff\xd8\xff"
_LARGE_RAW_BYTES: Final = 16 << 20  # cameras write a byte a pixel and more


def load_image(source: ImageSource, *, min_height: int, min_width: int, allow_truncated: bool = False) -> Image.Image:
    """Decode `source`, the path of an image file or its bytes.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its scale where the result still has `min_height` and `min_width`
    (as the upright image is seen); smaller images keep their size.

    Args:
        source: a path, or the content of an image file.
        min_height: pixels that the upright image must have at least, if it has them; at least 1.
        min_width: likewise.
        allow_truncated: decode what there is of a file that is cut short; the rest is gray.

    Returns:
        A Pillow image of mode RGB, upright.

    Raises:
        ImageError: the file cannot be found, read or decoded; its ``kind`` says which.
    """
    path = None if isinstance(source, bytes) else fspath(source)
    with open_image_file(source) as file, as_image_errors(file, path):
        try:
            return strictly(lambda: _decode(file, min_height, min_width))
        except Exception as error:
            if not (allow_truncated and is_truncation(error)):
                raise
        return leniently(lambda: _decode(file, min_height, min_width))


def upright_image(
    source: Classifiable, *, min_height: int, min_width: int, allow_truncated: bool = False
) -> Image.Image:
    """Decode `source` as `load_image` does; a Pillow image or RGB pixels are only turned upright and converted.

    Raises:
        ImageError: see `load_image`; pixels of another shape or dtype are ``unsupported``.
    """
    if isinstance(source, (str, bytes, PathLike)):
        return load_image(source, min_height=min_height, min_width=min_width, allow_truncated=allow_truncated)
    try:
        return upright_rgb(source) if isinstance(source, Image.Image) else rgb_from_array(np.asarray(source))
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(str(error), kind="unsupported") from error


def _decode(file: ImageFile, min_height: int, min_width: int) -> Image.Image:
    """Decode `file`; if that fails, once more without its side data, which may be what the decoder failed on."""
    try:
        return _decode_as_it_is(file, min_height, min_width)
    except ImageError:  # a raw file's
        raise
    except Exception as error:
        from mobiclass.images.side_data import without_side_data

        about_pixels = error
        for cleaned in without_side_data(file.content()):
            try:
                with open_image_file(cleaned) as pixels:
                    return _decode_as_it_is(pixels, min_height, min_width)
            except Exception as next_error:  # noqa: BLE001 - decoders raise nearly anything
                about_pixels = next_error
        unidentified = isinstance(error, UnidentifiedImageError) and not is_truncation(about_pixels)
        if about_pixels is error or isinstance(error, TooLargeError) or unidentified:
            raise
        raise about_pixels from error


def _decode_as_it_is(file: ImageFile, min_height: int, min_width: int, orientation: int | None = None) -> Image.Image:
    """Decode `file`; an `orientation` overrides what it says of its own."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head.startswith(_JPEG_MAGIC):
        image: Image.Image = _open_jpeg(file, min_height, min_width, orientation)
    elif (name := raw_format(file, head)) is not None:
        return _decode_raw(file, name, min_height, min_width)
    else:
        check_nested(file, head)
        image = _open_other(file, head)
        check_image(image, file)
    with _large_images if image.height * image.width > _LARGE_PIXELS else nullcontext():
        image.load()
        orientation = orientation or exif_orientation(image)
        rgb = to_rgb(image)
        del image  # so that no more than two copies are held while the image is turned
        return turn_upright(rgb, orientation)


def _open_jpeg(
    file: ImageFile, min_height: int, min_width: int, orientation: int | None
) -> JpegImagePlugin.JpegImageFile:
    # Image.open() would refuse a 200-megapixel photo that is to be decoded at 1/8 of its scale, and would open
    # a stereo pair (MPO), of which nobody asked for more than the first picture.
    image = JpegImagePlugin.JpegImageFile(file, "")
    full_height, full_width = image.height, image.width
    if (orientation or exif_orientation(image)) >= 5:  # lying on its side
        min_height, min_width = min_width, min_height
    # draft() chooses the smallest scale whose image is no smaller than this.
    image.draft("RGB", (min_width, min_height))
    check_jpeg(image, file, full_height, full_width)
    return image


def _decode_raw(file: ImageFile, name: str, min_height: int, min_width: int) -> Image.Image:
    from mobiclass.images.raw.development import is_raw_readable, read_raw

    if not is_raw_readable():
        raise ImageError(
            f"a camera's raw file{f' ({name})' if name else ''}; use the camera's JPEG, or to read raw files: "
            "pip install 'mobiclass[raw]'",
            kind="unsupported",
        )
    content = file.content()
    with _large_images if len(content) > _LARGE_RAW_BYTES else nullcontext():
        picture = read_raw(content, min_height=min_height, min_width=min_width)
        if not isinstance(picture, Image.Image):
            with suppress(Exception), open_image_file(picture.content) as preview:
                return _decode_as_it_is(preview, min_height, min_width, picture.orientation)
            picture = read_raw(content, min_height=min_height, min_width=min_width, preview=False)
        assert isinstance(picture, Image.Image)
        return picture


def _open_other(file: ImageFile, head: bytes) -> Image.Image:
    try:
        Image.preinit()
        return Image.open(file, formats=_COMMON_FORMATS)
    except UnidentifiedImageError:
        Image.init()
        if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
            register_heif(file)
        return Image.open(file, formats=[name for name in Image.ID if name in _FORMATS])


def register_heif(file: ImageFile) -> None:
    """Let Pillow read HEIC photos, of which `file` is one, if what that needs is installed.

    Raises:
        ValueError: reading `file` would end the process.
    """
    try:
        import pi_heif
    except ImportError:  # the message about an unidentified image says how to install it
        return
    pi_heif.register_heif_opener()
    _check_heif_items(file)


def _check_heif_items(file: ImageFile) -> None:
    """Refuse a HEIC photo of which an item's type or name is no text: that crashes pi-heif (seen with 1.4)."""
    content = file.read()
    file.seek(0)
    for entry in re.finditer(rb"(?P<size>\0\0..)infe(?P<version>[\2\3])", content, re.DOTALL):
        box = content[entry.start() : entry.start() + int.from_bytes(entry["size"], "big")]
        try:
            # ISO/IEC 14496-12, 8.11.6: what precedes is the box's header, version and flags, the item's numbers
            box[16 if entry["version"] == b"\2" else 18 :].decode()
        except UnicodeDecodeError as error:
            raise ValueError("its list of items is damaged") from error
