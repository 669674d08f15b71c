"""Files that one process at a time may write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobiclass._system.files import open_locked
from mobiclass.errors import SetupError

# Holds the lock of the file that it is given, and says so, until its standard input ends; then renames the file.
HOLDER = """
import os, sys, pathlib
from mobiclass.errors import SetupError
from mobiclass._system.files import open_locked
path = pathlib.Path(sys.argv[1])
descriptor = open_locked(path, flags=0, taken=lambda: None, not_regular=SetupError("no file"))
os.write(descriptor, b"theirs")
print("held", flush=True)
sys.stdin.read()
path.rename(path.with_name("done"))
"""


def refuse() -> None:
    raise SetupError("taken")


def open_ours(path: Path, taken: object = refuse) -> int:
    return open_locked(path, flags=0, taken=taken, not_regular=SetupError("no file"))  # type: ignore[arg-type]


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Give a process that holds the file ``file``."""
    command = [sys.executable, "-c", HOLDER, tmp_path / "file"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_it_is_made_and_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        descriptor = open_ours(tmp_path / "file")
        os.write(descriptor, b"line\n")
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"line\nline\n"


def test_whoever_comes_second_may_give_up(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="taken"):
        open_ours(tmp_path / "file")
    holder.communicate()
    assert (tmp_path / "done").read_bytes() == b"theirs"


def test_whoever_waits_gets_no_file_that_was_renamed_meanwhile(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    waited = []

    def let_the_holder_end() -> None:
        assert holder.stdin is not None
        holder.stdin.close()
        waited.append(True)

    descriptor = open_ours(tmp_path / "file", let_the_holder_end)
    os.write(descriptor, b"ours")
    os.close(descriptor)
    assert waited == [True]
    assert holder.wait() == 0
    assert (tmp_path / "done").read_bytes() == b"theirs"
    assert (tmp_path / "file").read_bytes() == b"ours"


def test_the_lock_dies_with_its_process(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    holder.kill()
    holder.communicate()
    os.close(open_ours(tmp_path / "file"))


def test_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.devnull)
    with pytest.raises(SetupError, match="no file"):
        open_ours(tmp_path / "link")
