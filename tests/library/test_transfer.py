"""One file to another place: whole or not at all, and over nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from mobiclass.library import transfer
from mobiclass.library.transfer import PART_PREFIX, copy, is_same_content, link, move
from tests.support.sorted_photos import make_photo, tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "from" / "photo.jpg")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "to").mkdir()
    return tmp_path / "to" / "photo.jpg"


def no_links(monkeypatch: pytest.MonkeyPatch, code: int = errno.EPERM) -> None:
    """Be a file system without hard links, such as FAT."""

    def refuse(self: Path, other: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "hardlink_to", refuse)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("action", [copy, move])
def test_content_time_and_mode_go_along(
    action: Any, links: bool, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.chmod(0o640)
    before, mode = tree(source.parent)["photo.jpg"], source.stat().st_mode
    if not links:
        no_links(monkeypatch)
    action(source, target)
    assert tree(target.parent) == {"photo.jpg": before}
    assert target.stat().st_mode == mode
    assert source.exists() == (action is copy)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("action", [copy, link, move])
def test_a_name_that_is_taken_stays_as_it_is(
    action: Any, links: bool, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo(target, b"another photo")
    content = source.read_bytes()
    if not links:
        no_links(monkeypatch)
    with pytest.raises(FileExistsError):
        action(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (content, b"another photo")
    assert not [*target.parent.glob(f"{PART_PREFIX}*")]


def test_where_there_are_no_hard_links_a_link_is_symbolic(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    assert link(source, target) == "symbolic"
    assert target.is_symlink()
    assert target.samefile(source)


def test_a_move_that_was_interrupted_between_two_names_is_completed(source: Path, target: Path) -> None:
    target.hardlink_to(source)
    move(source, target)
    assert not source.exists()
    assert target.exists()


def test_a_copy_that_fails_leaves_nothing(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer.shutil, "copystat", fail)
    with pytest.raises(OSError, match="No space"):
        copy(source, target)
    assert [*target.parent.iterdir()] == []


def test_a_move_to_another_file_system_compares_before_it_deletes(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch, errno.EXDEV)
    real = Path.stat

    def other_device(self: Path, **options: Any) -> os.stat_result:
        found = real(self, **options)
        values = list(found)
        values[2] = 999 if self == target.parent else values[2]
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", other_device)
    monkeypatch.setattr(transfer, "_copy_content", lambda source, part: part.write_bytes(b"half"))
    with pytest.raises(FileExistsError):
        move(source, target)
    assert source.exists()


def test_same_content(tmp_path: Path) -> None:
    one, two = make_photo(tmp_path / "1", b"x" * (2 << 20)), make_photo(tmp_path / "2", b"x" * (2 << 20))
    assert is_same_content(one, two)
    make_photo(two, b"x" * ((2 << 20) - 1) + b"y")
    assert not is_same_content(one, two)
    make_photo(two, b"x")
    assert not is_same_content(one, two)
