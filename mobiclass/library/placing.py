"""Which folder and name each photo is to have: it depends on the rows alone, not on their order or on earlier runs."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from mobiclass.library.answers import Answer, answer, photo_path
from mobiclass.library.folders import FolderOf
from mobiclass.library.names import marked_name, safe_name
from mobiclass.results import Row

UNKNOWN_FOLDER: Final = "unknown"
ERRORS_FOLDER: Final = "errors"

ReadRows = Callable[[], Iterable[Row]]
"""Gives the rows from the first one, each time it is called."""


class Placed(NamedTuple):
    """One photo, the folder that it is to be in, its name there, and the name if that one is another photo's."""

    source: Path
    folder: str
    name: str
    row: Row

    @property
    def marked_name(self) -> str:
        return marked_name(self.name, os.fspath(self.source))


class Placing:
    """The folders and names of the photos of some rows."""

    def __init__(
        self,
        folder_of: FolderOf,
        *,
        root: Path | None = None,
        min_score: float = 0.0,
        top: int | None = None,
        locate: Callable[[Path], Path] = lambda source: source,
    ) -> None:
        """Prepare for rows.

        Args:
            folder_of: names the folder of a photo that has an answer, as text of any kind.
            root: the folder that relative paths in rows start in; by default the current one.
            min_score: photos whose answers have a lower score are left out.
            top: so many photos of each folder are taken, those with the highest scores.
            locate: says where a photo is now.
        """
        self._folder_of = folder_of
        self._root = root
        self._min_score = min_score
        self._top = top
        self._locate = locate
        self.left_out = 0
        """The photos that have been left out so far."""

    def photos(self, read: ReadRows) -> Iterator[Placed]:
        """Give each photo once; those of one name in one folder all get marks made of their paths."""
        shared = self._shared_places(read)
        self.left_out = 0
        for placed in self._choose(read):
            yield placed._replace(name=placed.marked_name) if _place_digest(placed) in shared else placed

    def _shared_places(self, read: ReadRows) -> set[int]:
        """Find the places that several photos are to have, by a digest: 8 bytes a photo while it is looked for.

        Names that differ in nothing but case are one here, as some file systems do not tell them apart.
        """
        digests = np.fromiter((_place_digest(each) for each in self._choose(read)), np.uint64)
        digests.sort()
        return set(digests[1:][digests[1:] == digests[:-1]].tolist())

    def _choose(self, read: ReadRows) -> Iterator[Placed]:
        if self._top is None:
            for source, row in self._photos(read):
                yield self._place(source, row)
            return
        # The path decides between equal scores, so that the order of rows does not.
        best: dict[str, list[tuple[float, int, Placed]]] = {}
        for source, row in self._photos(read):
            placed = self._place(source, row)
            if row["error"]:
                yield placed
                continue
            placed = placed._replace(row={name: row.get(name) for name in ("bytes", "mtime_ns")})  # many are kept
            heap = best.setdefault(placed.folder, [])
            entry = (answer(row).score, _digest(os.fsencode(source)), placed)
            if len(heap) < self._top:
                heapq.heappush(heap, entry)
            else:
                heapq.heappushpop(heap, entry)
                self.left_out += 1
        for heap in best.values():
            yield from (placed for *_, placed in sorted(heap, key=lambda entry: entry[:2], reverse=True))

    def _photos(self, read: ReadRows) -> Iterator[tuple[Path, Row]]:
        """Give each photo with its first row, without those whose score is too low."""
        seen: set[int] = set()
        for row in read():
            source = photo_path(row, self._root).absolute()
            if ".." in source.parts:
                source = real_folder(source.parent) / source.name
            key = _digest(os.fsencode(source))
            if key in seen:
                continue
            seen.add(key)
            if not row["error"] and answer(row).score < self._min_score:
                self.left_out += 1
                continue
            yield source, row

    def _place(self, source: Path, row: Row) -> Placed:
        folder = ERRORS_FOLDER if row["error"] else self._folder(source, row, answer(row))
        return Placed(source, folder, safe_name(source.name), row)

    def _folder(self, source: Path, row: Row, found: Answer) -> str:
        if found.kind == "unknown":
            return UNKNOWN_FOLDER
        text = self._folder_of(row, found, lambda: self._locate(source))
        name = safe_name(text)
        # A label of that name must not be taken for what it is not.
        return marked_name(name, text) if name.casefold() in (UNKNOWN_FOLDER, ERRORS_FOLDER) else name


@lru_cache(1000)
def real_folder(folder: Path) -> Path:
    """Resolve links to folders and ``..``, which after such a link does not lead back to where that is."""
    return Path(os.path.realpath(folder))


def _place_digest(placed: Placed) -> int:
    return _digest(f"{placed.folder}/{placed.name}".casefold().encode("utf-8", "surrogateescape"))


def _digest(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")
