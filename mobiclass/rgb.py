"""A decoded Pillow image of any mode, or an array of pixels, to an upright 8-bit RGB image.

What is transparent is laid on white, as a browser or a print shows it; 16-bit pixels lose their lower eight bits
(`Image.convert` would turn them white). It opens no files and resizes nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

_ORIENTATION_TAG: Final = 0x0112  # Exif 2.32, table 4
_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def exif_orientation(image: Image.Image) -> int:
    """Read the Exif orientation of `image`, 1 to 8; 1 (upright) where it has none or none that makes sense."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a damaged Exif block raises nearly anything, and the pixels may be sound
        return 1
    return orientation if orientation in _TRANSPOSE else 1


def upright_rgb(image: Image.Image) -> Image.Image:
    """Convert `image` to RGB and turn it as its Exif orientation says.

    Raises:
        ValueError: the mode has no meaning as a colour photo (floating point outside 0–65535, LAB, …).
    """
    orientation = exif_orientation(image)
    rgb = _to_rgb(image)
    return rgb.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else rgb


def rgb_from_array(pixels: npt.NDArray[np.generic]) -> Image.Image:
    """Make an RGB image of a uint8 array (height, width), (height, width, 1), (…, 3: RGB) or (…, 4: RGBA).

    Raises:
        ValueError: another dtype or shape, or no pixel at all.
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"an array of pixels must be uint8 (0–255), not {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))) or 0 in pixels.shape:
        raise ValueError(f"an array of pixels must be (height, width[, 1, 3 or 4]), not {pixels.shape}")
    return _to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring a grayscale image of 16 or 32 bits, or of floats, to 8 bits: by its type's range, not its content's."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
            raise ValueError("floating-point pixels outside 0–65535; save the image with 8 or 16 bits")
        full_scale = next(limit for limit in (1, 255, 65535) if values.max() <= limit)
        return Image.fromarray((values * (255 / full_scale) + 0.5).astype(np.uint8))
    # Mode I holds 16-bit PNGs in Pillow before 11, and true 32-bit images.
    shift = 8 if image.mode != "I" or values.max(initial=0) <= 65535 else 24
    return Image.fromarray((np.clip(values, 0, None) >> shift).astype(np.uint8))
