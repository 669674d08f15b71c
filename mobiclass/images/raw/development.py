"""Reads the picture of a raw file with LibRaw, in a child process: if that crashes or hangs, one file is unreadable.

The camera's embedded preview is used if it is large enough, since it looks as the camera's JPEG would; otherwise the
file is developed. `docs/photos.md` has how well each agrees with the JPEG.
"""

from __future__ import annotations

import importlib.util
import json
from typing import Any, Final, NamedTuple

from PIL import Image

from mobiclass._system import run_child
from mobiclass.errors import ImageError
from mobiclass.images.limits import MAX_DECODED_BYTES

_WORKER: Final = "mobiclass.images.raw.worker"
_TIMEOUT_SECONDS: Final = 120  # a Pi Zero needs some ten for 24 megapixels


class Preview(NamedTuple):
    """The JPEG that a camera embedded in its raw file.

    Attributes:
        content: the JPEG's bytes.
        orientation: its Exif orientation, 1 to 8, whatever its own Exif block says.
    """

    content: bytes
    orientation: int


def is_raw_readable() -> bool:
    """Whether rawpy is installed, the `raw` extra."""
    return importlib.util.find_spec("rawpy") is not None


def read_raw(content: bytes, *, min_height: int, min_width: int, preview: bool = True) -> Preview | Image.Image:
    """Read the picture of a raw file.

    Args:
        content: the file's bytes.
        min_height: pixels that the upright picture must have at least, if the file has them.
        min_width: likewise.
        preview: accept the camera's preview if it is large enough.

    Returns:
        The preview, or a developed Pillow image of mode RGB, upright.

    Raises:
        ImageError: LibRaw cannot read it, crashes or hangs.
    """
    try:
        ended = run_child(
            _WORKER,
            json.dumps([min_height, min_width, preview]),
            stdin=content,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={"OMP_NUM_THREADS": "1"},  # a batch has a worker on every core already
        )
    except OSError as error:
        reason = f"no process could be started to read this raw file ({error.strerror})"
        raise ImageError(reason, kind="unreadable") from error
    head, _, data = ended.stdout.partition(b"\n")
    try:
        return _picture(json.loads(head), data)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"LibRaw {ended.ending} on this raw file; it seems damaged"
        raise ImageError(reason, kind="unreadable") from error


def _picture(head: dict[str, Any], data: bytes) -> Preview | Image.Image:
    if "kind" in head:
        raise ImageError(head["reason"], kind=head["kind"])
    if "preview" in head:
        return Preview(data, int(head["orientation"]))
    height, width = int(head["height"]), int(head["width"])
    if height * width * 4 > MAX_DECODED_BYTES:
        raise ImageError(f"too large: {width}×{height} pixels; scale it down first", kind="too_large")
    return Image.frombytes("RGB", (width, height), data)  # ValueError where it is not as long as that
