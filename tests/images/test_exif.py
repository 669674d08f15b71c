"""Time and place of photos, out of Exif data that may be anything."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mobiclass.errors import ImageError
from mobiclass.images import ExifFacts, exif_facts
from tests.support.exif_blocks import SYDNEY, TAKEN, exif_block, photo
from tests.support.made_images import encode, scene

BOTH = ExifFacts("2024-05-31T18:20:01.120+02:00", -33.85875, 151.2111806)


def degrees(*parts: int) -> tuple[tuple[int, int], ...]:
    return tuple((part, 1) for part in parts)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_time_and_place(image_format: str, tmp_path: Path) -> None:
    content = photo(TAKEN, SYDNEY, image_format)
    assert exif_facts(content) == BOTH
    path = tmp_path / "photo"
    path.write_bytes(content)
    assert exif_facts(str(path)) == BOTH


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_is_its_own_block(order: str) -> None:
    assert exif_facts(exif_block(TAKEN, SYDNEY, order)) == BOTH


@pytest.mark.parametrize(
    ("taken", "captured"),
    [
        ({0x9003: "2024:05:31 18:20:01"}, "2024-05-31T18:20:01"),
        ({0x9004: "2024:05:31 18:20:01", 0x9012: "-09:30"}, "2024-05-31T18:20:01-09:30"),
        ({0x9003: "    :  :     :  :  ", 0x9004: "2024:05:31 18:20:01"}, "2024-05-31T18:20:01"),
        ({0x9003: "2024:05:31 18:20:01", 0x9011: "Z"}, "2024-05-31T18:20:01Z"),
        ({0x9003: "2024:05:31 18:20:01", 0x9011: "+99:00", 0x9291: "x"}, "2024-05-31T18:20:01"),
        ({0x9003: "2024:05:31 18:20:01", 0x9291: "1234567"}, "2024-05-31T18:20:01.123456"),
        ({0x9003: "2024:05:31 18:20:01", 0x9291: "\u0661"}, "2024-05-31T18:20:01"),
        ({0x9003: "0000:00:00 00:00:00"}, None),
        ({0x9003: "2023:02:29 00:00:00"}, None),
        ({0x9003: "yesterday"}, None),
        ({0x9003: 7}, None),
        ({}, None),
    ],
)
def test_times(taken: dict[int, Any], captured: str | None) -> None:
    assert exif_facts(photo(taken, {})) == ExifFacts(captured)


@pytest.mark.parametrize(
    ("changes", "position"),
    [
        ({1: "N", 3: "W"}, (33.85875, -151.2111806)),
        ({2: degrees(90, 0, 0), 4: degrees(180, 0, 0)}, (-90.0, 180.0)),
        ({2: degrees(0, 0, 0)}, (0.0, 151.2111806)),
        ({2: degrees(0, 0, 0), 4: degrees(0, 0, 0)}, None),
        ({2: degrees(90, 0, 1)}, None),
        ({4: degrees(200, 0, 0)}, None),
        ({2: degrees(33, 70, 0)}, None),
        ({2: degrees(33, 51)}, None),
        ({2: ((33, 1), (51, 1), (0, 0))}, None),
        ({2: 7}, None),
        ({1: "E"}, None),
        ({1: ""}, None),
    ],
)
def test_positions(changes: dict[int, Any], position: tuple[float, float] | None) -> None:
    assert exif_facts(photo({}, SYDNEY | changes)) == ExifFacts(None, *(position or (None, None)))


def test_a_position_without_a_direction_is_none() -> None:
    assert exif_facts(photo({}, {2: SYDNEY[2], 4: SYDNEY[4]})) == ExifFacts()


def test_files_without_exif_or_of_no_kind() -> None:
    for content in (
        encode(scene(), "JPEG"),
        encode(scene(), "PNG"),
        encode(scene(), "BMP"),
        b"",
        b"II*\0",
        b"no image",
    ):
        assert exif_facts(content) == ExifFacts()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        exif_facts(str(tmp_path / "none.jpg"))


def test_pixels_are_not_decoded() -> None:
    """Of a PNG, Pillow's own reader of Exif data would decode them to look behind them."""
    content = bytearray(photo(TAKEN, SYDNEY, "PNG"))
    start = content.index(b"IDAT")
    content[start + 4 : start + 12] = b"spoiled!"
    assert exif_facts(bytes(content)) == BOTH


def test_a_block_that_claims_much_costs_little() -> None:
    entries = b"".join(struct.pack("<HHII", tag, 2, 0xFFFFFFFF, 8) for tag in range(0x8000, 0xFFFF))
    block = b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + entries
    assert exif_facts(block) == ExifFacts()
    loop = b"II*\0" + struct.pack("<IH", 8, 2) + struct.pack("<HHII", 0x8769, 4, 1, 8) * 2
    assert exif_facts(loop) == ExifFacts()


@given(st.binary(max_size=300))
def test_any_block_is_read_or_not(block: bytes) -> None:
    assert isinstance(exif_facts(b"II*\0\x08\0\0\0" + block), ExifFacts)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.integers(0, 500), st.integers(0, 255))
def test_a_damaged_block_is_read_or_not(place: int, byte: int) -> None:
    content = bytearray(photo(TAKEN, SYDNEY))
    content[place % 400] = byte
    assert isinstance(exif_facts(bytes(content)), ExifFacts)


def test_pillow_reads_the_same() -> None:
    with Image.open(io.BytesIO(photo(TAKEN, SYDNEY))) as image:
        exif = image.getexif()
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:31 18:20:01"
    assert [float(part) for part in exif.get_ifd(0x8825)[2]] == [33.0, 51.0, 31.5]
