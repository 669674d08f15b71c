"""Labels as keywords of photos: which, where, and what happens to everything else."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.library import replacing
from mobiclass.library.embedded_keywords import without_our_keywords
from mobiclass.library.tagging import TagError, Tagger
from mobiclass.library.xmp import Keywords, our_keywords
from tests.support import xmp_files
from tests.support.exiftool import as_list, needs_exiftool, read_tags
from tests.support.made_images import encode, scene

CAT = Keywords(("tabby cat",))
DOG = Keywords(("dog",))
FORMATS = {"photo.jpg": "JPEG", "photo.png": "PNG", "photo.webp": "WEBP"}
every_format = pytest.mark.parametrize("name", FORMATS)


def make_photo(folder: Path, name: str = "photo.jpg") -> tuple[Path, dict[str, Any]]:
    """Write a photo, and give its path and its row."""
    path = folder / name
    path.write_bytes(encode(scene(), FORMATS.get(name, "JPEG")))
    os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    return path, row_of(path)


def row_of(path: Path) -> dict[str, Any]:
    return {"path": str(path), "bytes": path.stat().st_size, "mtime_ns": path.stat().st_mtime_ns}


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Give the content, time and mode of every file."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("style", ["auto", "photo.jpg.xmp", "photo.xmp"])
def test_a_sidecar_comes_and_goes_and_the_photo_stays(tmp_path: Path, style: Any) -> None:
    photo, row = make_photo(tmp_path)
    before = state(tmp_path)
    tagger = Tagger(style=style)
    assert tagger.tag(str(photo), row, CAT) == "tagged"
    sidecar = tmp_path / ("photo.xmp" if style == "photo.xmp" else "photo.jpg.xmp")
    assert our_keywords(sidecar.read_bytes()).subject == CAT.subject
    tagged = state(tmp_path)
    assert tagger.tag(str(photo), row, CAT) == "unchanged"
    assert state(tmp_path) == tagged
    assert tagger.tag(str(photo), row, DOG) == "tagged"
    assert tagger.tag(str(photo), row, Keywords()) == "removed"
    assert state(tmp_path) == before
    tagger.tag(str(photo), row, CAT)
    assert tagger.remove(str(photo), row) == "removed"
    assert tagger.remove(str(photo), row) == "unchanged"
    assert state(tmp_path) == before


def test_auto_takes_the_sidecar_that_is_there(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path)
    sidecar = tmp_path / "photo.xmp"
    sidecar.write_bytes(xmp_files.DARKTABLE)
    sidecar.chmod(0o600)
    Tagger().tag(str(photo), row, CAT)
    assert {path.name for path in tmp_path.iterdir()} == {"photo.jpg", "photo.xmp"}
    assert stat.S_IMODE(sidecar.stat().st_mode) == 0o600
    Tagger().remove(str(photo), row)
    assert sidecar.read_bytes() == xmp_files.DARKTABLE


def test_auto_leaves_the_sidecar_of_a_raw_file_alone(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path)
    (tmp_path / "photo.CR2").write_bytes(b"raw")
    (tmp_path / "photo.xmp").write_bytes(xmp_files.DARKTABLE)
    Tagger().tag(str(photo), row, CAT)
    assert (tmp_path / "photo.xmp").read_bytes() == xmp_files.DARKTABLE
    assert (tmp_path / "photo.jpg.xmp").exists()


def test_two_photos_of_one_sidecar(tmp_path: Path) -> None:
    first, first_row = make_photo(tmp_path, "photo.jpg")
    second, second_row = make_photo(tmp_path, "photo.png")
    tagger = Tagger(style="photo.xmp")
    tagger.tag(str(first), first_row, CAT)
    with pytest.raises(TagError, match=r"has the labels of photo\.jpg"):
        tagger.tag(str(second), second_row, DOG)
    assert tagger.remove(str(second), second_row) == "unchanged"
    first.unlink()  # renamed, say
    assert tagger.tag(str(second), second_row, DOG) == "tagged"


@pytest.mark.parametrize("content", [b"<html/>", b"\0" * 10, xmp_files.DARKTABLE[:-9]])
def test_a_strange_sidecar_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    photo, row = make_photo(tmp_path)
    sidecar = tmp_path / "photo.jpg.xmp"
    sidecar.write_bytes(content)
    with pytest.raises(TagError, match=r"photo\.jpg\.xmp: the sidecar is left as it is"):
        Tagger().tag(str(photo), row, CAT)
    with pytest.raises(TagError, match=r"photo\.jpg\.xmp: the sidecar is left as it is"):
        Tagger().remove(str(photo), row)
    assert sidecar.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_an_empty_sidecar_is_a_new_one(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path)
    (tmp_path / "photo.jpg.xmp").touch()
    assert Tagger().tag(str(photo), row, CAT) == "tagged"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on POSIX alone")
def test_a_pipe_or_a_folder_as_sidecar(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path)
    os.mkfifo(tmp_path / "photo.jpg.xmp")
    with pytest.raises(TagError, match="not a regular file"):
        Tagger().tag(str(photo), row, CAT)
    (tmp_path / "photo.jpg.xmp").unlink()
    (tmp_path / "photo.jpg.xmp").mkdir()
    with pytest.raises(TagError, match="sidecar cannot be read"):
        Tagger().tag(str(photo), row, CAT)


@every_format
def test_embedded_keywords_come_and_go(tmp_path: Path, name: str) -> None:
    photo, row = make_photo(tmp_path, name)
    photo.chmod(0o640)
    before = state(tmp_path)
    tagger = Tagger(embed=True)
    assert tagger.tag(str(photo), row, CAT) == "tagged"
    tagged = state(tmp_path)
    assert tagged != before
    assert tagged[name][1:] == before[name][1:]
    assert without_our_keywords(photo.read_bytes()) == before[name][0]
    assert tagger.tag(str(photo), row, CAT) == "unchanged"
    assert state(tmp_path) == tagged
    assert tagger.tag(str(photo), row, DOG) == "tagged"
    assert tagger.remove(str(photo), row) == "removed"
    assert state(tmp_path) == before


@every_format
def test_sidecars_know_a_photo_with_embedded_keywords(tmp_path: Path, name: str) -> None:
    photo, row = make_photo(tmp_path, name)
    Tagger(embed=True).tag(str(photo), row, CAT)
    assert Tagger().tag(str(photo), row, CAT) == "tagged"


@pytest.mark.parametrize("embed", [False, True])
def test_a_photo_that_has_changed_is_not_touched(tmp_path: Path, embed: bool) -> None:
    photo, row = make_photo(tmp_path)
    tagger = Tagger(embed=embed)
    for changed in ({"bytes": row["bytes"] + 1}, {"mtime_ns": row["mtime_ns"] + 1}):
        before = state(tmp_path)
        with pytest.raises(TagError, match="has changed since it was classified"):
            tagger.tag(str(photo), row | changed, CAT)
        assert state(tmp_path) == before


def test_rows_without_size_and_time_allow_sidecars_alone(tmp_path: Path) -> None:
    photo, _ = make_photo(tmp_path)
    before = photo.read_bytes()
    for row in ({}, {"bytes": None, "mtime_ns": None}):
        with pytest.raises(TagError, match="no bytes and mtime_ns"):
            Tagger(embed=True).tag(str(photo), row, CAT)
    assert photo.read_bytes() == before
    assert Tagger().tag(str(photo), {}, CAT) == "tagged"


def test_photos_that_cannot_be_tagged(tmp_path: Path) -> None:
    with pytest.raises(TagError, match="no such photo"):
        Tagger().tag(str(tmp_path / "photo.jpg"), {}, CAT)
    with pytest.raises(TagError, match="not a file"):
        Tagger().tag(str(tmp_path), {}, CAT)
    with pytest.raises(TagError, match="not a path"):
        Tagger().tag("a\0b", {}, CAT)
    assert list(tmp_path.iterdir()) == []
    photo, row = make_photo(tmp_path)
    photo.chmod(0o444)
    with pytest.raises(TagError, match="write-protected"):
        Tagger(embed=True).tag(str(photo), row, CAT)
    gif = tmp_path / "photo.gif"
    gif.write_bytes(encode(scene(), "GIF"))
    with pytest.raises(TagError, match="JPEG, PNG and WebP"):
        Tagger(embed=True).tag(str(gif), row_of(gif), CAT)


def test_a_name_that_leaves_no_room_for_a_suffix(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path, f"{'x' * 250}.jpg")
    with pytest.raises(TagError, match="too long"):
        Tagger().tag(str(photo), row, CAT)
    assert Tagger(embed=True).tag(str(photo), row, CAT) == "tagged"
    assert [path.name for path in tmp_path.iterdir()] == [photo.name]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path)
    before = state(tmp_path)
    for embed in (False, True):
        assert Tagger(embed=embed, dry_run=True).tag(str(photo), row, CAT) == "tagged"
    assert state(tmp_path) == before


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    photo, row = make_photo(tmp_path / "there")
    link = tmp_path / "link.jpg"
    try:
        link.symlink_to(photo)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    Tagger(embed=True).tag(str(link), row, CAT)
    assert link.is_symlink()
    assert photo.stat().st_size > row["bytes"]
    Tagger().tag(str(link), row, CAT)
    assert (tmp_path / "link.jpg.xmp").exists()


@pytest.mark.parametrize("embed", [False, True])
def test_a_full_disk_ends_the_run_and_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embed: bool
) -> None:
    photo, row = make_photo(tmp_path)
    before = state(tmp_path)

    def write(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(replacing.os, "write", write)
    with pytest.raises(SetupError, match="the disk is full"):
        Tagger(embed=embed).tag(str(photo), row, CAT)
    assert state(tmp_path) == before


@pytest.mark.skipif(
    os.name == "nt" or os.getuid() == 0, reason="root may write anywhere, and Windows has no such modes"
)
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    photo, row = make_photo(tmp_path)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(TagError, match="Permission denied"):
            Tagger().tag(str(photo), row, CAT)
    finally:
        tmp_path.chmod(0o755)


@needs_exiftool
@every_format
def test_exiftool_reads_exactly_the_labels(tmp_path: Path, name: str) -> None:
    photo, row = make_photo(tmp_path, name)
    keywords = Keywords(("tabby cat", "-hostile=1", "#[CSTR]\\n <b>", "Käse; 猫, \u202egod"), ("animal|cat",))
    Tagger(embed=True).tag(str(photo), row, keywords)
    Tagger().tag(str(photo), row, keywords)
    for tags in read_tags(photo, tmp_path / f"{name}.xmp"):
        assert as_list(tags["Subject"]) == list(keywords.subject)
        assert as_list(tags["HierarchicalSubject"]) == ["animal|cat"]
        assert "Warning" not in tags
