"""Photos into folders by their answers: ``DIR/<label>/<name>``.

Where a photo goes depends on the rows alone, not on their order or on what an earlier run has done, so a run that was
interrupted is completed by running it again, and a run that is complete changes nothing. Two photos of one name in one
folder both get a mark made of their paths.
"""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from mobiclass.errors import SetupError
from mobiclass.library.answers import Answer, answer, is_same_file, photo_path
from mobiclass.library.names import marked_name, safe_name
from mobiclass.library.sort_log import LOG_NAME, Entry, SortLog
from mobiclass.library.transfer import copy, delete_parts, is_same_content, link, move
from mobiclass.results import Row

Mode: TypeAlias = Literal["copy", "link", "move"]

UNKNOWN_FOLDER: Final = "unknown"
ERRORS_FOLDER: Final = "errors"

_FATAL: Final = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}
_BATCH: Final = 200  # moves that are logged and synced at once, before the first of them is made


class Placed(NamedTuple):
    """One photo, and the folder and name that it is to have; the name may be another photo's too."""

    source: Path
    folder: str
    name: str
    row: Row


@dataclass(slots=True)
class SortSummary:
    """What was done.

    Attributes:
        folders: how many photos are in each folder, by its name.
        transferred: how many were copied, linked or moved now.
        present: how many were there already.
        left_out: those below the least score, or not among the best of their label.
        problems: photos that could not be sorted, with the reason.
        symbolic: how many links are symbolic.
    """

    folders: Counter[str] = field(default_factory=Counter)
    transferred: int = 0
    present: int = 0
    left_out: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    symbolic: int = 0


