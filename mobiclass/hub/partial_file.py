"""A partly downloaded file: held by one process at a time, and left for the next one to resume.

It takes bytes and gives them their final name; whether they are the right ones, others judge: their checksum also finds
out what two processes mixed where there are no locks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mobiclass._system import open_locked
from mobiclass.errors import DownloadError


def partial_path(path: Path) -> Path:
    """Name the file that holds the part of `path` fetched so far."""
    return path.with_name(f"{path.name}.part")


class PartialFile:
    """The part of a file fetched so far, open and locked for this process.

    Attributes:
        path: where it is.
        length: its length in bytes.
        pieces: of how many answers it consists; at least two where nobody knows.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.length = os.fstat(descriptor).st_size
        self.pieces = 2 if self.length else 0
        self._descriptor: int | None = descriptor

    @property
    def _open_descriptor(self) -> int:
        assert self._descriptor is not None
        return self._descriptor

    def append(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            written = os.write(self._open_descriptor, view)
            self.length += written
            view = view[written:]

    def truncate(self) -> None:
        os.ftruncate(self._open_descriptor, 0)
        self.length = self.pieces = 0

    def rename_to(self, path: Path) -> None:
        """Rename to `path`, durably: whole even after a power cut."""
        os.fsync(self._open_descriptor)
        if os.name == "nt":  # Windows renames no open file
            self.close()
        self.path.replace(path)
        with contextlib.suppress(OSError):  # not every system lets a folder be opened
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release it for other processes."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def hold_partial_file(path: Path, waiting: Callable[[], None]) -> Iterator[PartialFile]:
    """Open and lock the partial file at `path`, created if need be; call `waiting` before waiting for another process.

    It is kept where there is something to resume, and deleted where there is not, or where the system fails: most
    likely the disk is full.

    Raises:
        DownloadError: there is something else than a file at `path`.
        OSError: the folder does not let it be written.
    """
    descriptor = open_locked(
        path,
        flags=getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0),
        taken=waiting,
        not_regular=DownloadError(f"{path}: not a regular file: remove it"),
    )
    part = PartialFile(path, descriptor)
    try:
        yield part
    except BaseException as error:
        if part.length == 0 or isinstance(error, OSError):
            part.discard()
        raise
    finally:
        part.close()
