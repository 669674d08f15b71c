"""What is a camera's raw file, by its content, and what is not; without rawpy the message says what to install."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from mobiclass.errors import ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.files import open_image_file
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
