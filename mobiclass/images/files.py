"""Opens a path or bytes as a binary file of which a decoder can read only so much. It decodes nothing.

Some of Pillow's readers search for the next marker byte by byte, and some read whatever length a file claims. On a
damaged card or a sparse file of a few gigabytes that would take an hour, or all memory.
"""

from __future__ import annotations

import io
import os
import stat
from typing import Final, TypeAlias

from mobiclass.errors import ImageError

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes"

_MAX_READ_BYTES: Final = 384 << 20  # 64 megapixels of 16-bit RGB, uncompressed
_MAX_READS: Final = 500_000  # an honest image takes thousands
_LONGEST_LINE: Final = 1 << 20


class TooLargeError(Exception):
    """Decoding would take more memory or time than is allowed for one image."""


class _LimitedFile(io.BufferedIOBase):
    """A file with a limit on the bytes and the number of reads."""

    _bytes_left = _MAX_READ_BYTES
    _reads_left = _MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        return self._count(super().read(self._clip(size)))

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._count(super().readline(min(self._clip(size), _LONGEST_LINE)))

    def allow_reads(self, number: int) -> None:
        """Let a decoder make `number` more calls."""
        self._reads_left += number

    def content(self) -> bytes:
        """Read the whole file, within the limits of a file that has just been opened."""
        self.seek(0)
        self._bytes_left, self._reads_left = _MAX_READ_BYTES, _MAX_READS
        return self.read()

    def _clip(self, size: int | None) -> int:
        # One byte more than allowed shows that there is more.
        return size if size is not None and 0 <= size <= self._bytes_left else self._bytes_left + 1

    def _count(self, data: bytes) -> bytes:
        self._bytes_left -= len(data)
        self._reads_left -= 1
        if self._bytes_left < 0 or self._reads_left < 0:
            raise TooLargeError("decoding reads more of it than any image needs; the file is damaged, or no image")
        return data


class _DiskFile(_LimitedFile, io.BufferedReader):
    pass


class _MemoryFile(_LimitedFile, io.BytesIO):
    pass


ImageFile: TypeAlias = "_DiskFile | _MemoryFile"


def open_image_file(source: ImageSource) -> ImageFile:
    """Open the file at a path, or bytes, for a decoder.

    Raises:
        ImageError: there is no such file, it cannot be read, or it is a folder, a pipe or a device.
    """
    if isinstance(source, bytes):
        return _MemoryFile(source)
    path = os.fspath(source)
    try:
        # Looked at before it is opened: opening alone wakes the writer of a pipe, and starts some devices.
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path that is no valid str must reach the system as it is
        if stat.S_ISDIR(mode):
            os.scandir(path).close()  # one that cannot be listed comes here in place of its files: say why
            raise ImageError("a folder, not an image file", kind="unreadable", path=path)
        if not stat.S_ISREG(mode):
            reason = "a pipe or a device, not an image file; an image on standard input is given as -"
            raise ImageError(reason, kind="unreadable", path=path)
        return _DiskFile(io.FileIO(path, opener=_open_without_waiting))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError("there is no such file", kind="not_found", path=path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"cannot be read ({reason})", kind="unreadable", path=path) from error


def _open_without_waiting(path: str, flags: int) -> int:
    """Open `path`, which a pipe may have replaced since it was looked at, without waiting for its writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
