"""A photo that is made, not taken: as large and as hard to decode as most, the same on every machine."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image

_HEIGHT, _WIDTH = 375, 500  # of most photos in data sets
_GRAIN: Final = 8.0  # the standard deviation of its noise, of 255


def make_photo() -> bytes:
    """Make a JPEG of a photo's size and detail: smooth shapes, and some grain."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC)
    grain = random.normal(0, _GRAIN, (_HEIGHT, _WIDTH, 1))
    pixels = np.clip(np.asarray(smooth, np.float64) + grain, 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()
