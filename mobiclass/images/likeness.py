"""Whether two photos look alike, by 64 bits of each: a difference hash."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from mobiclass.images.decode import ImageSource, load_image

LOOKS_ALIKE_BITS: Final = 6
"""So many bits may differ between a photo and a copy of it that was resized, recompressed or brightened."""

_SIDE: Final = 8
_DECODED_SIDE: Final = 64  # pixels; the smallest scale of a JPEG is small enough


def difference_hash(source: ImageSource) -> int:
    """Hash what a photo looks like: of 8 × 8 places, whether it gets brighter to the right.

    Raises:
        ImageError: the photo cannot be found, read or decoded.
    """
    image = load_image(source, min_height=_DECODED_SIDE, min_width=_DECODED_SIDE, allow_truncated=True)
    grey = np.asarray(image.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), np.int16)
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")
