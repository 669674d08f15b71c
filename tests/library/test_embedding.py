"""XMP in image files: every other byte, and every pixel, stays."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mobiclass.library.embedding import EmbeddingError, find_packet, replace_packet
from mobiclass.library.xmp import Keywords, edit_keywords
from tests.support.exiftool import as_list, needs_exiftool, read_tags
from tests.support.made_images import encode, scene

PACKET = edit_keywords(None, Keywords(("tabby cat", "Katze & Maus")))
assert PACKET is not None
OTHER = edit_keywords(None, Keywords(("dog",)))


def _with_exif() -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    return {"exif": exif}


def _transparent() -> Image.Image:
    image = scene().convert("RGBA")
    image.putalpha(128)
    return image


FILES = {
    "jpeg": encode(scene(), "JPEG"),
    "jpeg with exif": encode(scene(), "JPEG", **_with_exif()),
    "jpeg progressive": encode(scene(), "JPEG", progressive=True, comment=b"a comment"),
    "jpeg with a tail": encode(scene(), "JPEG") + b"video behind the picture" * 9,
    "jpeg with fill bytes": encode(scene(), "JPEG").replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),
    "png": encode(scene(), "PNG"),
    "png with exif": encode(_transparent(), "PNG", **_with_exif()),
    "webp": encode(scene(), "WEBP", quality=60),
    "webp of odd length": encode(scene(33, 17), "WEBP", lossless=True),
    "webp lossless": encode(_transparent(), "WEBP", lossless=True),
    "webp with alpha": encode(_transparent(), "WEBP", quality=60),
    "webp with exif": encode(scene(), "WEBP", **_with_exif()),
    "webp with a tail": encode(scene(), "WEBP") + b"tail",
}
every_file = pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return bytes(image.convert("RGBA").tobytes())


@every_file
def test_a_packet_comes_changes_and_goes(content: bytes) -> None:
    place = find_packet(content)
    assert place.packet is None
    tagged = replace_packet(content, place, PACKET)
    again = find_packet(tagged)
    assert again.packet == PACKET
    assert replace_packet(tagged, again, None, simplify=place.is_simple) == content
    changed = replace_packet(tagged, again, OTHER)
    assert find_packet(changed).packet == OTHER
    assert changed == replace_packet(content, place, OTHER)
    assert pixels(tagged) == pixels(content)


@every_file
def test_the_rest_is_there_byte_by_byte(content: bytes) -> None:
    tagged = replace_packet(content, find_packet(content), PACKET)
    place = find_packet(tagged)
    if place.kind == "WebP":  # the length and the flags change
        assert tagged[12:].replace(tagged[place.start : place.end], b"").endswith(content[30:])
    else:
        assert tagged[: place.start] + tagged[place.end :] == content


@every_file
def test_pillow_reads_the_packet(content: bytes) -> None:
    pytest.importorskip("defusedxml", reason="without it Pillow reads no XMP")
    tagged = replace_packet(content, find_packet(content), PACKET)
    with Image.open(io.BytesIO(tagged)) as image:
        if not hasattr(image, "getxmp"):
            pytest.skip(f"this Pillow reads no XMP of {image.format}")
        image.load()
        description = image.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert description["subject"]["Bag"]["li"] == ["tabby cat", "Katze & Maus"]


@needs_exiftool
@every_file
def test_exiftool_reads_the_packet_and_finds_the_file_sound(content: bytes, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(content)
    after.write_bytes(replace_packet(content, find_packet(content), PACKET))
    warned, tagged = read_tags(before, after, arguments=("-validate", "-all"))
    assert as_list(tagged["Subject"]) == ["tabby cat", "Katze & Maus"]
    assert tagged["Validate"] == warned["Validate"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_length_of_the_first_of_several_images_is_kept_right(order: str) -> None:
    photo = encode(scene(), "JPEG")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(f"{order}IIIHHIIIHH", 0x030000, 0, 0, 0, 0, 0, len(photo), 0, 0, 0)
    listing = mark + struct.pack(f"{order}IHHHIII", 8, 1, 0xB002, 7, len(entries), 26, 0) + entries
    segment = b"\xff\xe2" + struct.pack(">H", 2 + 4 + len(listing)) + b"MPF\0" + listing
    start = 20  # behind JFIF
    where = start + 4 + 4 + 26 + 4
    first = bytearray(photo[:start] + segment + photo[start:])
    first[where : where + 4] = struct.pack(f"{order}I", len(first))
    content = bytes(first) + photo
    tagged = replace_packet(content, find_packet(content), PACKET)
    grown = len(tagged) - len(content)
    assert struct.unpack_from(f"{order}I", tagged, where + grown)[0] == len(first) + grown
    assert tagged[len(first) + grown :] == photo
    assert replace_packet(tagged, find_packet(tagged), None) == content


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "webp lossless"])
def test_damage_is_never_taken_for_a_place(name: str) -> None:
    content = FILES[name]
    for end in range(0, len(content) - 1, 7):
        try:
            place = find_packet(content[:end])
        except EmbeddingError:
            continue
        assert name == "jpeg"  # cut in the image data, before which all is right
        assert place.end <= end


def test_packets_in_the_wrong_place_or_twice_are_refused() -> None:
    for name in ("jpeg", "png", "webp"):
        tagged = replace_packet(FILES[name], find_packet(FILES[name]), PACKET)
        place = find_packet(tagged)
        chunk = tagged[place.start : place.end]
        twice = tagged[: place.end] + chunk + tagged[place.end :]
        if name == "webp":
            twice = twice[:4] + (len(twice) - 8).to_bytes(4, "little") + twice[8:]
        with pytest.raises(EmbeddingError, match="two XMP packets"):
            find_packet(twice)


def test_a_packet_that_a_jpeg_has_no_room_for() -> None:
    content = FILES["jpeg"]
    with pytest.raises(EmbeddingError, match="larger than a JPEG segment"):
        replace_packet(content, find_packet(content), b" " * 65_510)


def test_a_compressed_packet_is_left_alone() -> None:
    content = FILES["png"]
    tagged = replace_packet(content, find_packet(content), PACKET)
    compressed = tagged.replace(b"XML:com.adobe.xmp\0\0", b"XML:com.adobe.xmp\0\1")
    with pytest.raises(EmbeddingError, match="unusual form"):
        find_packet(compressed)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"II*\0rest", b"RIFF\0\0\0\0WAVE"])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(EmbeddingError, match="JPEG, PNG and WebP"):
        find_packet(content)
