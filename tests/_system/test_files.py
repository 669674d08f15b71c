"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from mobiclass._system.files import atomic_write
from mobiclass.errors import SetupError
from tests.support.batch_runs import names_in


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with atomic_write(path) as file:
        file.write(b"content")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert names_in(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), ValueError("a bug")])
def test_whatever_ends_the_block_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic_write(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["out.csv"]


def test_the_systems_errors_are_a_setup_error_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with (
        pytest.raises(SetupError, match=r"out\.csv: cannot be written \(No space left on device\)"),
        atomic_write(path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names_in(tmp_path) == []
    with pytest.raises(SetupError, match="No such file"), atomic_write(tmp_path / "gone" / "out.csv"):
        pytest.fail("there is no folder to write to")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SetupError, match="folder: not a regular file"), atomic_write(tmp_path / "folder"):
        pass
    assert names_in(tmp_path) == ["folder"]


def test_a_new_file_is_for_whom_the_umask_allows(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(umask)
        try:
            with atomic_write(tmp_path / f"{umask}") as file:
                file.write(b"x")
            assert os.umask(umask) == umask
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{umask}").stat().st_mode) == mode


def test_a_file_that_was_private_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.touch(0o600)
    with atomic_write(path) as file:
        file.write(b"x")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"x", 0o600)


def test_a_file_system_without_modes_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What vfat says to chmod() on a memory card that is mounted with executable files.
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with atomic_write(tmp_path / "out.csv") as file:
        file.write(b"x")
    assert (tmp_path / "out.csv").read_bytes() == b"x"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.csv").symlink_to("elsewhere/real.csv")
    with atomic_write(tmp_path / "link.csv") as file:
        file.write(b"x")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "elsewhere" / "real.csv").read_bytes() == b"x"
