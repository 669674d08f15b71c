"""A file that is not whole yet: who holds it, what becomes of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mobiclass.errors import DownloadError
from mobiclass.hub.partial_file import hold_partial_file, partial_path


def nobody() -> None:
    raise AssertionError("nobody else holds it")


def test_it_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path, part_path = tmp_path / "m", partial_path(tmp_path / "m")
    with hold_partial_file(part_path, nobody) as part:
        assert (part.length, part.pieces) == (0, 0)
        part.append(b"abc")
        part.append(b"d")
        assert (part.length, part_path.read_bytes()) == (4, b"abcd")
        part.rename_to(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]
    assert path.read_bytes() == b"abcd"
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_what_an_interruption_leaves_is_gone_on_with(tmp_path: Path) -> None:
    part_path = tmp_path / "m.part"
    with pytest.raises(KeyboardInterrupt), hold_partial_file(part_path, nobody) as part:
        part.append(b"abc")
        raise KeyboardInterrupt
    with hold_partial_file(part_path, nobody) as part:
        assert part.length == 3
        assert part.pieces >= 2  # nobody knows where it came from
        part.append(b"d")
        assert part_path.read_bytes() == b"abcd"
        part.truncate()
        assert (part.length, part.pieces, part_path.read_bytes()) == (0, 0, b"")


@pytest.mark.parametrize(("content", "error"), [(b"", KeyboardInterrupt()), (b"abc", OSError(28, "full"))])
def test_what_is_not_worth_keeping_vanishes(content: bytes, error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)), hold_partial_file(tmp_path / "m.part", nobody) as part:
        part.append(content)
        raise error
    assert list(tmp_path.iterdir()) == []


def test_only_a_file_is_taken(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.part")
    holding = hold_partial_file(tmp_path / "m.part", nobody)
    with pytest.raises(DownloadError, match=r"m\.part: not a regular file: remove it"), holding:
        pass
