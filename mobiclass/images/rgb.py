"""A decoded Pillow image of any mode, or an array of pixels, to an upright 8-bit RGB image.

What is transparent is laid on white, as a browser or a print shows it; deeper pixels lose their lower bits
(`Image.convert` would turn them white). It opens no files and resizes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

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


_STRIP_PIXELS: Final = 1 << 20
_BITS_PER_SAMPLE_TAG, _SAMPLE_FORMAT_TAG, _SIGNED = 258, 339, 2  # TIFF 6.0, sections 8 and 19


def exif_orientation(image: Image.Image) -> int:
    """Read the Exif orientation of `image`, 1 to 8; 1 (upright) where it has none or none that makes sense."""
    if image.format == "TIFF":
        return 1  # Pillow turns a TIFF as it decodes it, and old versions leave the tag as it was
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        return int(orientation) if orientation in _TRANSPOSE else 1
    except Exception:  # noqa: BLE001 - a damaged Exif block raises nearly anything, and the pixels may be sound
        return 1


def upright_rgb(image: Image.Image) -> Image.Image:
    """Convert `image` to RGB and turn it as its Exif orientation says.

    Raises:
        ValueError: the mode has no meaning as a colour photo (floating point outside 0–65535).
    """
    image.load()
    return turn_upright(to_rgb(image), exif_orientation(image))


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn `image`, which is stored with the Exif `orientation`, as it is to be seen."""
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


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
    return to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert `image` to RGB, on white, as it is stored.

    Raises:
        ValueError: see `upright_rgb`.
    """
    transparency = image.info.get("transparency")
    if image.mode == "RGB" and transparency is None:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA"):
        return _on_white(image)
    if image.mode in ("RGBa", "La", "PA"):
        return _on_white(image.convert("LA" if image.mode == "La" else "RGBA"))
    if transparency is not None:
        return _on_white(_with_alpha(image, transparency))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return white


def _with_alpha(image: Image.Image, transparency: object) -> Image.Image:
    """Give an image of which one colour is transparent, or some of its palette, an alpha channel."""
    if isinstance(transparency, tuple) and max(transparency) > 255:
        # Of 16-bit colours Pillow keeps the upper eight bits, but leaves the transparent colour as it was.
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in transparency)
    return image.convert("RGBA")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring a grayscale image of up to 32 bits, or of floats, to 8 bits: by its type's range, not its content's."""
    lowest, highest = _extrema(image)
    transparency = image.info.get("transparency")
    result = Image.new("L", image.size)
    if image.mode == "F":
        # An image that was resampled as floats runs a little over either end.
        limit = next((limit for limit in (1, 255, 65535) if highest <= 1.05 * limit), None)
        if limit is None or not lowest >= -0.05 * highest:
            raise ValueError("floating-point pixels outside 0–65535; save the image with 8 or 16 bits")
        for top, values in _strips(image):
            scaled = np.clip(values * np.float32(255 / limit) + np.float32(0.5), 0, 255)
            result.paste(Image.fromarray(scaled.astype(np.uint8)), (0, top))
        return result
    shift = max(0, _significant_bits(image, int(highest)) - 8)
    for top, values in _strips(image):
        gray = np.clip(values >> shift, 0, 255).astype(np.uint8)
        if isinstance(transparency, int):
            gray[values == transparency] = 255
        result.paste(Image.fromarray(gray), (0, top))
    return result


def _significant_bits(image: Image.Image, highest: int) -> int:
    """Find of how many bits white is in an image of integers whose brightest pixel is `highest`."""
    if image.mode != "I":
        return _tiff_bits(image) or 16
    if image.format in ("PNG", "PPM"):  # 16 bits, which Pillow keeps in 32
        return 16
    bits = _tiff_bits(image) or 31
    # Arrays are often saved with 32 bits whatever they hold.
    return next(enough for enough in (8, 16, bits) if highest < 1 << enough) if bits > 16 else bits


def _tiff_bits(image: Image.Image) -> int | None:
    """Read of how many bits white is from the tags of a TIFF; ``None`` where `image` is none."""
    tags: Mapping[int, tuple[int, ...]] | None = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    (bits, *_), (sample_format, *_) = tags.get(_BITS_PER_SAMPLE_TAG, (16,)), tags.get(_SAMPLE_FORMAT_TAG, (1,))
    return bits - (sample_format == _SIGNED)


def _extrema(image: Image.Image) -> tuple[float, float]:
    strips = [(values.min(), values.max()) for _, values in _strips(image)]
    lowest, highest = np.array(strips, np.float64).T
    return float(lowest.min()), float(highest.max())  # not a number where a pixel is none


def _strips(image: Image.Image) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield the values of a few rows at a time, each with the row that they begin at: an array of all takes much."""
    rows = max(1, _STRIP_PIXELS // max(1, image.width))
    unsigned = image.mode == "I" and _tiff_bits(image) == 32
    for top in range(0, image.height, rows):
        strip = np.asarray(image.crop((0, top, image.width, min(image.height, top + rows))))
        yield top, strip.view(np.uint32) if unsigned else strip
