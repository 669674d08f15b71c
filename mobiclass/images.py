"""A file or bytes to an upright RGB image, decoded at the smallest scale that still covers what the model sees.

Every way in which a file can be bad ends in `ImageError`. Formats whose reader would start another program (EPS)
or open a second image of any kind inside the first (IPTC) are never tried. It neither crops nor resizes.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, TypeAlias

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from mobiclass.errors import ImageError, ImageErrorKind
from mobiclass.rgb import exif_orientation, upright_rgb

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes"

MAX_DECODED_BYTES: Final = 256 << 20
"""What one decoded image may take: 64 megapixels at the 4 bytes that Pillow keeps a pixel in."""

_FORMATS: Final = {
    "AVIF", "BLP", "BMP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "GIF", "HEIF", "ICNS", "ICO", "IM",
    "IMT", "JPEG", "JPEG2000", "MCIDAS", "MPO", "MSP", "PCD", "PCX", "PIXAR", "PNG", "PPM", "PSD", "QOI", "SGI",
    "SPIDER", "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM", "XVTHUMB",
}  # fmt: skip
_COMMON_FORMATS: Final = ("PNG", "GIF", "BMP", "PPM")
_JPEG_MAGIC: Final = b"\xff\xd8\xff"
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_KNOWN_MAGICS: Final = {
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "a PostScript file",
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"\x1aE\xdf\xa3": "a video",
    b"\xff\x0a": "a JPEG XL image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
}
_truncated_images_lock = threading.Lock()


def load_image(source: ImageSource, *, min_height: int, min_width: int, allow_truncated: bool = False) -> Image.Image:
    """Decode `source`, the path of an image file or its bytes.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its scale where the result still has `min_height` and `min_width`
    (as the upright image is seen); smaller images keep their size.

    Args:
        source: a path, or the content of an image file.
        min_height: pixels that the upright image must have at least, if it has them.
        min_width: likewise.
        allow_truncated: take what there is of a file that was cut short; the rest is grey.

    Returns:
        A Pillow image of mode RGB, upright.

    Raises:
        ImageError: the file cannot be found, read or decoded; its ``kind`` says which.
    """
    path = None if isinstance(source, bytes) else os.fspath(source)
    file = io.BytesIO(source) if isinstance(source, bytes) else _open_file(os.fspath(source))
    with file, _as_image_errors(file, path):
        try:
            return _decode(file, min_height, min_width)
        except OSError as error:
            if not (allow_truncated and _is_truncation(error)):
                raise
        # Pillow has one switch for the whole process. Under the lock it is on only while it is wanted; a thread
        # that decodes at this moment may be lenient once too often, which beats refusing what was allowed.
        with _truncated_images_lock:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                return _decode(file, min_height, min_width)
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False


def _open_file(path: str) -> IO[bytes]:
    try:
        # Without O_NONBLOCK the mere opening of a FIFO would wait for ever.
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError("there is no such file", kind="not_found", path=path) from error
    except IsADirectoryError as error:
        raise ImageError("a folder, not an image file", kind="unreadable", path=path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"cannot be read ({reason})", kind="unreadable", path=path) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ImageError(
            "a pipe or a device, not an image file; an image on standard input is given as -",
            kind="unreadable",
            path=path,
        )
    return file


def _decode(file: IO[bytes], min_height: int, min_width: int) -> Image.Image:
    with _open_image(file) as image:
        full_height, full_width = image.height, image.width
        if image.format in ("JPEG", "MPO"):
            if exif_orientation(image) >= 5:  # lying on its side
                min_height, min_width = min_width, min_height
            # draft() chooses the smallest scale whose image is no smaller than this.
            image.draft("RGB", (min_width, min_height))
        _check_size(image, full_height, full_width)
        image.load()
        return upright_rgb(image)


def _open_image(file: IO[bytes]) -> Image.Image:
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    if head.startswith(_JPEG_MAGIC):
        # Image.open() would refuse a 200-megapixel photo that is to be decoded at 1/8 of its scale.
        return JpegImagePlugin.jpeg_factory(file, "")
    try:
        Image.preinit()
        return Image.open(file, formats=_COMMON_FORMATS)
    except UnidentifiedImageError:
        Image.init()
        if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
            _register_heif()
        return Image.open(file, formats=[name for name in Image.ID if name in _FORMATS])


def _register_heif() -> None:
    try:
        import pi_heif
    except ImportError as error:
        raise NotImplementedError("a HEIC photo; to read those: pip install 'mobiclass[heif]'") from error
    pi_heif.register_heif_opener()


def _check_size(image: Image.Image, full_height: int, full_width: int) -> None:
    """Refuse an image before it is decoded if decoding would take more than `MAX_DECODED_BYTES`."""
    needed = image.height * image.width * (1 if image.mode in ("1", "L", "P") else 4)
    if image.info.get("progressive"):
        # libjpeg keeps every coefficient of a progressive JPEG, two bytes each, at whatever scale it decodes.
        needed += full_height * full_width * len(image.getbands()) * 2
    if needed > MAX_DECODED_BYTES:
        raise Image.DecompressionBombError(
            f"{full_width}×{full_height} pixels would take {needed >> 20} MB to decode; "
            f"the limit is {MAX_DECODED_BYTES >> 20} MB"
        )


@contextmanager
def _as_image_errors(file: IO[bytes], path: str | None) -> Iterator[None]:
    """Turn whatever decoding `file` raises into an `ImageError` about `path`."""
    try:
        yield
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageError(f"too large: {str(error) or 'out of memory'}", kind="too_large", path=path) from error
    except UnidentifiedImageError as error:
        kind, reason = _what_it_is_instead(file)
        raise ImageError(reason, kind=kind, path=path) from error
    except OSError as error:
        if error.errno is not None:  # the system's, not the decoder's
            raise ImageError(f"cannot be read ({error.strerror})", kind="unreadable", path=path) from error
        raise ImageError(_sentence(error), kind=_decoder_error_kind(error), path=path) from error
    except Exception as error:
        raise ImageError(_sentence(error), kind=_decoder_error_kind(error), path=path) from error


def _is_truncation(error: Exception) -> bool:
    return "truncated" in str(error).lower()


def _decoder_error_kind(error: Exception) -> ImageErrorKind:
    text = str(error).lower()
    if isinstance(error, NotImplementedError) or any(
        word in text for word in ("not supported", "unsupported", "not available", "conversion from", "floating-point")
    ):
        return "unsupported"
    return "truncated"


def _sentence(error: Exception) -> str:
    if _decoder_error_kind(error) == "unsupported":
        return f"this kind of image cannot be read: {error}"
    if _is_truncation(error):
        return f"the file is cut short ({error}); --allow-truncated takes what there is of it"
    return f"the image is damaged ({type(error).__name__}: {error})"


def _what_it_is_instead(file: IO[bytes]) -> tuple[ImageErrorKind, str]:
    """Say what a file is that no decoder knows, by its first bytes."""
    file.seek(0)
    head = file.read(64)
    if not head:
        return "not_an_image", "the file is empty"
    for magic, description in _KNOWN_MAGICS.items():
        if head.startswith(magic):
            return "unsupported", f"{description}, not a photo; convert it to JPEG or PNG"
    if head.startswith((b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")):
        return "truncated", "it begins like an image, but is damaged or cut short"
    return "not_an_image", "not an image in any known format"
