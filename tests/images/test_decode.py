"""What `load_image` makes of sound files: formats, orientation, scale."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mobiclass.errors import ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.limits import MAX_DECODED_BYTES
from tests.support.made_images import TURNED_HEIC, encode, exif, jpeg_of_scans, jpeg_segment, noise, scene, stored

SIZES = st.integers(1, 700)
MINIMA = st.integers(1, 300)


def load(content: bytes | str | Path, minimum: int = 1000) -> Image.Image:
    image = load_image(content, min_height=minimum, min_width=minimum)
    assert image.mode == "RGB"
    return image


def assert_alike(image: Image.Image, expected: Image.Image, tolerance: float = 12) -> None:
    """Compare but for what a lossy format changes."""
    assert image.size == expected.size
    difference = np.abs(np.asarray(image, np.int16) - np.asarray(expected, np.int16))
    assert difference.mean() <= tolerance


@pytest.mark.filterwarnings("ignore:IM image format:DeprecationWarning")
@pytest.mark.parametrize("image_format", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "TGA", "PCX", "SGI", "ICO", "IM"])
def test_formats_without_loss(image_format: str) -> None:
    options = {"lossless": True} if image_format == "WEBP" else {"sizes": [(32, 16)]} if image_format == "ICO" else {}
    assert_alike(load(encode(scene(), image_format, **options)), scene(), 0)


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "JPEG2000", "AVIF", "MPO"])
def test_formats_with_loss(image_format: str) -> None:
    assert_alike(load(encode(scene(), image_format)), scene())


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_compressed_tiffs(compression: str) -> None:
    assert_alike(load(encode(scene(), "TIFF", compression=compression)), scene())


def test_fax_tiffs() -> None:
    black = Image.new("1", (64, 32))
    assert_alike(load(encode(black, "TIFF", compression="group4")), black.convert("RGB"), 0)


@pytest.mark.parametrize("mode", ["L", "CMYK", "YCbCr"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_of_all_colours(mode: str, progressive: bool) -> None:
    expected = scene().convert("L").convert("RGB") if mode == "L" else scene()
    assert_alike(load(encode(scene().convert(mode), "JPEG", quality=95, progressive=progressive)), expected, 25)


def test_a_jpeg_whose_colours_stand_in_scans_of_their_own() -> None:
    assert load(jpeg_of_scans(64, 48)).size == (64, 48)


def test_the_first_frame_of_what_moves() -> None:
    second = Image.new("RGB", (32, 16), "black")
    for image_format in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        animation = encode(scene(), image_format, save_all=True, append_images=[second])
        assert_alike(load(animation), scene())


@pytest.mark.parametrize("width, height", [(1, 1), (1, 10_000), (10_000, 1), (3, 700)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_strange_shapes(width: int, height: int, image_format: str) -> None:
    assert load(encode(Image.new("RGB", (width, height), "red"), image_format), 256).size == (width, height)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "MPO", "PNG", "WEBP", "AVIF"])
def test_exif_orientation(image_format: str, orientation: int) -> None:
    file = encode(stored(scene(), orientation), image_format, exif=exif(orientation))
    assert_alike(load(file), scene())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_is_turned_once(orientation: int, compression: str | None) -> None:
    file = encode(stored(scene(), orientation), "TIFF", tiffinfo={0x0112: orientation}, compression=compression)
    assert_alike(load(file), scene(), 0)


@pytest.mark.parametrize("orientation", [0, 9, 6 << 8, 65535])
def test_an_orientation_without_a_meaning_is_upright(orientation: int) -> None:
    assert_alike(load(encode(scene(), "JPEG", exif=exif(orientation))), scene())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("damage", [b"", b"\0", b"II*\0\x08\0\0\0\xff\xff", b"\xff" * 40, b"MM\0*\xff\xff\xff\xff"])
def test_a_damaged_exif_block_is_no_reason_to_refuse_the_picture(damage: bytes) -> None:
    file = encode(scene(), "JPEG")
    assert_alike(load(file[:2] + jpeg_segment(0xE1, b"Exif\0\0" + damage) + file[2:]), scene())


def test_xmp_orientation() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    file = encode(stored(scene(), 6), "JPEG")
    file = file[:2] + jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + file[2:]
    if "xmp" not in Image.open(io.BytesIO(file)).info:
        pytest.skip("this Pillow does not read the XMP of a JPEG")
    assert_alike(load(file), scene())


def test_heic_is_read_and_turned_once() -> None:
    pytest.importorskip("pi_heif", reason="pi-heif, which is optional, is not installed", exc_type=ImportError)
    upright = Image.new("RGB", (16, 32), "red")
    upright.paste("blue", (0, 16, 16, 32))
    assert_alike(load(TURNED_HEIC), upright, 25)


def test_heic_without_pi_heif_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    with pytest.raises(ImageError, match=r"HEIC photo.*pip install 'mobiclass\[heif\]'") as caught:
        load(TURNED_HEIC)
    assert caught.value.kind == "unsupported"


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, MINIMA, MINIMA, st.integers(1, 8))
def test_a_scaled_jpeg_still_covers_what_is_asked_for(
    width: int, height: int, min_width: int, min_height: int, orientation: int
) -> None:
    file = encode(Image.new("L", (width, height)), "JPEG", exif=exif(orientation))
    image = load_image(file, min_height=min_height, min_width=min_width)
    full_width, full_height = (height, width) if orientation >= 5 else (width, height)
    assert image.width >= min(min_width, full_width)
    assert image.height >= min(min_height, full_height)
    if full_width < 2 * min_width or full_height < 2 * min_height:
        assert image.size == (full_width, full_height)
    else:
        assert image.width <= (full_width + 1) // 2


@pytest.mark.parametrize("scale, minimum", [(8, 50), (4, 51), (4, 100), (2, 101), (2, 200), (1, 201)])
def test_the_smallest_sufficient_scale_is_taken(scale: int, minimum: int) -> None:
    assert load(encode(noise(500, 400), "JPEG"), minimum).size == (-(-500 // scale), 400 // scale)


def test_a_turned_jpeg_is_scaled_by_its_upright_sides() -> None:
    file = encode(Image.new("L", (800, 100)), "JPEG", exif=exif(6))
    assert load_image(file, min_height=200, min_width=20).size == (25, 200)
    assert load_image(file, min_height=20, min_width=200).size == (100, 800)


@pytest.mark.parametrize("size", [(16_320, 12_240), (12_000, 9_000)])
def test_the_photos_of_the_largest_sensors_are_read(size: tuple[int, int]) -> None:
    header = encode(Image.new("L", (16, 16), 100), "JPEG")
    at = header.index(b"\xff\xc0") + 5
    # Where the scan ends early the rest is grey: the sensor is large, but not this file.
    file = header[:at] + struct.pack(">HH", size[1], size[0]) + header[at + 4 :]
    image = load_image(file, min_height=256, min_width=256, allow_truncated=True)
    assert image.size == (size[0] // 8, size[1] // 8)
    assert image.height * image.width * 4 < MAX_DECODED_BYTES
