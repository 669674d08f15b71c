"""Photos that were moved into folders back to where they were."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Final

from mobiclass.errors import SetupError
from mobiclass.library.sort_log import LOG_NAME, Entry, History, SortLog, is_plain, path_digest
from mobiclass.library.sorting import COARSEST_TIME_NS, SortSummary
from mobiclass.library.transfer import delete_parts, is_same_content, move_all

_BATCH: Final = 200  # photos whose folders are synced at once


def undo_sorting(into: Path, *, tell: Callable[[str], None] | None = None) -> SortSummary:
    """Put back what was moved into `into`, and remove the folders that were made there, where they are empty.

    Copies and links stay: their photos are where they were.

    Args:
        into: the folder that was sorted into.
        tell: only say what would be done, by this.

    Raises:
        SetupError: there is no log, or another process is sorting.
    """
    if not (into / LOG_NAME).is_file():
        raise SetupError(f"{into}: nothing was sorted into it: it has no log")
    summary = SortSummary()
    with ExitStack() as stack:
        log = None if tell else stack.enter_context(SortLog(into))
        history = stack.enter_context(History(into))
        moves = _moves_back(into, history, summary)
        while batch := list(islice(moves, _BATCH)):
            _put_back(batch, summary, tell)
        if log is None:
            return summary
        for name in history.folders():
            folder = into / name
            if not folder.is_symlink():
                delete_parts(folder)
                with suppress(OSError):  # there is something in it that nobody moved here
                    folder.rmdir()
        if not summary.problems:
            log.path.unlink(missing_ok=True)
    return summary


def _moves_back(into: Path, history: History, summary: SortSummary) -> Iterator[tuple[Path, Entry]]:
    """Give the photos that are to go back, and where they are; the newest first, as a photo may have moved twice."""
    given: set[int] = set()
    for entry in history.newest_first():
        if entry.kind != "move":
            continue
        folder, _, name = entry.target.partition("/")
        if not (is_plain(folder) and is_plain(name) and Path(entry.source).is_absolute()):
            summary.problems.append((entry.target, "the log names a place outside the folder"))
            continue
        place = into / folder / name
        digests = {path_digest(entry.target), path_digest("/" + entry.source)}
        if os.path.lexists(place) and path_digest(entry.target) not in given:
            if (into / folder).is_symlink() or not stat.S_ISREG(place.lstat().st_mode):
                summary.problems.append(
                    (os.fspath(place), "a link, or in a folder that is one; it was not moved there")
                )
                continue
            yield place, entry
        elif os.path.lexists(entry.source):
            _restore_time(entry)
            summary.present += not digests & given
        elif not digests & given:
            summary.problems.append((entry.source, f"neither here nor at {place}"))
        given |= digests


def _put_back(batch: list[tuple[Path, Entry]], summary: SortSummary, tell: Callable[[str], None] | None) -> None:
    pairs = [(place, Path(entry.source)) for place, entry in batch]
    errors = _planned(pairs, tell) if tell else _moved(pairs)
    for (place, source), (_, entry), error in zip(pairs, batch, errors, strict=True):
        if error is None:
            summary.transferred += 1
            if not tell:
                _restore_time(entry)
        elif isinstance(error, FileExistsError):
            summary.problems.append((os.fspath(source), f"there is another file, so {place} stays"))
        else:
            summary.problems.append((os.fspath(source), f"cannot be put back ({error.strerror or error})"))


def _planned(pairs: list[tuple[Path, Path]], tell: Callable[[str], None]) -> list[OSError | None]:
    errors: list[OSError | None] = []
    for place, source in pairs:
        is_taken = os.path.lexists(source) and not is_same_content(place, source)
        errors.append(FileExistsError() if is_taken else None)
        if not is_taken:
            tell(f"{place} -> {source}")
    return errors


def _moved(pairs: list[tuple[Path, Path]]) -> list[OSError | None]:
    for folder in {source.parent for _, source in pairs}:
        with suppress(OSError):  # moving says it too
            folder.mkdir(parents=True, exist_ok=True)
    return move_all(pairs)


def _restore_time(entry: Entry) -> None:
    """Give a photo the time that it had, where it was in a file system that keeps even seconds alone."""
    if entry.mtime_ns is None:
        return
    with suppress(OSError):
        status = os.lstat(entry.source)
        if stat.S_ISREG(status.st_mode) and 0 < abs(status.st_mtime_ns - entry.mtime_ns) <= COARSEST_TIME_NS:
            os.utime(entry.source, ns=(status.st_atime_ns, entry.mtime_ns))
