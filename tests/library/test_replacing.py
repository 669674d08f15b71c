"""Files replaced whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.replacing import discard_leftover, read_regular, replace_file
from tests.support.program import environment


def test_a_new_file_and_a_replaced_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(str(path), b"one", None)
    content, status = read_regular(str(path), max_bytes=10)
    assert content == b"one"
    os.utime(path, ns=(5, 5_000_000_007))
    path.chmod(0o604)
    _, status = read_regular(str(path), max_bytes=10)
    replace_file(str(path), b"two", status, keep_time=True)
    assert path.read_bytes() == b"two"
    assert (path.stat().st_mtime_ns, path.stat().st_mode & 0o777) == (5_000_000_007, status.st_mode & 0o777)
    _, status = read_regular(str(path), max_bytes=10)
    replace_file(str(path), b"three", status)
    assert path.stat().st_mtime_ns > 5_000_000_007
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_that_has_changed_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    _, status = read_regular(str(path), max_bytes=10)
    path.write_bytes(b"another")
    with pytest.raises(OSError, match="another program"):
        replace_file(str(path), b"two", status)
    with pytest.raises(OSError, match="another program"):
        replace_file(str(path), b"two", None)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        replace_file(str(path), b"two", status)
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    with pytest.raises(OSError, match="more than"):
        read_regular(str(path), max_bytes=4)


KILLED = """
import os, signal, sys
from mobiclass.library import replacing
write = os.write
def write_half(descriptor, content):
    write(descriptor, bytes(content)[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = write_half
replacing.replace_file(sys.argv[1], b"x" * 1000, replacing.read_regular(sys.argv[1], max_bytes=10)[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("discard", [False, True])
def test_what_a_killed_process_leaves_is_taken_over_or_deleted(tmp_path: Path, discard: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    done = subprocess.run([sys.executable, "-c", KILLED, path], env=environment(), check=False, timeout=60)
    assert done.returncode == -9
    assert path.read_bytes() == b"one"
    assert len(list(tmp_path.iterdir())) == 2
    if discard:
        discard_leftover(str(path))
        assert [each.name for each in tmp_path.iterdir()] == ["file"]
    replace_file(str(path), b"two", read_regular(str(path), max_bytes=10)[1])
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_what_another_process_is_writing_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    original = os.ftruncate

    def truncate(descriptor: int, length: int) -> None:
        discard_leftover(str(path))
        original(descriptor, length)

    monkeypatch.setattr(os, "ftruncate", truncate)
    replace_file(str(path), b"one", None)
    assert path.read_bytes() == b"one"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_a_link_that_waits_in_the_way_is_not_written_through(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = tmp_path / "file"
    replace_file(str(path), b"one", None)
    names: list[str] = []
    original = os.ftruncate

    def note(descriptor: int, length: int) -> None:
        names.extend(each.name for each in tmp_path.iterdir() if each.name.startswith(".mobiclass-"))
        original(descriptor, length)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "ftruncate", note)
        replace_file(str(path), b"two", read_regular(str(path), max_bytes=10)[1])
    beside = tmp_path / names[0]
    if kind == "symlink":
        beside.symlink_to(victim)
    else:
        beside.hardlink_to(victim)
    with pytest.raises((OSError, SetupError)):
        replace_file(str(path), b"three", read_regular(str(path), max_bytes=10)[1])
    assert victim.read_bytes() == b"precious"
    assert path.read_bytes() == b"two"
