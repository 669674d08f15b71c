"""Reads a file for editing, and replaces it whole or not at all, with what the system keeps of it."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NoReturn

from mobiclass._system import open_locked
from mobiclass.errors import SetupError

_BINARY: Final = getattr(os, "O_BINARY", 0)
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


class NotRegularError(OSError):
    """What stands at the path is a folder, a pipe or a device."""


class TooLargeError(OSError):
    """The file is larger than anything that is edited."""


def read_regular(path: str, *, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read the file at `path`, and what the system says of it.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | _BINARY | _NONBLOCK)  # a pipe's writer is not waited for
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularError(0, "it is not a regular file")
        if status.st_size > max_bytes:
            raise TooLargeError(0, f"it has more than {max_bytes >> 20} MiB")
        return file.read(), status


def replace_file(path: str, content: bytes, before: os.stat_result | None, *, keep_time: bool = False) -> None:
    """Make `content` the file at `path`: whole, or what was there stays.

    A process that is killed leaves at most a hidden file beside it, which the next call for the same path takes over,
    or `discard_leftover` deletes.
    A file that was there is flushed to the disk before it is replaced, and keeps its mode, its extended attributes
    and, where the system allows it, its owner.

    Args:
        path: the file; not a symbolic link.
        content: its new bytes.
        before: what the system said of the file when it was read; ``None`` if there was none.
        keep_time: whether the new file has the time of the old one.

    Raises:
        OSError: it cannot be written, or has changed since it was read.
    """
    beside = _beside(path)
    strange = SetupError(f"{beside}: not a regular file, so it cannot be replaced; delete it")
    descriptor = open_locked(Path(beside), flags=_NOFOLLOW | _BINARY, taken=lambda: None, not_regular=strange)
    try:
        if os.fstat(descriptor).st_nlink > 1:
            raise strange
        os.ftruncate(descriptor, 0)
        _write(descriptor, content)
        if before is not None:
            with suppress(OSError, AttributeError):  # only root may give files away
                os.chown(beside, before.st_uid, before.st_gid)
            shutil.copystat(path, beside)
            if not keep_time:
                os.utime(beside)
            os.fsync(descriptor)
        if os.name == "nt":  # there an open file cannot be renamed, nor is it locked
            descriptor = _closed(descriptor)
        _check_unchanged(path, before)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    finally:
        _closed(descriptor)


def discard_leftover(path: str) -> None:
    """Delete what a process that was killed in `replace_file` has left beside `path`, unless one is at it now."""
    beside = _beside(path)
    if not os.path.lexists(beside):
        return

    def taken() -> NoReturn:
        raise BlockingIOError

    with suppress(OSError, SetupError):
        descriptor = open_locked(Path(beside), flags=_NOFOLLOW | _BINARY, taken=taken, not_regular=SetupError(beside))
        if os.name == "nt":
            descriptor = _closed(descriptor)
        try:
            os.unlink(beside)
        finally:
            _closed(descriptor)


def _beside(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".mobiclass-{sha256(os.fsencode(name)).hexdigest()[:16]}")


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _closed(descriptor: int) -> int:
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def _check_unchanged(path: str, before: os.stat_result | None) -> None:
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        if before is None:
            return
        raise
    if before is None or (now.st_ino, now.st_size, now.st_mtime_ns) != (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    ):
        raise OSError(0, "another program has changed it meanwhile; run this again")
