"""Cameras' raw files: known by their content, refused with the fix without rawpy, and with it the camera's picture."""

from __future__ import annotations

import importlib.util
import random
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from mobiclass.errors import IMAGE_ERROR_KINDS, ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.files import open_image_file
from mobiclass.images.raw import development
from mobiclass.images.raw.recognition import HEAD_BYTES, raw_format
from tests.support.made_images import encode, exif, scene
from tests.support.raw_files import (
    Directory,
    camera_tags,
    dng,
    mosaic_directory,
    mosaic_of,
    preview_directory,
    thumbnail_tags,
    tiff_file,
)

needs_rawpy = pytest.mark.skipif(
    importlib.util.find_spec("rawpy") is None,
    reason="rawpy, which is optional, is not installed: raw files go untested",
)
LONG, SHORT, BYTE = 4, 3, 1
PHOTO = scene(64, 32)
JPEG = encode(PHOTO, "JPEG")


def thumbnail(make: str, *nested: Directory) -> Directory:
    return Directory(thumbnail_tags() | camera_tags(make, "1"), bytes(450), list(nested))


def mosaic(order: str = "<", **changes: int) -> Directory:
    """Give a directory with a mosaic; `changes` are of its compression, photometric interpretation and kind."""
    directory = mosaic_directory(mosaic_of(PHOTO), order)
    numbers = {"compression": 259, "photometric": 262, "kind": 254}
    directory.tags |= {numbers[name]: (LONG, (value,)) for name, value in changes.items()}
    return directory


def big_tiff(*entries: tuple[int, int]) -> bytes:
    packed = b"".join(struct.pack("<HHQQ", tag, LONG, 1, value) for tag, value in entries)
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(entries)) + packed + bytes(8)


RAW = {
    "DNG": ("DNG", dng(PHOTO)),
    "DNG, big-endian": ("DNG", dng(PHOTO, order=">")),
    "DNG, linear": ("", tiff_file([thumbnail("Apple", mosaic(photometric=34892, compression=7))])),
    "DNG, cut": ("DNG", dng(PHOTO)[:1200]),
    "BigTIFF": ("", big_tiff((256, 64), (262, 32803))),
    "NEF": ("NEF", tiff_file([thumbnail("NIKON", preview_directory(JPEG, 64, 32), mosaic(compression=34713))])),
    "NEF, uncompressed": ("", tiff_file([thumbnail("NIKON", mosaic(">"))], ">")),
    "CR2": ("CR2", tiff_file([thumbnail("Canon")], header=b"CR\2\0" + bytes(4))),
    "ARW": ("ARW", tiff_file([preview_directory(JPEG, 64, 32), thumbnail("SONY", mosaic(compression=32767))])),
    "PEF": ("PEF", tiff_file([mosaic(compression=65535), thumbnail("PENTAX")])),
    "SRW": ("", tiff_file([thumbnail("SAMSUNG", mosaic(compression=32770))])),
    "mosaic in a page further on": ("", tiff_file([thumbnail("Hasselblad"), thumbnail("Hasselblad"), mosaic()])),
    "IIQ": ("IIQ", b"II*\0\x10\0\0\0IIII\x55waR" + bytes(40)),
    "ORF": ("ORF", b"IIRO\x08\0\0\0" + bytes(40)),
    "ORF, of older cameras": ("ORF", b"IIRS\x08\0\0\0" + bytes(40)),
    "ORF, big-endian": ("ORF", b"MMOR\0\0\0\x08" + bytes(40)),
    "RW2": ("RW2", b"IIU\0\x18\0\0\0" + bytes(40)),
    "RAF": ("RAF", b"FUJIFILMCCD-RAW 0201" + bytes(40)),
    "CR3": ("CR3", b"\0\0\0\x18ftypcrx \0\0\0\1" + bytes(40)),
    "CRW": ("CRW", b"II\x1a\0\0\0HEAPCCDR" + bytes(40)),
    "MRW": ("MRW", b"\0MRM" + bytes(40)),
    "X3F": ("X3F", b"FOVb" + bytes(40)),
}


