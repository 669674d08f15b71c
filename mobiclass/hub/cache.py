"""The user's cache folder, for files that can be fetched again: where it is, and whether a file there is intact."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_BLOCK_BYTES: Final = 1 << 18


def cache_folder() -> Path:
    """Name the cache folder: ``MOBICLASS_CACHE``, or the platform's (``~/.cache/mobiclass`` on Linux)."""
    chosen = os.environ.get("MOBICLASS_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("mobiclass", appauthor=False)


def holds(path: Path, length: int, sha256: str) -> bool:
    """Whether the file at `path` is one of `length` bytes with this SHA-256 (in lower-case hexadecimal)."""
    import hashlib

    try:
        if path.stat().st_size != length:  # nothing need be read
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return False
    return digest.hexdigest() == sha256