class Sorter:
    """One run of sorting into one folder."""

    def __init__(
        self,
        into: Path,
        mode: Mode,
        folder_of: Callable[[Row, Answer, Path], str],
        *,
        root: Path | None = None,
        min_score: float = 0.0,
        top: int | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            into: the folder; it is made if need be.
            mode: whether photos are copied, linked or moved.
            folder_of: names the folder of a photo that has an answer, as text of any kind.
            root: the folder that relative paths in rows start in; by default the current one.
            min_score: answers with a lower score leave their photos where they are.
            top: so many of each folder are taken, those with the highest scores.
            tell: only say what would be done, by this.
        """
        self._into = into
        self._mode: Mode = mode
        self._folder_of = folder_of
        self._root = root
        self._min_score = min_score
        self._top = top
        self._tell = tell
        self._summary = SortSummary()
        self._moves: set[bytes] = set()

    def run(self, read: Callable[[], Iterable[Row]]) -> SortSummary:
        """Sort the photos of the rows that `read` gives, each time it is called.

        Raises:
            SetupError: rows cannot be read, or the folder cannot be written; what was done before is logged.
        """
        self._summary = SortSummary()
        taken_names = self._taken_names(read)
        self._summary = SortSummary()
        placed = (self._with_mark(each, taken_names) for each in self._placed(read))
        if self._tell:
            for source, target, _ in placed:
                self._summary.folders[target.parent.name] += 1
                self._tell(f"{source} -> {target}")
            return self._summary
        try:
            self._into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{self._into}: the folder cannot be made ({error.strerror})") from error
        with SortLog(self._into) as log:
            self._transfer(placed, log)
        return self._summary

    def _placed(self, read: Callable[[], Iterable[Row]]) -> Iterator[Placed]:
        """Give each photo once, with the folder and the name that it is to have."""
        rows = self._best(read) if self._top else read()
        seen: set[bytes] = set()
        for row in rows:
            source = Path(os.path.normpath(photo_path(row, self._root).absolute()))
            key = blake2b(os.fsencode(source), digest_size=8).digest()
            if key in seen:
                continue
            seen.add(key)
            if row["error"]:
                yield Placed(source, ERRORS_FOLDER, safe_name(source.name), row)
                continue
            found = answer(row)
            if found.score < self._min_score:
                self._summary.left_out += 1
                continue
            yield Placed(source, self._folder(row, found, source), safe_name(source.name), row)

    def _folder(self, row: Row, found: Answer, source: Path) -> str:
        if found.kind == "unknown":
            return UNKNOWN_FOLDER
        text = self._folder_of(row, found, source)
        name = safe_name(text)
        # A label of that name must not be taken for what it is not.
        return marked_name(name, text) if name.casefold() in (UNKNOWN_FOLDER, ERRORS_FOLDER) else name

    def _best(self, read: Callable[[], Iterable[Row]]) -> Iterator[Row]:
        """Give the rows with the highest scores of each folder, and those with an error."""
        assert self._top is not None
        order = count()
        best: dict[str, list[tuple[float, int, Row]]] = {}
        errors = []
        total = 0
        for row in read():
            if row["error"]:
                errors.append(row)
                continue
            total += 1
            found = answer(row)
            folder = self._folder(row, found, photo_path(row, self._root))
            heap = best.setdefault(folder, [])
            entry = (found.score, -next(order), row)
            (heapq.heappush if len(heap) < self._top else heapq.heappushpop)(heap, entry)
        self._summary.left_out += total - sum(map(len, best.values()))
        yield from errors
        for heap in best.values():
            yield from (row for *_, row in sorted(heap, key=lambda entry: entry[:2], reverse=True))

    def _taken_names(self, read: Callable[[], Iterable[Row]]) -> set[int]:
        """Find the places that several photos are to have, by a digest: 8 bytes a photo while it is looked for.

        Names that differ in nothing but case are one here, as some file systems do not tell them apart.
        """
        digests = np.fromiter((_place_digest(each) for each in self._placed(read)), np.uint64)
        digests.sort()
        return set(digests[1:][digests[1:] == digests[:-1]].tolist())

    def _with_mark(self, placed: Placed, taken: set[int]) -> tuple[Path, Path, Row]:
        name = placed.name
        if _place_digest(placed) in taken:
            name = marked_name(name, os.fspath(placed.source))
        return placed.source, self._into / placed.folder / name, placed.row

    def _transfer(self, placed: Iterator[tuple[Path, Path, Row]], log: SortLog) -> None:
        self._moves = set()
        for entry in log.entries():
            if entry.kind == "folder":
                delete_parts(self._into / Path(entry.target).name)
            elif entry.kind == "move" and self._mode == "move":
                self._moves.add(_move_digest(self._into / entry.target, entry.source))
        folders: set[str] = set()
        waiting: list[tuple[Path, Path]] = []
        for source, first_choice, row in placed:
            target = self._target(source, first_choice, row)
            if problem := self._problem(source, target, row):
                self._summary.problems.append((os.fspath(source), problem))
                continue
            self._summary.folders[target.parent.name] += 1
            if self._is_there(source, target):
                self._summary.present += 1
                continue
            if target.parent.name not in folders:
                self._make_folder(target.parent, log)
                folders.add(target.parent.name)
            waiting.append((source, target))
            if len(waiting) >= _BATCH:
                self._finish(waiting, log)
        self._finish(waiting, log)

    def _target(self, source: Path, target: Path, row: Row) -> Path:
        """Give a photo a name with a mark where an earlier run, of other rows, has put another photo at `target`."""
        if not os.path.lexists(target):
            return target
        try:
            if self._mode == "move":
                is_ours = _move_digest(target, os.fspath(source)) in self._moves
            else:
                is_ours = self._is_there(source, target)
        except OSError:  # there is no photo any more
            is_ours = False
        return target if is_ours else target.with_name(marked_name(target.name, os.fspath(source)))

    def _problem(self, source: Path, target: Path, row: Row) -> str | None:
        """Say why a photo cannot be sorted; ``None`` where it can, or where it is in its place already."""
        try:
            status = source.stat()
        except OSError as error:
            if self._mode == "move" and _matches(target, row):
                return None
            return f"the photo cannot be read ({error.strerror or error})"
        if not stat.S_ISREG(status.st_mode):
            return "not a file"
        if self._mode == "move":
            match is_same_file(row, status):
                case None:
                    return "its row does not say how large and how old it was; only --copy and --link can sort it"
                case False:
                    return "it has changed since it was classified; classify it again"
        return None

    def _is_there(self, source: Path, target: Path) -> bool:
        """Whether a photo is in its place. A move that was interrupted between two names is not."""
        if not os.path.lexists(target):
            return False
        if self._mode == "move":
            return not os.path.lexists(source)
        if self._mode == "link":
            return target.exists() and source.samefile(target)
        one, other = source.stat(), target.stat()
        return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns) and is_same_content(source, target)

    def _make_folder(self, folder: Path, log: SortLog) -> None:
        try:
            if os.path.lexists(folder):
                if not stat.S_ISDIR(folder.lstat().st_mode):
                    raise SetupError(f"{folder}: not a folder of its own; remove it, or sort into another folder")
                return
            log.write([Entry("folder", folder.name)], sync=False)
            folder.mkdir()
        except OSError as error:
            raise SetupError(f"{folder}: the folder cannot be made ({error.strerror})") from error

    def _finish(self, waiting: list[tuple[Path, Path]], log: SortLog) -> None:
        """Log what waits, and only then do it."""
        entries = [
            Entry(self._mode, f"{target.parent.name}/{target.name}", os.fspath(source)) for source, target in waiting
        ]
        if entries:
            log.write(entries, sync=self._mode == "move")
        for source, target in waiting:
            self._one(source, target)
        waiting.clear()

    def _one(self, source: Path, target: Path) -> None:
        try:
            if self._mode == "copy":
                copy(source, target)
            elif self._mode == "link":
                self._summary.symbolic += link(source, target) == "symbolic"
            else:
                move(source, target)
        except FileExistsError:
            self._summary.problems.append((os.fspath(source), f"there is another file at {target}"))
        except OSError as error:
            if not os.access(self._into, os.W_OK) or error.errno in _FATAL:
                raise SetupError(
                    f"{target}: cannot be written ({error.strerror}); run the same command again to complete it"
                ) from error
            self._summary.problems.append((os.fspath(source), f"cannot be sorted ({error.strerror or error})"))
        else:
            self._summary.transferred += 1


def _move_digest(target: Path, source: str) -> bytes:
    return blake2b(os.fsencode(target) + b"\0" + os.fsencode(source), digest_size=8).digest()


def _matches(target: Path, row: Row) -> bool:
    try:
        return is_same_file(row, target.lstat()) is True
    except OSError:
        return False


def _place_digest(placed: Placed) -> int:
    place = f"{placed.folder}/{placed.name}".casefold().encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(place, digest_size=8).digest(), "big")


def undo_sorting(into: Path) -> SortSummary:
    """Put back what was moved into `into`, and remove the folders that were made there, where they are empty.

    Copies and links stay: their photos are where they were.

    Raises:
        SetupError: there is no log, or another process is sorting.
    """
    summary = SortSummary()
    if not (into / LOG_NAME).is_file():
        raise SetupError(f"{into}: nothing was sorted into it: it has no log")
    with SortLog(into) as log:
        moved = {entry.target: entry.source for entry in log.entries() if entry.kind == "move"}
        folders = [entry.target for entry in log.entries() if entry.kind == "folder"]
        for target, source in moved.items():
            _put_back(into, target, Path(source), summary)
        for name in reversed(folders):
            folder = into / Path(name).name
            if not folder.is_symlink():
                try:
                    folder.rmdir()
                except OSError:
                    continue  # there is something in it that nobody moved here
        if not summary.problems:
            log.path.unlink(missing_ok=True)
    return summary


def _put_back(into: Path, target: str, source: Path, summary: SortSummary) -> None:
    parts = Path(target).parts
    place = into.joinpath(*parts)
    if len(parts) != 2 or ".." in parts or place.parent.is_symlink() or not source.is_absolute():
        summary.problems.append((target, "the log names a place outside the folder"))
        return
    if not os.path.lexists(place):
        if os.path.lexists(source):
            summary.present += 1
        else:
            summary.problems.append((os.fspath(source), f"neither here nor at {place}"))
        return
    try:
        source.parent.mkdir(parents=True, exist_ok=True)
        move(place, source)
    except FileExistsError:
        summary.problems.append((os.fspath(source), f"there is another file, so {place} stays"))
    except OSError as error:
        summary.problems.append((os.fspath(source), f"cannot be put back ({error.strerror or error})"))
    else:
        summary.transferred += 1
