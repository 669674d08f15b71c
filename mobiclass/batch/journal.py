"""The journal of a batch: result rows as JSON lines that are only ever appended to, so that no crash loses one.

A resumed run appends the rows that it makes anew; of several rows for one path the last counts. Only when a run is
complete is the file put in order, by writing it anew beside and renaming that over it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, NoReturn

from mobiclass._system import open_locked
from mobiclass.batch.journal_index import JournalIndex, parse_row
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import SetupError
from mobiclass.results import Row, json_line, path_bytes

SYNC_SECONDS: Final = 1.0
_READ_BYTES: Final = 4096  # holds most rows


class Journal:
    """An open journal: this process alone writes it, until `close`.

    Attributes:
        path: its file, symbolic links resolved.
    """

    def __init__(self, path: Path, options: RowOptions, *, resume: bool = False, overwrite: bool = False) -> None:
        """Open the journal at `path`: a new one, or with `resume` what an earlier run left, if it left any.

        Raises:
            OptionsError: the rows of the earlier run were made with other `options`.
            SetupError: there is one already, and neither `resume` nor `overwrite` is given; another run is writing
                it; it is no journal; or it cannot be written.
        """
        self.path = Path(os.path.realpath(path))
        self._descriptor = _open_locked(self.path)
        self._order = array("q")
        self._synced = time.monotonic()
        try:
            if os.fstat(self._descriptor).st_size and not (resume or overwrite):
                raise SetupError(
                    f"{path}: there are results already: --resume continues them, --overwrite replaces them"
                )
            if overwrite and not resume:
                os.ftruncate(self._descriptor, 0)
            with open(self._descriptor, "rb", closefd=False) as file:
                self._index = JournalIndex(file, str(path))
            options.check_earlier(self._index.options_sha256s, str(path))
            # A row that a crash cut short is removed.
            os.ftruncate(self._descriptor, self._index.end)
        except OSError as error:
            os.close(self._descriptor)
            raise self._failure(error) from error
        except BaseException:
            os.close(self._descriptor)
            raise
        self._end = self._synced_end = self._index.end
        self._lines = self._index.lines

    def finished_row(
        self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]
    ) -> tuple[int, Row] | None:
        """Find an earlier run's row for the file `path`, if neither the file has changed since nor the models.

        Returns:
            The row and its position, for `reuse`; ``None`` where there is none, or only one with an error.
        """
        if not self._index.lines:
            return None
        name = os.fsencode(path)
        for offset in self._index.offsets(name):
            row = parse_row(self._line(offset))
            if row is None or path_bytes(row) != name:
                continue  # another path with the same hash
            same_file = (row.get("bytes"), row.get("mtime_ns")) == (size, mtime_ns)
            same_model = row.get("model_sha256") in model_sha256s
            return (offset, row) if same_file and same_model and row["error"] is None else None
        return None

    def reuse(self, offset: int) -> None:
        """Make the earlier run's row at `offset` the next of this run."""
        self._order.append(offset)

    def write(self, row: Row) -> None:
        """Append `row`: the operating system has it at once, the disk within `SYNC_SECONDS`.

        Raises:
            SetupError: it cannot be written; the rows before it stay intact.
        """
        line = json_line(row).encode("utf-8")
        try:
            _write_all(self._descriptor, line)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)  # no half row stays behind
            raise self._failure(error) from error
        self._order.append(self._end)
        self._end += len(line)
        self._lines += 1
        self.idle()

    def idle(self) -> None:
        """Sync what was written to the disk, if it has waited for `SYNC_SECONDS`; called often while no row comes.

        Raises:
            SetupError: it cannot be written.
        """
        if self._end == self._synced_end or time.monotonic() - self._synced < SYNC_SECONDS:
            return
        try:
            self._sync()
        except OSError as error:
            raise self._failure(error) from error

    def finish(self) -> int:
        """Reduce the file to the rows of this run, in order.

        If an earlier run had rows of files that are not among this one's (of an archive that is not mounted now,
        perhaps), the file as it was is kept as `backup_path`.

        Returns:
            The number of those files.

        Raises:
            SetupError: it cannot be written; all rows are still in the journal.
        """
        left_out = 0
        try:
            if os.fstat(self._descriptor).st_size != self._end:
                raise self._changed()
            in_order = len(self._order) == self._lines and all(a < b for a, b in pairwise(self._order))
            if not in_order:
                left_out = self._index.count_others(path_bytes(row) for row in self.rows())
                if left_out:
                    self._back_up()
                self._rewrite()
            self._sync()
        except OSError as error:
            raise self._failure(error) from error
        return left_out

    @property
    def backup_path(self) -> Path:
        """Where `finish` keeps the file as it was."""
        return self.path.with_name(f"{self.path.name}.bak")

    def rows(self) -> Iterator[Row]:
        """Read the rows of this run, in order.

        Raises:
            SetupError: they cannot be read back.
        """
        for offset in self._order:
            try:
                row = parse_row(self._line(offset))
            except OSError as error:
                raise SetupError(f"{self.path}: the results cannot be read back ({error.strerror})") from error
            if row is None:
                raise self._changed()
            yield row

    def close(self) -> None:
        """Close the file, which releases the lock."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)

    def _line(self, offset: int) -> bytes:
        line = b""
        while b"\n" not in line:
            block = os.pread(self._descriptor, max(_READ_BYTES, len(line)), offset + len(line))
            if not block:
                break
            line += block
        return line.partition(b"\n")[0]

    def _sync(self) -> None:
        if os.fstat(self._descriptor).st_nlink == 0:
            raise SetupError(f"{self.path}: the file was removed while results were written to it: they are lost")
        os.fsync(self._descriptor)
        self._synced, self._synced_end = time.monotonic(), self._end

    def _back_up(self) -> None:
        self.backup_path.unlink(missing_ok=True)
        try:
            os.link(self.path, self.backup_path)
        except OSError:  # a memory card's file system has no links
            shutil.copyfile(self.path, self.backup_path)

    def _rewrite(self) -> None:
        # One name for all runs: what a crash has left of it here is cleared away. It is ours, as the journal is.
        beside = self.path.with_name(f".{self.path.name}.new")
        beside.unlink(missing_ok=True)
        # Locked before it gets its name, so that there is no moment at which another run could take it.
        descriptor = _open_locked(beside)
        try:
            with contextlib.suppress(OSError):  # a memory card's file system keeps no modes, and says so
                os.fchmod(descriptor, stat.S_IMODE(os.fstat(self._descriptor).st_mode))
            order = array("q")
            end = 0
            for offset in self._order:
                line = self._line(offset) + b"\n"
                _write_all(descriptor, line)
                order.append(end)
                end += len(line)
            os.fsync(descriptor)
            os.replace(beside, self.path)  # noqa: PTH105 - no gain in Path.replace()
        except BaseException:
            os.close(descriptor)
            beside.unlink(missing_ok=True)
            raise
        os.close(self._descriptor)
        self._descriptor, self._order, self._end, self._lines = descriptor, order, end, len(order)

    def _changed(self) -> SetupError:
        return SetupError(f"{self.path}: another program has changed the results; --resume repairs them")

    def _failure(self, error: OSError) -> SetupError:
        return SetupError(
            f"{self.path}: the results cannot be written ({error.strerror}); those written so far are kept, and "
            "--resume continues them"
        )


def _open_locked(path: Path) -> int:
    """Open `path` to read and append, created if need be, for this run alone; return its descriptor."""

    def taken() -> NoReturn:
        raise SetupError(f"{path}: another run is writing these results; wait for it, or write to another file")

    try:
        return open_locked(
            path,
            flags=getattr(os, "O_NONBLOCK", 0),  # a pipe is not waited for
            taken=taken,
            not_regular=SetupError(f"{path}: not a regular file; results need one"),
        )
    except OSError as error:
        raise SetupError(f"{path}: the results cannot be written there ({error.strerror})") from error


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
