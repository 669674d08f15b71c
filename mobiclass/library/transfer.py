"""One photo to another place, so that it is never lost, never doubled by half, and never written over another.

A new name appears with the whole content behind it: by a hard link, or by a copy under a temporary name first. A name
that is taken stays as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

PART_PREFIX: Final = ".mobiclass-part-"
"""What the temporary names begin with."""

_COPY_BYTES: Final = 1 << 20
_FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
# What a file system says that has no hard links, or another one's file.
_CANNOT_LINK: Final = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EACCES, errno.EINVAL}

_FATAL: Final = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}


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

    Of a symbolic link the file behind it gets the name: the link may lead elsewhere from another folder.

    Returns:
        ``hard`` or ``symbolic``.

    Raises:
        FileExistsError: there is something at `target`.
        OSError: neither can be made.
    """
    if source.is_symlink():
        source = source.resolve(strict=True)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        target.symlink_to(source.absolute())
        return "symbolic"
    return "hard"


def move_all(pairs: Sequence[tuple[Path, Path]]) -> list[OSError | None]:
    """Move files from the first path of each pair to the second, and say of each why it could not be moved.

    Each gets its new name, or between file systems a copy that is synced and compared; then the folders are synced,
    and only then the old names are deleted. Interrupted at any point, it can be called again. A file that cannot be
    moved is where it was. After one for which there is no space, or which the whole device refuses, no more are begun.
    """
    errors: list[OSError | None] = []
    for source, target in pairs:
        if errors and (last := errors[-1]) and is_fatal(last):
            errors.append(last)
            continue
        errors.append(_error_of(_begin_move, source, target))
    for folder in {target.parent for (_, target), error in zip(pairs, errors, strict=True) if not error}:
        sync_folder(folder)
    return [error or _error_of(_end_move, *pair) for pair, error in zip(pairs, errors, strict=True)]


def move(source: Path, target: Path) -> None:
    """Move one file, as `move_all` does.

    Raises:
        FileExistsError: there is something else at `target`.
        OSError: it cannot be moved; it is where it was.
    """
    if error := move_all([(source, target)])[0]:
        raise error


def is_fatal(error: OSError) -> bool:
    """Whether other files will meet the same error: the disk is full, broken or read-only."""
    return error.errno in _FATAL


def is_one_name(source: Path, target: Path) -> bool:
    """Whether two paths lead to one name of one file, as through a link to a folder; not to two names of it."""
    try:
        status = source.lstat()
        if not os.path.samestat(status, target.lstat()):
            return False
    except OSError:
        return False
    # Where a file system does not tell case or Unicode forms apart, the names may differ.
    in_one_folder = source.parent.samefile(target.parent)
    return status.st_nlink == 1 or (in_one_folder and source.name.casefold() == target.name.casefold())


def is_twin(source: Path, target: Path) -> bool:
    """Whether `target` is another name of the file at `source`, or a copy of it; a link that leads to it is neither."""
    if target.is_symlink() or is_one_name(source, target):
        return False
    return source.samefile(target) or is_same_content(source, target)


def _error_of(action: Callable[[Path, Path], None], source: Path, target: Path) -> OSError | None:
    try:
        action(source, target)
    except OSError as error:
        return error
    return None


def _begin_move(source: Path, target: Path) -> None:
    """Have the file at both places, or at the second where a rename is all that the file system can do."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        if not is_twin(source, target):
            raise
        _part_of(target).unlink(missing_ok=True)  # of a copy that was killed when it had its name
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _begin_move_otherwise(source, target)


def _begin_move_otherwise(source: Path, target: Path) -> None:
    """Begin a move where there are no hard links: by a rename, or a copy to another file system."""
    if target.parent.stat().st_dev == source.lstat().st_dev and not os.path.lexists(target):
        try:
            source.rename(target)  # a file system without hard links
        except OSError as error:
            if error.errno != errno.EXDEV:  # which is said between two mounts of one, too
                raise
        else:
            return
    with suppress(FileExistsError):  # perhaps the copy of an interrupted move
        copy(source, target)
    if not is_twin(source, target):
        raise FileExistsError(errno.EEXIST, "another file has this name", os.fspath(target))


def _end_move(source: Path, target: Path) -> None:
    """Delete the first name; where that cannot be, delete the second one, so that the file is not there twice."""
    if not os.path.lexists(source) or is_one_name(source, target):
        return
    try:
        source.unlink()
    except OSError:
        if os.path.lexists(source):
            target.unlink()
        raise


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
    part = _part_of(target)
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    # A digest, as a name of 255 bytes leaves no room for a prefix.
    return target.with_name(PART_PREFIX + blake2b(os.fsencode(target.name), digest_size=16).hexdigest())


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
