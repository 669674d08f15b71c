"""The picture in a raw file: the camera's preview or a developed one, upright; what is damaged harms nothing else."""

from __future__ import annotations

import importlib.util
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.errors import IMAGE_ERROR_KINDS, ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.raw import development
from tests.support.made_images import encode, exif, scene
from tests.support.raw_files import Directory, dng, mosaic_directory, mosaic_of, thumbnail_tags, tiff_file

needs_rawpy = pytest.mark.skipif(
    importlib.util.find_spec("rawpy") is None,
    reason="rawpy, which is optional, is not installed: raw files go untested",
)
LONG = 4


def picture(width: int = 240, height: int = 160) -> Image.Image:
    """Make a photo that mosaics well: smooth, its corners of four colours."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(220, 60, 50), (60, 190, 80), (50, 80, 200), (235, 235, 225)])
    return corners.resize((width, height), Image.Resampling.BICUBIC)


def difference(image: Image.Image, expected: Image.Image) -> float:
    return float(np.abs(np.asarray(image, np.float64) - np.asarray(expected.resize(image.size))).mean())


@needs_rawpy
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("preview", [False, True], ids=["developed", "preview"])
def test_it_comes_upright(preview: bool, orientation: int) -> None:
    photo = picture()
    content = dng(photo, orientation=orientation, preview=photo if preview else None)
    image = load_image(content, min_height=150, min_width=150)
    assert image.mode == "RGB"
    assert image.size == photo.size
    assert difference(image, photo) < 12


@needs_rawpy
def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "- a name.dng"
    path.write_bytes(dng(picture()))
    assert load_image(path, min_height=150, min_width=150).size == (240, 160)


@needs_rawpy
def test_it_is_developed_at_half_its_scale_where_that_is_enough() -> None:
    content = dng(picture())
    assert load_image(content, min_height=80, min_width=100).size == (120, 80)
    assert load_image(content, min_height=81, min_width=100).size == (240, 160)
    turned = dng(picture(), orientation=6)
    assert load_image(turned, min_height=80, min_width=120).size == (120, 80)
    assert load_image(turned, min_height=80, min_width=121).size == (240, 160)


@needs_rawpy
def test_the_preview_is_taken_where_it_is_large_enough() -> None:
    other = picture().transpose(Image.Transpose.ROTATE_180)
    content = dng(picture(), preview=other.resize((120, 80)))
    assert difference(load_image(content, min_height=80, min_width=80), other) < 8
    assert difference(load_image(content, min_height=81, min_width=80), picture()) < 12


@needs_rawpy
@pytest.mark.parametrize("own", [b"", exif(1), exif(6)], ids=["none", "upright", "turned"])
def test_a_preview_that_is_upright_already_is_not_turned_again(own: bytes) -> None:
    preview = encode(picture(160, 240), "JPEG", exif=own)
    image = load_image(dng(picture(160, 240), orientation=6, preview=preview), min_height=100, min_width=100)
    assert difference(image, picture(160, 240)) < 12


@needs_rawpy
@pytest.mark.parametrize("damage", ["cut", "garbage", "gray"])
def test_a_damaged_preview_is_not_the_end(damage: str) -> None:
    sound = encode(picture(), "JPEG")
    preview = {"cut": sound[: len(sound) // 2], "garbage": b"\xff\xd8\xff\xe0" + bytes(500), "gray": b"no JPEG" * 50}
    image = load_image(dng(picture(), preview=preview[damage]), min_height=100, min_width=100)
    assert difference(image, picture()) < 12


@needs_rawpy
def test_cut_and_damaged_raw_files_are_errors_of_that_file() -> None:
    content = dng(picture())
    for tenth in range(1, 10):
        with pytest.raises(ImageError) as caught:
            load_image(content[: len(content) * tenth // 10], min_height=64, min_width=64)
        assert caught.value.kind == "truncated"
    seeded = random.Random(20261127)
    for _ in range(12):
        damaged = bytearray(content)
        for _ in range(8):
            damaged[seeded.randrange(1000)] = seeded.randrange(256)
        try:
            load_image(bytes(damaged), min_height=64, min_width=64)
        except ImageError as error:
            assert error.kind in IMAGE_ERROR_KINDS


@needs_rawpy
def test_one_that_libraw_does_not_know_says_so() -> None:
    mosaic = mosaic_directory(mosaic_of(picture()))
    mosaic.tags[259] = (LONG, (9,))  # no camera's compression
    unknown = tiff_file([Directory(thumbnail_tags(), bytes(450), [mosaic])])
    with pytest.raises(ImageError, match="LibRaw does not know") as caught:
        load_image(unknown, min_height=64, min_width=64)
    assert caught.value.kind == "unsupported"


@needs_rawpy
def test_a_raw_file_of_two_gigapixels_is_refused() -> None:
    content = dng(picture(64, 48))
    for tag, side in ((256, 64), (257, 48)):
        entry = struct.pack("<HHII", tag, LONG, 1, side)
        assert content.count(entry) == 1
        content = content.replace(entry, struct.pack("<HHII", tag, LONG, 1, 45_000))
    with pytest.raises(ImageError) as caught:
        load_image(content, min_height=224, min_width=224)
    assert caught.value.kind in ("too_large", "unsupported")  # some versions of LibRaw know no such camera


@pytest.mark.parametrize(
    "code, reason",
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
        ("print('{}')", "exited with status 0"),
        ('print(\'{"height": 4, "width": 4}\\nshort\')', "exited with status 0"),
        ("import time; time.sleep(60)", "did not finish within 2 s"),
    ],
)
def test_a_crash_or_a_hang_is_one_unreadable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    (tmp_path / "doomed_worker.py").write_text(f"def main(wanted): {code}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(development, "_WORKER", "doomed_worker")
    monkeypatch.setattr(development, "_TIMEOUT_SECONDS", 2 if "sleep" in code else 60)
    with pytest.raises(ImageError, match=reason) as caught:
        development.read_raw(dng(scene(64, 32)), min_height=64, min_width=64)
    assert caught.value.kind == "unreadable"
