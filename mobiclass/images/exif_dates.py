"""When a photo was taken, by its own Exif data; its pixels are not decoded."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

from PIL import Image

_DATE: Final = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_EXIF_IFD, _TAKEN, _CHANGED = 0x8769, 0x9003, 0x0132  # ExifIFD; DateTimeOriginal in it; DateTime


def capture_time(photo: Path) -> datetime | None:
    """Read when `photo` was taken, in the camera's own time; ``None`` where it does not say, or cannot be read."""
    try:
        with Image.open(photo, formats=("JPEG", "MPO", "PNG", "TIFF", "WEBP")) as image:
            exif = image.getexif()
            text = exif.get_ifd(_EXIF_IFD).get(_TAKEN) or exif.get(_CHANGED)
    except Exception:  # noqa: BLE001 - decoders raise nearly anything, and a date is no reason to fail
        return None
    found = _DATE.match(text) if isinstance(text, str) else None
    try:
        return datetime(*map(int, found.groups())) if found else None  # type: ignore[arg-type]
    except ValueError:
        return None
