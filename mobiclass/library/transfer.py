"""One photo to another place, so that it is never lost, never doubled by half, and never written over another.

A new name appears with the whole content behind it: by a hard link, or by a copy under a temporary name first. A name
that is taken stays as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PART_PREFIX: Final = ".mobiclass-part-"
"""What the temporary names begin with."""

_COPY_BYTES: Final = 1 << 20
_FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
# What a file system says that has no hard links, or another one's file.
_CANNOT_LINK: Final = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EACCES, errno.EINVAL}


def copy(source: Path, target: Path) -> None:
    """Copy a file with its times and mode; where the file system can, the two share their blocks (reflink).

    Raises:
        FileExistsError: there is something at `target`.
        OSError: it cannot be read or written; nothing is left at `target`.
    """
    with _part(target) as part:
        _copy_content(source, part)
        _publish(part, target)


def link(source: Path, target: Path) -> str:
    """Give a file a second name: by a hard link, or where that cannot be by a symbolic one.

    Returns:
        ``hard`` or ``symbolic``.

    Raises:
        FileExistsError: there is something at `target`.
        OSError: neither can be made.
    """
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        target.symlink_to(source.absolute())
        return "symbolic"
    return "hard"


def move(source: Path, target: Path) -> None:
    """Move a file; between file systems it is copied, synced and compared before the first one is deleted.

    Interrupted at any point, it can be called again.

    Raises:
        FileExistsError: there is something else at `target`.
        OSError: it cannot be moved; it is where it was.
    """
    try:
        target.hardlink_to(source)
    except FileExistsError:
        if not source.samefile(target):
            raise
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _move_otherwise(source, target)
        return
    sync_folder(target.parent)
    source.unlink()


def _move_otherwise(source: Path, target: Path) -> None:
    """Move where there are no hard links: by a rename, or a copy to another file system."""
    if target.parent.stat().st_dev == source.lstat().st_dev and not os.path.lexists(target):
        source.rename(target)  # a file system without hard links
        return
    with suppress(FileExistsError):  # perhaps the copy of an interrupted move
        copy(source, target)
    if not is_same_content(source, target):
        raise FileExistsError(errno.EEXIST, "another file has this name", os.fspath(target))
    sync_folder(target.parent)
    source.unlink()


def delete_parts(folder: Path) -> None:
    """Delete the temporary names that killed copies have left in `folder`; nobody else may be copying into it."""
    for part in folder.glob(f"{PART_PREFIX}*") if not folder.is_symlink() else ():
        with suppress(OSError):
            part.unlink()


def is_same_content(first: Path, second: Path) -> bool:
    """Whether two files have the same bytes."""
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as one, second.open("rb") as other:
        while block := one.read(_COPY_BYTES):
            if block != other.read(_COPY_BYTES):
                return False
        return not other.read(1)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """Give a temporary name beside `target`; an interrupted copy is overwritten by the next one of the same file."""
    part = target.with_name(f"{PART_PREFIX}{target.name}"[:200])
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _copy_content(source: Path, part: Path) -> None:
    with source.open("rb") as reader, part.open("xb") as writer:
        if not _reflink(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, _COPY_BYTES)
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copystat(source, part)


def _reflink(source: int, target: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def _publish(part: Path, target: Path) -> None:
    """Give the whole copy its name, unless that is taken."""
    try:
        target.hardlink_to(part)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "the name is taken", os.fspath(target)) from error
        part.rename(target)
