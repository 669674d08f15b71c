"""Modes, depths and transparency to 8-bit RGB."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mobiclass.errors import ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.rgb import exif_orientation, rgb_from_array, upright_rgb
from tests.support.made_images import encode, exif, png_chunk, png_row, scene, stored, tiff

WHITE = [255, 255, 255]


def first_row(content: bytes) -> list[list[int]]:
    pixels: list[list[int]] = np.asarray(load_image(content, min_height=9, min_width=9))[0].tolist()
    return pixels


def grays(content: bytes) -> list[int]:
    """Give the first row of a grayscale image."""
    row = first_row(content)
    assert all(pixel == [pixel[0]] * 3 for pixel in row)
    return [pixel[0] for pixel in row]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "bits, sample_format, code, values, expected",
    [
        (16, 1, "H", (0, 128, 32768, 65535), [0, 0, 128, 255]),
        (16, 2, "h", (0, -5, 16384, 32767), [0, 0, 128, 255]),
        (32, 2, "i", (0, -5, 2**30, 2**31 - 1), [0, 0, 128, 255]),
        (32, 2, "i", (0, 1, 100, 255), [0, 1, 100, 255]),
        (32, 2, "i", (0, 256, 32768, 65535), [0, 1, 128, 255]),
        (32, 3, "f", (0, 0.25, 0.5, 1), [0, 64, 128, 255]),
        (32, 3, "f", (-0.001, 0.25, 0.5, 1.002), [0, 64, 128, 255]),
        (32, 3, "f", (0, 1, 128, 255), [0, 1, 128, 255]),
        (32, 3, "f", (0, 257, 32896, 65535), [0, 1, 128, 255]),
    ],
)
def test_deep_tiffs(
    order: str, bits: int, sample_format: int, code: str, values: tuple[float, ...], expected: list[int]
) -> None:
    assert grays(tiff(4, bits, sample_format, struct.pack(f"{order}4{code}", *values), order)) == expected


def test_unsigned_32_bits() -> None:
    assert grays(tiff(3, 32, 1, struct.pack("<3I", 0, 2**31, 2**32 - 1))) == [0, 128, 255]


def test_12_bits() -> None:
    assert grays(tiff(2, 12, 1, bytes((0x80, 0x0F, 0xFF)))) == [128, 255]


@pytest.mark.parametrize("values", [(-3.1, 0.2, 3.1), (0, 1, 70000), (0, float("nan"), 1), (0, 1, float("inf"))])
def test_floats_that_mean_no_brightness_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ImageError, match="floating-point pixels") as caught:
        first_row(tiff(3, 32, 3, struct.pack("<3f", *values)))
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize("values, expected", [((0, 32768, 65535), [0, 128, 255]), ((0, 100, 255), [0, 0, 0])])
def test_16_bit_gray_png_and_pgm(values: tuple[int, ...], expected: list[int]) -> None:
    data = struct.pack(">3H", *values)
    assert grays(png_row(16, 0, data)) == expected
    assert grays(b"P5 3 1 65535\n" + data) == expected


@pytest.mark.parametrize(
    "depth, data, expected", [(1, b"\x40", [0, 255]), (2, b"\x1b", [0, 85]), (4, b"\x0f", [0, 255])]
)
def test_shallow_gray_png(depth: int, data: bytes, expected: list[int]) -> None:
    assert grays(png_row(depth, 0, data))[:2] == expected


def test_alpha_is_laid_on_white() -> None:
    assert first_row(png_row(8, 6, bytes((9, 8, 7, 0, 9, 8, 7, 255, 0, 0, 0, 128)))) == [WHITE, [9, 8, 7], [127] * 3]
    assert first_row(png_row(16, 6, struct.pack(">8H", 2560, 0, 0, 0, 2560, 0, 0, 65535))) == [WHITE, [10, 0, 0]]
    assert grays(png_row(8, 4, bytes((10, 0, 10, 255)))) == [255, 10]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "La"])
def test_every_mode_with_alpha(mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (90, 90, 90, 255))
    image.putpixel((1, 0), (90, 90, 90, 0))
    if mode == "PA":
        with_alpha = Image.new("PA", (2, 1))
        with_alpha.putpalette([90] * 768)
        with_alpha.putpixel((0, 0), (0, 255))
    else:
        with_alpha = image.convert("LA").convert(mode) if mode == "La" else image.convert(mode)
    assert np.asarray(upright_rgb(with_alpha)).tolist() == [[[90] * 3, WHITE]]


@given(arrays.arrays(np.uint8, (3, 5, 4)))
def test_alpha_against_its_formula(pixels: np.ndarray) -> None:
    colour, alpha = pixels[:, :, :3].astype(float), pixels[:, :, 3:] / 255
    expected = colour * alpha + 255 * (1 - alpha)
    assert np.abs(np.asarray(rgb_from_array(pixels)) - expected).max() <= 1


def test_a_transparent_colour_is_laid_on_white() -> None:
    colour = png_chunk(b"tRNS", bytes((0, 10, 0, 20, 0, 30)))
    assert first_row(png_row(8, 2, bytes((10, 20, 30, 40, 50, 60)), colour)) == [WHITE, [40, 50, 60]]
    deep = struct.pack(">3H", 0x0A01, 0x1402, 0x1E03)
    pixels = deep + struct.pack(">3H", 0x0100, 0x0200, 0x0300)
    assert first_row(png_row(16, 2, pixels, png_chunk(b"tRNS", deep))) == [WHITE, [1, 2, 3]]
    assert grays(png_row(8, 0, bytes((0, 128, 200)), png_chunk(b"tRNS", b"\0\x80"))) == [0, 255, 200]
    assert grays(png_row(16, 0, struct.pack(">3H", 0, 32768, 40000), png_chunk(b"tRNS", b"\x80\0"))) == [0, 255, 156]


def test_a_transparent_palette_is_laid_on_white() -> None:
    palette = png_chunk(b"PLTE", bytes((1, 2, 3, 40, 50, 60, 70, 80, 90)))
    row = first_row(png_row(8, 3, bytes((0, 1, 2)), palette, png_chunk(b"tRNS", bytes((0, 128)))))
    assert row == [WHITE, [147, 152, 157], [70, 80, 90]]
    gif = Image.new("P", (2, 1))
    gif.putpalette([5, 6, 7, 8, 9, 10])
    gif.putpixel((1, 0), 1)
    assert first_row(encode(gif, "GIF", transparency=0)) == [WHITE, [8, 9, 10]]


def test_one_bit() -> None:
    checks = Image.fromarray(np.array([[True, False, True]]))
    for image_format in ("PNG", "TIFF", "BMP"):
        assert grays(encode(checks, image_format)) == [255, 0, 255]


def test_cmyk_is_not_inverted() -> None:
    red = first_row(encode(Image.new("RGB", (16, 16), "red").convert("CMYK"), "JPEG", quality=100))[0]
    assert np.abs(np.subtract(red, (255, 0, 0))).max() < 12


def test_an_image_of_rgb_is_not_copied() -> None:
    image = scene()
    assert upright_rgb(image) is image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_opened_image_is_turned(orientation: int) -> None:
    with Image.open(io.BytesIO(encode(stored(scene(), orientation), "PNG", exif=exif(orientation)))) as image:
        assert exif_orientation(image) == orientation
        assert np.array_equal(np.asarray(upright_rgb(image)), np.asarray(scene()))


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_strips_meet_without_a_seam(mode: str) -> None:
    side = 1100  # more than a strip
    ramp = np.broadcast_to(np.arange(side)[:, np.newaxis] * 50, (side, side))
    dtype = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
    image = Image.fromarray(np.ascontiguousarray(ramp.astype(dtype)))
    expected = ramp * (255 / 65535) + 0.5 if mode == "F" else ramp >> 8
    assert np.array_equal(np.asarray(upright_rgb(image))[:, :, 1], expected.astype(np.uint8))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3), (2, 3, 4)])
def test_arrays(shape: tuple[int, ...]) -> None:
    image = rgb_from_array(np.full(shape, 255, np.uint8))
    assert (image.mode, image.size) == ("RGB", (3, 2))
    assert np.asarray(image).min() == 255


def test_arrays_that_are_not_contiguous() -> None:
    pixels = np.asarray(scene())[::-2, ::-1, ::-1]
    assert np.array_equal(np.asarray(rgb_from_array(pixels)), pixels)


@given(st.sampled_from([(0, 3, 3), (2, 3, 2), (2, 3, 5), (6,), (1, 2, 3, 3), (2, 0)]))
def test_arrays_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        rgb_from_array(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint16", "bool"])
def test_arrays_of_another_type(dtype: str) -> None:
    with pytest.raises(ValueError, match="must be uint8"):
        rgb_from_array(np.zeros((2, 2, 3), dtype))
