"""Features of photos kept from one run to the next, in the user's cache folder.

A file holds the views of one photo, under the photo's SHA-256, in a folder that is named by all else that the features
depend on. It appears whole or not at all; one that is damaged is as good as none. The oldest are dropped when there are
too many. Nothing here is an error: without a cache the features are computed again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from mobiclass.hub import cache_folder
from mobiclass.teaching.samples import PhotoFeatures

MOST_BYTES: Final = 128 << 20
"""What all files together may take; a photo with 8 views of 1280 features takes 10 kB."""

_FOLDER: Final = "features"
_SUFFIX: Final = ".features"
_DIGEST_BYTES: Final = 16
_TEMPORARY: Final = ".mobiclass-"


class FeatureCache:
    """The features that were computed in one way."""

    def __init__(self, way: str) -> None:
        """Open the cache of features computed as `way` says: the model, its input, the views, the runtime."""
        self._root = cache_folder() / _FOLDER
        self._folder = self._root / hashlib.sha256(way.encode("utf-8")).hexdigest()[:32]

    def read(self, sha256: str, width: int) -> PhotoFeatures | None:
        """Read what there is of a photo's views, each of `width` features."""
        path = self._path(sha256)
        try:
            content = path.read_bytes()
            os.utime(path)  # it is still of use
        except OSError:
            return None
        body = content[_DIGEST_BYTES:]
        views, rest = divmod(len(body), width + 4)
        if rest or not views or hashlib.sha256(body).digest()[:_DIGEST_BYTES] != content[:_DIGEST_BYTES]:
            return None
        scales = np.frombuffer(body, "<f4", views).astype(np.float32)
        return PhotoFeatures(sha256, np.frombuffer(body, np.int8, offset=4 * views).reshape(views, width), scales)

    def write(self, photo: PhotoFeatures) -> None:
        """Keep the views of a photo, in place of those that there are."""
        body = photo.scales.astype("<f4").tobytes() + photo.values.tobytes()
        beside: Path | None = None
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with tempfile.NamedTemporaryFile(dir=self._folder, prefix=_TEMPORARY, delete=False) as file:
                    beside = Path(file.name)
                    file.write(hashlib.sha256(body).digest()[:_DIGEST_BYTES] + body)
                beside.replace(self._path(photo.sha256))
                beside = None
            finally:
                if beside is not None:
                    beside.unlink()

    def prune(self, most_bytes: int = MOST_BYTES) -> None:
        """Drop the files that were used longest ago, until no more than `most_bytes` are left."""
        files = sorted(_files(self._root), key=lambda file: file[0], reverse=True)
        total = 0
        for _, size, path in files:
            total += size
            if total > most_bytes:
                with suppress(OSError):
                    path.unlink()

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}{_SUFFIX}"


def _files(root: Path) -> Sequence[tuple[float, int, Path]]:
    """List the files with the time when each was last used, and its bytes; those of a killed process too."""
    found = []
    for path in root.glob("*/*"):
        if path.suffix == _SUFFIX or path.name.startswith(_TEMPORARY):
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
    return found
