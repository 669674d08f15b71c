"""Our keywords in image files that other programs have tagged before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.library.embedded_keywords import EmbeddedEdit, without_our_keywords
from mobiclass.library.embedding import EmbeddingError, find_packet, replace_packet
from mobiclass.library.xmp import Keywords
from mobiclass.library.xmp_packet import XmpError
from tests.support import xmp_files
from tests.support.exiftool import as_list, needs_exiftool, read_tags, write_tags
from tests.support.made_images import encode, scene

CAT = Keywords(("tabby cat",), ("animal|tabby cat",))
every_format = pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])


@every_format
@pytest.mark.parametrize("name", [name for name in xmp_files.ALL if name != "utf-16"])
@pytest.mark.parametrize("tail", [b"", b"\0"])
def test_what_was_there_comes_back(image_format: str, name: str, tail: bytes) -> None:
    photo = encode(scene(), image_format)
    tagged_by_others = replace_packet(photo, find_packet(photo), xmp_files.ALL[name] + tail)
    edit = EmbeddedEdit(tagged_by_others, CAT)
    assert edit.edited != edit.original == tagged_by_others
    again = EmbeddedEdit(edit.edited, CAT)
    assert again.edited is edit.edited
    assert again.original == tagged_by_others
    assert without_our_keywords(tagged_by_others) is tagged_by_others


@every_format
def test_a_damaged_packet_is_left_alone(image_format: str) -> None:
    photo = encode(scene(), image_format)
    damaged = replace_packet(photo, find_packet(photo), b"<no")
    with pytest.raises(XmpError):
        EmbeddedEdit(damaged, CAT)


@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.booleans(), st.integers(0, 4000), st.binary(max_size=4))
def test_a_damaged_file_is_refused_or_edited(image_format: str, tagged: bool, place: int, damage: bytes) -> None:
    content = encode(scene(), image_format)
    if tagged:
        content = EmbeddedEdit(content, CAT).edited
    place %= len(content)
    content = content[:place] + damage + content[place + 2 :]
    try:
        edit = EmbeddedEdit(content, CAT)
        assert EmbeddedEdit(edit.edited, CAT).edited is edit.edited
    except (EmbeddingError, XmpError):
        pass


@needs_exiftool
@every_format
def test_exiftool_before_and_after_us(image_format: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo"
    photo.write_bytes(encode(scene(), image_format))
    write_tags(photo, "-XMP-dc:Title=Felix", "-XMP-dc:Subject=by hand")
    before = photo.read_bytes()
    edit = EmbeddedEdit(before, CAT)
    assert edit.original is before
    photo.write_bytes(edit.edited)
    (tags,) = read_tags(photo)
    assert as_list(tags["Subject"]) == ["by hand", "tabby cat"]
    assert tags["Title"] == "Felix"
    write_tags(photo, "-XMP-dc:Title=Tom")
    assert EmbeddedEdit(photo.read_bytes(), CAT).edited == photo.read_bytes()
    photo.write_bytes(without_our_keywords(photo.read_bytes()))
    (tags,) = read_tags(photo)
    assert (as_list(tags["Subject"]), tags["Title"]) == (["by hand"], "Tom")
    assert "HierarchicalSubject" not in tags
