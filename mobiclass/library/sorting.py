"""Photos into folders by their answers: ``DIR/<label>/<name>``.

A run that was interrupted is completed by running it again, and a run that is complete changes nothing, also after
rows were added: a photo that is in its folder stays there under the name that it has.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from mobiclass.errors import SetupError
from mobiclass.library.answers import is_same_file
from mobiclass.library.folders import FolderOf
from mobiclass.library.placing import Placed, Placing, ReadRows, real_folder
from mobiclass.library.sort_log import Entry, History, SortLog
from mobiclass.library.transfer import (
    copy,
    delete_parts,
    is_fatal,
    is_one_name,
    is_same_content,
    is_twin,
    link,
    move_all,
    sync_folder,
)

Mode: TypeAlias = Literal["copy", "link", "move"]

_BATCH: Final = 200  # moves that are logged and synced at once, before the first of them is made
COARSEST_TIME_NS: Final = 2 * 10**9
"""How far a time may be from what it was set to, on FAT."""


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


class _Unsortable(Exception):
    """A photo cannot be sorted, for this reason."""


class Sorter:
    """One run of sorting into one folder."""

    def __init__(
        self,
        into: Path,
        mode: Mode,
        folder_of: FolderOf,
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
        self._tell = tell
        self._placing = Placing(folder_of, root=root, min_score=min_score, top=top, locate=self._locate)

    def run(self, read: ReadRows) -> SortSummary:
        """Sort the photos of the rows that `read` gives, each time it is called.

        Raises:
            SetupError: rows cannot be read, or the folder cannot be written; what was done before is logged.
        """
        self._summary = SortSummary()
        self._real_into = Path(os.path.realpath(self._into))
        with ExitStack() as stack:
            log = None if self._tell else stack.enter_context(self._open_log())
            self._history = stack.enter_context(History(self._into))
            for source, target in self._steps(read):
                if log is None:
                    self._plan_one(source, target)
                else:
                    self._enqueue(source, target, log)
            if log is not None:
                self._finish(log)
        self._summary.left_out = self._placing.left_out
        return self._summary

    def _open_log(self) -> SortLog:
        self._waiting: list[tuple[Path, Path]] = []
        self._made: set[str] = set()
        try:
            self._into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{self._into}: the folder cannot be made ({error.strerror})") from error
        log = SortLog(self._into)
        with History(self._into) as history:
            for name in history.folders():
                delete_parts(self._into / name)
        return log

    def _locate(self, source: Path) -> Path:
        """Say where a photo is, which an earlier run may have moved."""
        earlier = self._history.of(os.fspath(source))
        if earlier and earlier.kind == "move" and not os.path.lexists(source):
            return self._into / earlier.target
        return source

    def _steps(self, read: ReadRows) -> Iterator[tuple[Path, Path]]:
        """Give the photos that are not in their places, with those places."""
        for placed in self._placing.photos(read):
            try:
                target = self._target(placed)
            except _Unsortable as problem:
                self._summary.problems.append((os.fspath(placed.source), str(problem)))
                continue
            except OSError as error:
                reason = f"cannot be sorted ({error.strerror or error})"
                self._summary.problems.append((os.fspath(placed.source), reason))
                continue
            self._summary.folders[placed.folder] += 1
            if target is None:
                self._summary.present += 1
            else:
                yield placed.source, target

    def _target(self, placed: Placed) -> Path | None:
        """Give the place for a photo; ``None`` where it is in its folder already."""
        folder = self._into / placed.folder
        earlier = self._history.of(os.fspath(placed.source))
        logged = self._into / earlier.target if earlier else None
        try:
            status = placed.source.stat()
        except OSError as error:
            self._expect_moved(placed, logged if earlier and earlier.kind == "move" else None, error)
            return None
        self._check(placed, status)
        if real_folder(placed.source.parent) == self._real_into / placed.folder:
            return None
        if logged and os.path.lexists(logged):
            is_here = logged.parent == folder
            if is_here and self._is_there(placed.source, logged, is_logged=True):
                return None
            if self._mode == "move" and is_twin(placed.source, logged):  # it was interrupted between two names
                if is_here:
                    return logged
                if earlier and earlier.kind == "move":
                    raise _Unsortable(f"an earlier run was moving it to {logged}; complete that one, or use --undo")
        for name in (placed.name, placed.marked_name):
            target = folder / name
            if not os.path.lexists(target):
                return target
            if self._is_there(placed.source, target, is_logged=False):
                return None
        raise _Unsortable(f"there is another file at {target}")

    def _expect_moved(self, placed: Placed, logged: Path | None, error: OSError) -> None:
        """Check that a photo that is not where it was is in its place."""
        folder = self._into / placed.folder
        if logged and os.path.lexists(logged):
            if self._mode == "move" and logged.parent == folder:
                return
            raise _Unsortable(f"an earlier run has moved it to {logged}; --undo puts it back")
        if self._mode == "move":
            for name in (placed.name, placed.marked_name):
                with suppress(OSError):
                    if is_same_file(placed.row, (folder / name).lstat()):
                        return
        raise _Unsortable(f"the photo cannot be read ({error.strerror or error})")

    def _check(self, placed: Placed, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise _Unsortable("not a file")
        if self._mode != "move":
            return
        if placed.source.is_symlink():
            raise _Unsortable("a symbolic link, which may lead nowhere from another folder; use --copy or --link")
        match is_same_file(placed.row, status):
            case None:
                raise _Unsortable(
                    "its row does not say how large and how old it was; only --copy and --link can sort it"
                )
            case False:
                raise _Unsortable("it has changed since it was classified; classify it again")

    def _is_there(self, source: Path, target: Path, *, is_logged: bool) -> bool:
        """Whether `target` is what this run would make of the photo. For a move, its name at `source` must be gone."""
        if self._mode == "move":
            return is_one_name(source, target)
        if self._mode == "link":
            return target.exists() and source.samefile(target)
        one, other = source.stat(), target.lstat()
        if not stat.S_ISREG(other.st_mode) or one.st_size != other.st_size:
            return False
        same_time = abs(one.st_mtime_ns - other.st_mtime_ns) <= COARSEST_TIME_NS
        return (is_logged or same_time) and is_same_content(source, target)

    def _plan_one(self, source: Path, target: Path) -> None:
        assert self._tell
        self._summary.transferred += 1
        self._tell(f"{source} -> {target}")

    def _enqueue(self, source: Path, target: Path, log: SortLog) -> None:
        if target.parent.name not in self._made:
            self._make_folder(target.parent, log)
            self._made.add(target.parent.name)
        self._waiting.append((source, target))
        if len(self._waiting) >= _BATCH:
            self._finish(log)

    def _make_folder(self, folder: Path, log: SortLog) -> None:
        try:
            if os.path.lexists(folder):
                if not stat.S_ISDIR(folder.lstat().st_mode):
                    raise SetupError(f"{folder}: not a folder of its own; remove it, or sort into another folder")
                return
            log.write([Entry("folder", folder.name)], sync=False)
            folder.mkdir()
            if self._mode == "move":
                sync_folder(self._into)
        except OSError as error:
            raise SetupError(f"{folder}: the folder cannot be made ({error.strerror})") from error

    def _finish(self, log: SortLog) -> None:
        """Log what waits, and only then do it."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if self._mode == "move":
            log.write([self._entry(*each, mtime_ns=_mtime_ns(each[0])) for each in waiting], sync=True)
            for (source, target), error in zip(waiting, move_all(waiting), strict=True):
                self._count(source, target, error)
            return
        log.write([self._entry(*each) for each in waiting], sync=False)
        for source, target in waiting:
            error = None
            try:
                if self._mode == "copy":
                    copy(source, target)
                else:
                    self._summary.symbolic += link(source, target) == "symbolic"
            except OSError as found:
                error = found
            self._count(source, target, error)

    def _entry(self, source: Path, target: Path, mtime_ns: int | None = None) -> Entry:
        return Entry(self._mode, f"{target.parent.name}/{target.name}", os.fspath(source), mtime_ns)

    def _count(self, source: Path, target: Path, error: OSError | None) -> None:
        if error is None:
            self._summary.transferred += 1
        elif isinstance(error, FileExistsError):
            self._fail(source, target, f"there is another file at {target}")
        elif is_fatal(error) or not os.access(self._into, os.W_OK):
            place = error.filename or target
            raise SetupError(
                f"{place}: cannot be written ({error.strerror}); run the same command again to complete it"
            ) from error
        else:
            self._fail(source, target, f"cannot be sorted ({error.strerror or error})")

    def _fail(self, source: Path, target: Path, reason: str) -> None:
        self._summary.folders[target.parent.name] -= 1
        self._summary.problems.append((os.fspath(source), reason))


def _mtime_ns(photo: Path) -> int | None:
    try:
        return photo.stat().st_mtime_ns
    except OSError:  # it has gone meanwhile, which moving it will say
        return None