@pytest.mark.parametrize("name, content", RAW.values(), ids=list(RAW))
def test_raw_files_are_known_by_their_content(name: str, content: bytes) -> None:
    with open_image_file(content) as file:
        assert raw_format(file, content[:HEAD_BYTES]) == name


@pytest.mark.parametrize("content", [content for _, content in RAW.values()], ids=list(RAW))
def test_without_rawpy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(ImageError, match="a camera's raw file") as caught:
        load_image(content, min_height=64, min_width=64)
    assert caught.value.kind == "unsupported"
    assert "pip install 'mobiclass[raw]'" in caught.value.reason


ORDINARY = {
    "of a scanner": tiff_file(
        [
            Directory(
                thumbnail_tags(32, 64)
                | camera_tags("Canon", "CanoScan")
                | {254: (LONG, (0,)), 33421: (SHORT, (2, 2)), 33422: (BYTE, (0, 1, 1, 2))},
                np.asarray(PHOTO).tobytes(),
            )
        ]
    ),
    "compressed": encode(PHOTO, "TIFF", compression="tiff_lzw"),
    "with Exif": encode(PHOTO, "TIFF", exif=exif(1)),
    "JPEG inside": encode(PHOTO, "TIFF", compression="jpeg"),
    "pages": encode(PHOTO, "TIFF", save_all=True, append_images=[PHOTO.resize((8, 4))] * 40),
    "a thumbnail nested": tiff_file(
        [
            Directory(
                thumbnail_tags(32, 64) | camera_tags("NIKON", "1") | {254: (LONG, (0,))},
                np.asarray(PHOTO).tobytes(),
                [Directory(thumbnail_tags(), bytes(450))],
            )
        ]
    ),
    "a preview as its second page": tiff_file(
        [
            Directory(thumbnail_tags(32, 64) | {254: (LONG, (0,))}, np.asarray(PHOTO).tobytes()),
            preview_directory(encode(PHOTO, "JPEG"), 64, 32),
        ]
    ),
}


@pytest.mark.parametrize("content", ORDINARY.values(), ids=list(ORDINARY))
def test_an_ordinary_tiff_stays_one(content: bytes) -> None:
    image = load_image(content, min_height=32, min_width=32)
    assert np.abs(np.asarray(image, np.int16) - np.asarray(PHOTO, np.int16)).mean() < 4


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
def test_from_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
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
    unknown = tiff_file([thumbnail("Nobody", mosaic(compression=9))])
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
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashes"),
        ("print('{}')", "crashes"),
        ('print(\'{"height": 4, "width": 4}\\nshort\')', "crashes"),
        ("import time; time.sleep(60)", "does not end within"),
    ],
)
def test_a_crash_or_a_hang_is_one_unreadable_file(monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    monkeypatch.setattr(development, "python_command", lambda *_: [sys.executable, "-c", code])
    monkeypatch.setattr(development, "_TIMEOUT_SECONDS", 2 if "sleep" in code else 60)
    with pytest.raises(ImageError, match=reason) as caught:
        development.read_raw(dng(PHOTO), min_height=64, min_width=64)
    assert caught.value.kind == "unreadable"


@needs_rawpy
def test_the_memory_of_the_process_is_bounded() -> None:
    pytest.importorskip("resource", reason="needs POSIX's resource module")
    if not sys.platform.startswith("linux"):
        pytest.skip("the system does not hold a process to an address space")
    import subprocess

    from mobiclass._system import python_command

    command = python_command("mobiclass.images.raw.worker")
    command[-1] = (
        command[-1].rpartition(";")[0].replace("import main", "import _limit_memory")
        + "; _limit_memory(64 << 20); bytes(60 << 20); bytes(256 << 20)"
    )
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "MemoryError" in run.stderr
