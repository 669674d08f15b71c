"""A file that one process at a time has open to write. What stands in it is not its business."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from mobiclass.errors import SetupError

try:
    import fcntl
except ImportError:  # Windows has no lock of this kind; there two processes at one file are the user's care
    fcntl = None  # type: ignore[assignment]


def open_locked(path: Path, *, flags: int, taken: Callable[[], None], not_regular: SetupError) -> int:
    """Open `path` to read and append, created if need be, as the only process that does.

    Args:
        path: the file.
        flags: of `os.open`, besides.
        taken: is called where another process has it; raises to give up, and returns to wait for that.
        not_regular: is raised where there is something else than a file.

    Returns:
        A file descriptor that child processes do not inherit. The lock dies with its process.

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


def _lock(descriptor: int, taken: Callable[[], None]) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            return  # some network file systems know no locks: better no lock than no file
        taken()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
