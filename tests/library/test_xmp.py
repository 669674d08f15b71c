"""Keywords in XMP packets: ours alone come and go, and other bytes stay."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.library.xmp import Keywords, edit_keywords, keyword_text, our_keywords
from mobiclass.library.xmp_packet import XmpError
from tests.support import xmp_files
from tests.support.exiftool import as_list, needs_exiftool, read_tags, write_tags

CAT = Keywords(("tabby cat", "cats & <dogs>"), ("animal|cat",))
DOG = Keywords(("dog",), ("animal|dog",), photo="rex.jpg")
every_file = pytest.mark.parametrize("original", xmp_files.ALL.values(), ids=xmp_files.ALL.keys())


def edited(content: bytes | None, keywords: Keywords | None) -> bytes:
    result = edit_keywords(content, keywords)
    assert result is not None
    return result


@every_file
def test_removing_what_was_added_gives_the_same_bytes(original: bytes) -> None:
    tagged = edited(original, CAT)
    assert our_keywords(tagged) == CAT
    assert edit_keywords(tagged, None) == original
    assert edit_keywords(edited(tagged, DOG), None) == original


@every_file
def test_twice_is_once(original: bytes) -> None:
    tagged = edited(original, CAT)
    assert edit_keywords(tagged, CAT) is tagged
    assert edited(edited(tagged, DOG), CAT) == tagged


@every_file
def test_nothing_but_ours_is_added(original: bytes) -> None:
    tagged = edited(original, CAT)
    rest = iter(tagged)
    assert all(byte in rest for byte in original), "the original is no subsequence of the result"


def test_a_new_packet_is_gone_with_our_keywords() -> None:
    tagged = edited(None, CAT)
    assert edit_keywords(tagged, None) is None
    assert edit_keywords(None, None) is None
    assert edit_keywords(None, Keywords()) is None
    assert edit_keywords(tagged, Keywords()) is None


def test_a_keyword_that_was_there_is_not_ours() -> None:
    keywords = Keywords(("holiday", "cat"))
    tagged = edited(xmp_files.DARKTABLE, keywords)
    assert our_keywords(tagged).subject == ("cat",)
    assert tagged.count(b"<rdf:li>holiday</rdf:li>") == 1
    assert edit_keywords(tagged, keywords) is tagged
    assert edit_keywords(tagged, None) == xmp_files.DARKTABLE
    all_there = Keywords(("holiday", "Großmutter & co"))
    assert edit_keywords(xmp_files.DARKTABLE, all_there) is xmp_files.DARKTABLE


def test_a_keyword_that_a_person_took_away_comes_back_with_its_row() -> None:
    tagged = edited(xmp_files.DARKTABLE, Keywords(("cat",)))
    without = tagged.replace(b"\n     <rdf:li>cat</rdf:li>", b"", 1)
    assert edit_keywords(without, None) == xmp_files.DARKTABLE
    assert edit_keywords(without, Keywords(("cat",))) == tagged


def test_a_keyword_that_a_person_adds_stays() -> None:
    tagged = edited(None, CAT).replace(b"</rdf:Bag>", b"<rdf:li>mine</rdf:li></rdf:Bag>", 1)
    assert edit_keywords(tagged, CAT) is tagged
    assert b"<rdf:li>mine</rdf:li>" in edited(tagged, None)
    assert our_keywords(edited(tagged, None)) == Keywords()


def test_the_rating_is_not_touched() -> None:
    assert b'xmp:Rating="4"' in edited(xmp_files.DARKTABLE, CAT)


def test_an_empty_element_takes_keywords() -> None:
    content = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" />'
    tagged = edited(content, CAT)
    assert our_keywords(tagged) == CAT
    assert edit_keywords(tagged, CAT) is tagged
    start = b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag/></dc:subject>'
    content = xmp_files.EMPTY.replace(b"</rdf:RDF>", start + b"<dc:x/></rdf:Description></rdf:RDF>")
    tagged = edited(content, CAT)
    assert our_keywords(tagged) == CAT
    assert edit_keywords(tagged, CAT) is tagged


texts = st.text(max_size=30).map(keyword_text).filter(bool)


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=3), st.sampled_from([None, *xmp_files.ALL.values()]))
def test_any_text_comes_and_goes(subject: list[str], hierarchical: list[str], original: bytes | None) -> None:
    keywords = Keywords(tuple(subject), tuple(hierarchical))
    tagged = edit_keywords(original, keywords)
    if tagged is not None:
        assert set(our_keywords(tagged).subject) <= set(subject)
        assert edit_keywords(tagged, keywords) is tagged
        assert edit_keywords(tagged, None) == original


TOKENS = [
    b"<rdf:li>",
    b"</rdf:Bag>",
    b"<rdf:Bag/>",
    b"<!--x-->",
    b"<![CDATA[y]]>",
    b"&#10;",
    b"/>",
    b">",
    b"<",
    b'"',
    b" ",
]


@given(
    st.sampled_from([*xmp_files.ALL.values(), edited(xmp_files.DARKTABLE, CAT), edited(None, CAT)]),
    st.integers(0, 5000),
    st.integers(0, 8),
    st.sampled_from(TOKENS) | st.binary(max_size=2),
)
def test_a_damaged_packet_is_refused_or_edited_like_any_other(
    original: bytes, place: int, length: int, token: bytes
) -> None:
    place %= len(original)
    content = original[:place] + token + original[place + length :]
    try:
        tagged = edit_keywords(content, CAT)
    except XmpError:
        return
    if tagged is not None:
        assert edit_keywords(tagged, CAT) is tagged
        assert edit_keywords(tagged, None) == edit_keywords(content, None)


@pytest.mark.parametrize(
    ("label", "keyword"),
    [
        ("tabby", "tabby"),
        (" two\nlines\t\r\x0b", "two lines \ufffd"),
        ("\x00\ud800\uffff", "\ufffd\ufffd\ufffd"),
        ("<script>", "<script>"),
        ("\n", ""),
    ],
)
def test_a_label_becomes_one_line(label: str, keyword: str) -> None:
    assert keyword_text(label) == keyword


@needs_exiftool
@every_file
def test_exiftool_reads_exactly_the_keywords(original: bytes, tmp_path: Path) -> None:
    if original is xmp_files.OTHER_PREFIXES:
        pytest.skip("ExifTool takes this file for plain text")
    sidecar = tmp_path / "photo.xmp"
    sidecar.write_bytes(original)
    (before,) = read_tags(sidecar)
    sidecar.write_bytes(edited(original, CAT))
    (after,) = read_tags(sidecar)
    assert as_list(after["Subject"]) == [*as_list(before.get("Subject")), *CAT.subject]
    assert as_list(after["HierarchicalSubject"]) == [*as_list(before.get("HierarchicalSubject")), *CAT.hierarchical]
    assert after.get("Warning") == before.get("Warning")
    ours = {"Subject", "HierarchicalSubject", "FileSize", "FileModifyDate", "FileInodeChangeDate", "FileAccessDate"}
    assert {tag: value for tag, value in before.items() if tag not in ours}.items() <= after.items()


@pytest.mark.skipif(
    shutil.which("exiv2") is None, reason="exiv2, by which darktable and digiKam write, is not installed"
)
@pytest.mark.parametrize("name", ["darktable", "digikam", "empty", "byte order mark", None])
def test_keywords_are_found_again_after_exiv2_has_written_the_file(name: str | None, tmp_path: Path) -> None:
    sidecar = tmp_path / "photo.xmp"
    sidecar.write_bytes(edited(xmp_files.ALL[name] if name else None, CAT))
    subprocess.run(["exiv2", "-M", "set Xmp.dc.subject mine", sidecar], check=True, timeout=60)
    content = sidecar.read_bytes()
    assert our_keywords(content) == CAT
    without = edited(content, None)
    assert our_keywords(without) == Keywords()
    assert b"<rdf:li>mine</rdf:li>" in without
    assert b"<rdf:li>tabby cat</rdf:li>" not in without
    assert set(our_keywords(edited(without, CAT)).subject) == set(CAT.subject)


@needs_exiftool
def test_keywords_are_found_again_after_another_program_has_written_the_file(tmp_path: Path) -> None:
    sidecar = tmp_path / "photo.xmp"
    sidecar.write_bytes(edited(xmp_files.DARKTABLE, CAT))
    write_tags(sidecar, "-XMP-dc:Title=Felix", "-XMP-dc:Subject+=by hand")
    content = sidecar.read_bytes()
    assert our_keywords(content) == CAT
    assert edit_keywords(content, CAT) is content
    sidecar.write_bytes(edited(content, None))
    (tags,) = read_tags(sidecar)
    assert sorted(as_list(tags["Subject"])) == ["Großmutter & co", "by hand", "holiday"]
    assert as_list(tags["HierarchicalSubject"]) == ["people|family"]
