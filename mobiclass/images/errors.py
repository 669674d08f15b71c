"""Translates whatever a decoder raises into an `ImageError` that says what is wrong and what to do about it.

Decoders signal the same fault in many ways, differently for every format. It decodes nothing.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image, UnidentifiedImageError

from mobiclass.errors import ImageError, ImageErrorKind
from mobiclass.images.files import ImageFile, TooLargeError
from mobiclass.images.limits import MAX_DECODED_BYTES

HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""ISO/IEC 23008-12: what may stand after ``ftyp`` in a HEIC photo."""

_CONVERT: Final = "convert it to JPEG or PNG"
_OTHER_KINDS: Final = (
    (rb"%!PS|\xc5\xd0\xd3\xc6", f"a PostScript file, not a photo; {_CONVERT}"),
    (rb"%PDF", f"a PDF document, not a photo; {_CONVERT}"),
    (rb"\s*(<\?xml.{0,40})?\s*<svg", f"an SVG drawing, not a photo; {_CONVERT}"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", f"a Windows metafile, not a photo; {_CONVERT}"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", f"a JPEG XL image, which cannot be read; {_CONVERT}"),
    (rb"....ftyp(isom|iso\d|mp4|avc1|M4V|qt  |3g)|\x1aE\xdf\xa3|RIFF....AVI ", "a video, not an image"),
)
_BEGINNINGS: Final = (
    rb"\xff\xd8\xff|\x89PNG|GIF8|BM....\0\0\0\0|II[*+]\0|MM\0[*+]|RIFF....WEBP|8BPS|\0\0\0\x0cjP  |\xff\x4f\xff\x51"
    rb"|....ftypavi[fs]|....ftyp(%s)" % b"|".join(HEIF_BRANDS)
)
_UNSUPPORTED: Final = ("not supported", "unsupported", "not available", "conversion from", "cannot handle", "floating-")
_TOO_LARGE: Final = ("too large", "too much memory", "out of memory")


@contextmanager
def as_image_errors(file: ImageFile, path: str | None) -> Iterator[None]:
    """Turn whatever decoding `file` raises into an `ImageError` about `path`."""
    try:
        yield
    except ImageError as error:
        raise ImageError(error.reason, kind=error.kind, path=path) from error
    except Exception as error:
        kind, reason = _diagnose(error, file)
        raise ImageError(reason, kind=kind, path=path) from error


def is_truncation(error: Exception) -> bool:
    """Whether a decoder raised `error` because the file ends too early."""
    return isinstance(error, EOFError) or any(word in str(error).lower() for word in ("truncated", "unexpected end"))


def _diagnose(error: Exception, file: ImageFile) -> tuple[ImageErrorKind, str]:
    # Some messages quote the file, whose bytes must not reach a terminal.
    text = "".join(character if character.isprintable() else "?" for character in str(error)[:200])
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"\((\d+) pixels\)", text)
        megapixels = f"{int(pixels[1]) / 1e6:,.0f} megapixels" if pixels else text
        return "too_large", f"too large: {megapixels}, and the limit is {MAX_DECODED_BYTES >> 22}; scale it down first"
    if isinstance(error, (TooLargeError, MemoryError)) or (
        any(word in text.lower() for word in _TOO_LARGE) and not isinstance(error, OverflowError)
    ):
        return "too_large", f"too large: {text or 'out of memory'}"
    if isinstance(error, UnidentifiedImageError) or "not identified by this driver" in text:
        return _what_it_is_instead(file)
    # A decoder that seeks to before the beginning of the file gets EINVAL: the file's fault, not the system's.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return "unreadable", f"cannot be read ({error.strerror})"
    if isinstance(error, NotImplementedError) or any(word in text.lower() for word in _UNSUPPORTED):
        return "unsupported", f"this kind of image cannot be read: {text}"
    if is_truncation(error):
        return "truncated", f"the file is cut short ({text})"
    return "truncated", f"the image is damaged ({type(error).__name__}: {text})"


def _what_it_is_instead(file: ImageFile) -> tuple[ImageErrorKind, str]:
    """Say what a file is that no decoder knows, by its first bytes."""
    file.seek(0)
    buffer = bytearray(64)
    head = bytes(buffer[: file.readinto(buffer)])  # not read(): that may have been used up
    if not head:
        return "not_an_image", "the file is empty"
    brand = head[8:12] if head[4:8] == b"ftyp" else None
    if brand in HEIF_BRANDS and "HEIF" not in Image.OPEN:
        return "unsupported", "a HEIC photo; to read those: pip install 'mobiclass[heif]'"
    if brand in (b"avif", b"avis") and "AVIF" not in Image.OPEN:
        return "unsupported", "an AVIF image; to read those: pip install 'pillow>=11.3'"
    for pattern, description in _OTHER_KINDS:
        if re.match(pattern, head, re.DOTALL):
            return "unsupported", description
    if re.match(_BEGINNINGS, head, re.DOTALL):
        return "truncated", "it begins like an image, but is damaged, cut short or of a rare kind"
    if re.match(rb"\s*<(!doctype|html)", head, re.IGNORECASE):
        return "not_an_image", "a web page, not an image"
    return "not_an_image", "not an image in any known format"
