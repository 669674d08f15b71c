"""Writes a file whole or not at all.

The bytes go to a temporary file in the same folder, which then takes the place of the old file in one step. It
makes no folders and keeps no backup.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mobiclass.errors import SetupError


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`; after a failure or an interruption `path` is what it was before.

    Raises:
        SetupError: the folder is missing, full, or not writable.
    """
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is private to its owner; a model is for everyone whom the umask allows.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise SetupError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
