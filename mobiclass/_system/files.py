"""Files written whole or not at all (`atomic_write`), or by one process at a time (`open_locked`)."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mobiclass.errors import SetupError

try:
    import fcntl
except ImportError:  # Windows has no such lock; there the user must not run two processes on one file
    fcntl = None  # type: ignore[assignment]


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that becomes `path` when the block ends, and is deleted when the block fails.

    Raises:
        SetupError: the folder is missing, full or read-only, or `path` is not a regular file; it is left unchanged.
    """
    path = Path(os.path.realpath(path))  # through a symbolic link: the file is replaced, not the link
    if path.exists() and not path.is_file():
        raise SetupError(f"{path}: not a regular file, so it cannot be replaced")
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".mobiclass-", delete=False) as file:
            beside = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # a memory card's file system may not support modes
            beside.chmod(_mode(path))
        beside.replace(path)
    except OSError as error:
        raise SetupError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def open_locked(path: Path, *, flags: int, taken: Callable[[], None], not_regular: SetupError) -> int:
    """Open `path` to read and append, and lock it against other processes; it is created if need be.

    Args:
        path: the file.
        flags: further flags of `os.open`.
        taken: called where another process has the lock; raises to give up, or returns to wait.
        not_regular: raised where `path` is not a regular file.

    Returns:
        A file descriptor that child processes do not inherit. The lock ends with this process.

    Raises:
        OSError: it cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | flags, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise not_regular
            _lock(descriptor, taken)
            # Between opening and locking, another process may have renamed its file over this one, or deleted it.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _mode(path: Path) -> int:
    """Return the mode that the file at `path` has or would get; a temporary file is private to its owner."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0o022)
        os.umask(umask)
        return 0o666 & ~umask


def _lock(descriptor: int, taken: Callable[[], None]) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            return  # some network file systems have no locks: better no lock than no file
        taken()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
