"""The process that reads one raw file with rawpy (LibRaw): the file on stdin, a picture or a refusal on stdout.

This is the child's side; the parent's is `development`. LibRaw parses the formats of hundreds of cameras, most of them
reverse-engineered: whatever it does to a damaged file, it does here, in bounded memory. The answer is a line of JSON,
and after it the bytes of the preview (a JPEG) or of the developed picture (8-bit RGB, upright).
"""

from __future__ import annotations

import json
import os
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mobiclass._system import private_stdout

if TYPE_CHECKING:
    import rawpy

    from mobiclass.errors import ImageErrorKind

_MAX_WORK_BYTES: Final = 768 << 20  # three of the largest images that Pillow may decode here
_BYTES_PER_PIXEL: Final = 2 + 8 + 3  # as the sensor has it, as LibRaw works on it, and as it comes out
_EXIF_ORIENTATION: Final = {0: 1, 3: 3, 5: 8, 6: 6}  # of LibRaw's `flip`
_LYING: Final = (5, 6, 7, 8)


class Wanted(NamedTuple):
    """The parent's request.

    Attributes:
        min_height: pixels that the upright picture must have at least, if the camera's has them.
        min_width: likewise.
        preview: accept the camera's preview if it is large enough.
    """

    min_height: int
    min_width: int
    preview: bool


def main(wanted: str) -> None:
    """Be the child: read a raw file from standard input, and answer what `wanted` (JSON) asks for."""
    with os.fdopen(private_stdout(), "wb") as answers:
        head, content = _answer(sys.stdin.buffer.read(), Wanted(*json.loads(wanted)))
        answers.write(json.dumps(head).encode() + b"\n")
        answers.write(content)
    os._exit(0)  # what crashes while it is taken down has done its work


def _answer(content: bytes, wanted: Wanted) -> tuple[dict[str, Any], bytes]:
    try:
        import rawpy
    except Exception as error:  # noqa: BLE001 - a wheel for another machine raises nearly anything
        return _refusal("unsupported", f"rawpy, which reads raw files, cannot be loaded ({error})")
    _limit_memory(_MAX_WORK_BYTES)
    try:
        with rawpy.imread(BytesIO(content)) as raw:
            return (_preview(raw, wanted) if wanted.preview else None) or _developed(raw, wanted)
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError):
        return _refusal("unsupported", "LibRaw does not know this camera or compression; use the camera's JPEG")
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError, MemoryError):
        return _refusal("too_large", "too large: developing it takes more memory than one image may")
    except rawpy.LibRawError as error:
        text = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        return _refusal("truncated", f"the raw file is damaged or cut short ({text})")


def _refusal(kind: ImageErrorKind, reason: str) -> tuple[dict[str, Any], bytes]:
    return {"kind": kind, "reason": reason}, b""


def _preview(raw: rawpy.RawPy, wanted: Wanted) -> tuple[dict[str, Any], bytes] | None:
    """Return the embedded JPEG if it is as large as `wanted`, or as the picture itself; else ``None``."""
    import rawpy
    from PIL import Image

    try:
        thumbnail = raw.extract_thumb()
        if thumbnail.format != rawpy.ThumbFormat.JPEG:
            return None  # a bitmap: small, and some cameras' are gray
        content = bytes(thumbnail.data)
        image = Image.open(BytesIO(content), formats=["JPEG"])
        own = image.getexif().get(0x0112)  # Exif 2.32, table 4: orientation
    except (rawpy.LibRawError, OSError, SyntaxError, ValueError):
        return None
    height, width = _upright_shape(raw)
    # Most previews carry no orientation and lie as the sensor did, some say how, and some are upright already.
    orientations = [value for value in (own, _EXIF_ORIENTATION.get(raw.sizes.flip), 1) if value in range(1, 9)]
    turned = {value: image.size if value in _LYING else (image.height, image.width) for value in orientations}
    orientation = next((value for value, (high, wide) in turned.items() if (high > wide) == (height > width)), 1)
    high, wide = turned.get(orientation, (image.height, image.width))
    if high < min(wanted.min_height, height) or wide < min(wanted.min_width, width):
        return None
    return {"preview": True, "orientation": orientation}, content


def _developed(raw: rawpy.RawPy, wanted: Wanted) -> tuple[dict[str, Any], bytes]:
    """Develop `raw`, at half its resolution (one pixel for four of the mosaic) if that suffices for `wanted`."""
    import rawpy

    height, width = _upright_shape(raw)
    half = height // 2 >= wanted.min_height and width // 2 >= wanted.min_width
    if height * width * _BYTES_PER_PIXEL // (4 if half else 1) > _MAX_WORK_BYTES:
        return _refusal("too_large", f"too large: {width}×{height} pixels take more memory than one image may")
    pixels = raw.postprocess(
        half_size=half, use_camera_wb=True, output_bps=8, output_color=rawpy.ColorSpace.sRGB, gamma=(2.4, 12.92)
    )
    return {"height": pixels.shape[0], "width": pixels.shape[1]}, pixels[:, :, :3].tobytes()


def _upright_shape(raw: rawpy.RawPy) -> tuple[int, int]:
    sizes = raw.sizes
    return (sizes.iwidth, sizes.iheight) if sizes.flip in (5, 6) else (sizes.iheight, sizes.iwidth)


def _limit_memory(work_bytes: int) -> None:
    """Limit this process to `work_bytes` more than it has now, if the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + work_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, OSError, ValueError):  # not Linux: only the estimate of `_developed` limits it
        return
