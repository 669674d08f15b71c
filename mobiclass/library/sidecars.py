"""Which XMP file stands beside a photo: ``photo.jpg.xmp``, as darktable and digiKam name it, or ``photo.xmp``."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Final, Literal, TypeAlias

SidecarStyle: TypeAlias = Literal["auto", "photo.jpg.xmp", "photo.xmp"]
"""How new sidecars are named; ``auto`` takes one that is there, else ``photo.jpg.xmp``."""

_SUFFIX: Final = ".xmp"


class Sidecars:
    """The sidecars of one photo.

    Attributes:
        folder: the folder of the photo.
        name: its name in that.
    """

    def __init__(self, photo: str) -> None:
        self.folder, self.name = os.path.split(photo)
        self._full = photo + _SUFFIX
        self._short = os.path.splitext(photo)[0] + _SUFFIX

    def choose(self, style: SidecarStyle) -> str:
        """Give the path of the sidecar to write, which may not be there yet."""
        if style == "photo.jpg.xmp":
            return self._full
        if style == "photo.xmp":
            return self._short
        # Beside a raw file, photo.xmp is that one's.
        if not os.path.exists(self._full) and os.path.exists(self._short) and self._is_alone():
            return self._short
        return self._full

    def both(self) -> list[str]:
        """Give the paths of the sidecars that may be there, by either name."""
        return [*dict.fromkeys((self._full, self._short))]

    def is_shared(self, sidecar: str) -> bool:
        """Whether the name of `sidecar` would be the same for a photo with another suffix."""
        return os.path.basename(sidecar) != os.path.basename(self._full)

    def has_other(self, name: str) -> bool:
        """Whether `name`, read from a sidecar, is another file in the photo's folder."""
        is_name = os.path.basename(name) == name != self.name
        return is_name and os.path.lexists(os.path.join(self.folder, name))

    def _is_alone(self) -> bool:
        stem = os.path.splitext(self.name)[0]
        folder = self.folder or os.curdir
        return _stems(folder, os.stat(folder).st_mtime_ns).get(os.path.normcase(stem), 0) <= 1


@lru_cache(maxsize=1)  # photos come folder by folder
def _stems(folder: str, mtime_ns: int) -> dict[str, int]:
    """Count the files of `folder`, as it was at that time, by their name without suffix, sidecars aside."""
    counts: dict[str, int] = {}
    for name in os.listdir(folder):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() != _SUFFIX:
            stem = os.path.normcase(stem)
            counts[stem] = counts.get(stem, 0) + 1
    return counts
