"""Photos in class folders through a batch, with the truth put into each row and counted on its way.

The engine is `mobiclass.batch`'s: here are the sinks that its rows go into. Nothing is matched here and nothing shown.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mobiclass.batch import PredictionOptions, RowSink
from mobiclass.errors import SetupError
from mobiclass.evaluation.comparison import Comparison
from mobiclass.evaluation.dataset import ClassFolders
from mobiclass.evaluation.metrics import TOP, Tally
from mobiclass.evaluation.truth import Truth
from mobiclass.results import Row, is_mistake, json_line, path_bytes


def evaluation_options(*, allow_truncated: bool) -> PredictionOptions:
    """Give the options of a batch that is to be counted: enough predictions, none dropped, the time of each."""
    return PredictionOptions(top_k=TOP, threshold=0.0, allow_truncated=allow_truncated, timing=True)


class PhotoTruth:
    """What a photo shows, by the folder that it is in."""

    def __init__(self, folders: ClassFolders, truth: Truth) -> None:
        """Take the photos in `folders`, which `truth` knows."""
        self._name_of = folders.name_of
        self._fields = {name: truth.field(name) for name in truth.indices}
        self._unseen = set(self._fields)

    def field(self, path: str) -> dict[str, Any]:
        """Give the field ``truth`` of the photo at `path`; rows share it and must not change it."""
        folder = self._name_of(path)
        self._unseen.discard(folder)
        return self._fields[folder]

    @property
    def folders_without_photos(self) -> list[str]:
        """The class folders of which no photo was asked for, sorted."""
        return sorted(self._unseen)


class CountedRows:
    """Puts the truth into each row, counts it, and hands it on."""

    def __init__(self, rows: RowSink, truth: PhotoTruth, tally: Tally) -> None:
        """Count in `tally`, and hand on to `rows`."""
        self._rows = rows
        self._truth = truth
        self._tally = tally
        self._earlier: dict[int, Row] = {}

    def finished_row(
        self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]
    ) -> tuple[int, Row] | None:
        """Find the row of an earlier run that still holds: one with another truth does not."""
        earlier = self._rows.finished_row(path, size, mtime_ns, model_sha256s)
        if earlier is None or earlier[1].get("truth") != self._truth.field(path):
            return None
        self._earlier[earlier[0]] = earlier[1]
        return earlier

    def keep(self, offset: int) -> None:
        """Count the earlier run's row at that place."""
        self._tally.add(self._earlier.pop(offset))
        self._rows.keep(offset)

    def write(self, row: Row) -> None:
        """Count a new row."""
        row["truth"] = self._truth.field(os.fsdecode(path_bytes(row)))
        self._tally.add(row)
        self._rows.write(row)

    def idle(self) -> None:
        """Do what is due."""
        self._rows.idle()


class NoRows:
    """Keeps no row: they have been counted."""

    def __enter__(self) -> NoRows:
        """Be closed at the end of a block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close nothing."""

    def finished_row(self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]) -> None:
        """Know of no earlier run."""

    def keep(self, offset: int) -> None:
        """Never be asked to: there is no earlier run."""
        raise AssertionError("there are no earlier rows")

    def write(self, row: Row) -> None:
        """Let the row go."""

    def idle(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Have nothing to say."""

    def rows(self) -> Iterator[Row]:
        """Give nothing."""
        return iter(())


class ComparedRows(NoRows):
    """Counts each row of a second model together with the first model's row of the same photo."""

    def __init__(self, first_rows: Iterator[Row], comparison: Comparison) -> None:
        """Take the other rows from `first_rows`, and count in `comparison`."""
        self._first_rows = first_rows
        self._comparison = comparison

    def write(self, row: Row) -> None:
        """Count a row.

        Raises:
            SetupError: it is not of the photo whose turn it is: somebody has added or removed photos.
        """
        first = next(self._first_rows, None)
        if first is None or path_bytes(first) != path_bytes(row):
            raise SetupError(
                f"{row['path']}: photos were added or removed while they were evaluated, so the two models saw "
                "different ones; run it again"
            )
        self._comparison.add(first, row)


class TemporaryRows(NoRows):
    """Keeps the rows in a file without a name, which is gone with the process: for those who look at them twice."""

    def __init__(self, folder: Path | None = None) -> None:
        """Make the file in `folder`, by default the system's folder for temporary files.

        Raises:
            SetupError: it cannot be made.
        """
        try:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115 - closed on exit
        except OSError as error:
            raise _cannot_keep(error) from error

    def __enter__(self) -> TemporaryRows:
        """Be closed at the end of a block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the file up."""
        try:
            self._file.close()
        except OSError:  # what was still to be written is not wanted any more
            return

    def write(self, row: Row) -> None:
        """Keep `row`.

        Raises:
            SetupError: it cannot be written.
        """
        try:
            self._file.write(json_line(row))
        except OSError as error:
            raise _cannot_keep(error) from error

    def rows(self) -> Iterator[Row]:
        """Read the rows again, in order; one reader at a time."""
        try:
            self._file.seek(0)
            for line in self._file:
                yield json.loads(line)
        except OSError as error:
            raise _cannot_keep(error) from error


def _cannot_keep(error: OSError) -> SetupError:
    return SetupError(
        f"the rows cannot be kept in a temporary file ({error.strerror or error}): set TMPDIR to a folder with room, "
        "or give --predictions FILE.jsonl"
    )


def mistakes_first(rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """Give the rows that are wrong, then all others, both in their order; `rows` gives them anew at each call."""
    yield from filter(is_mistake, rows())
    yield from (row for row in rows() if not is_mistake(row))
