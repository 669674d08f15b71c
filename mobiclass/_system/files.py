"""Write a file whole or not at all: under another name beside, and renamed when it is complete."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mobiclass.errors import SetupError


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the name `path` when the block ends, and vanishes when it fails.

    Raises:
        SetupError: the folder is missing, full or read-only, or at `path` is something else than a file; what is
            there then stays as it was.
    """
    path = Path(os.path.realpath(path))  # through a symbolic link: the file is replaced, not the link
    if path.exists() and not path.is_file():
        raise SetupError(f"{path}: not a regular file, so no other file can take its place")
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".mobiclass-", delete=False) as file:
            beside = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # a memory card's file system keeps no modes, and says so
            beside.chmod(_mode(path))
        beside.replace(path)
    except OSError as error:
        raise SetupError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Give the mode that the file at `path` has or would get: a temporary file is its owner's alone."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0o022)
        os.umask(umask)
        return 0o666 & ~umask
