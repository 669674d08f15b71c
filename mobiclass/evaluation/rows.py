"""Rows of photos whose class is known: their truth, and going through them a second time."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mobiclass.errors import SetupError
from mobiclass.evaluation.comparison import Comparison
from mobiclass.evaluation.labelled_photos import Photos
from mobiclass.evaluation.truth import Truth
from mobiclass.results import Row, is_mistake, json_line, path_bytes


class PhotoTruth:
    """The true class of a photo, by the name of its folder or its label in a table."""

    def __init__(self, photos: Photos, truth: Truth) -> None:
        self._name_of = photos.name_of
        self._fields = {name: {"truth": truth.field(name)} for name in truth.names}
        self._unseen = set(self._fields)

    def fields(self, path: str) -> dict[str, Any]:
        """Return the field ``truth`` of the row of the photo at `path`; rows share it and must not change it."""
        name = self._name_of(path)
        self._unseen.discard(name)
        return self._fields[name]

    @property
    def names_without_photos(self) -> list[str]:
        """The names of which no photo was asked for, sorted."""
        return sorted(self._unseen)


def pair_rows(first_rows: Iterator[Row], comparison: Comparison) -> Callable[[Row], None]:
    """Return a function that counts each row of a second model in `comparison`, with the first model's next row.

    It raises a `SetupError` if the two are not of the same photo: photos were added or removed between the runs.
    """

    def pair(row: Row) -> None:
        first = next(first_rows, None)
        if first is None or path_bytes(first) != path_bytes(row):
            raise SetupError(
                f"{row['path']}: photos were added or removed while they were evaluated, so the two models saw "
                "different ones; run it again"
            )
        comparison.add(first, row)

    return pair


class TemporaryRows:
    """Rows in a file without a name, which is gone with the process, to be read more than once."""

    def __init__(self, folder: Path | None = None) -> None:
        """Create the file in `folder`, by default the system's folder for temporary files.

        Raises:
            SetupError: it cannot be created.
        """
        try:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115 - closed on exit
        except OSError as error:
            raise _cannot_keep(error) from error

    def __enter__(self) -> TemporaryRows:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # what was still to be written is not wanted any more
            self._file.close()

    def write(self, row: Row) -> None:
        """Append `row`.

        Raises:
            SetupError: it cannot be written.
        """
        try:
            self._file.write(json_line(row))
        except OSError as error:
            raise _cannot_keep(error) from error

    def rows(self) -> Iterator[Row]:
        """Read the rows from the first on; one reader at a time."""
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
    """Yield the misclassified rows, then all others, both in their order; `rows` starts over at each call."""
    yield from filter(is_mistake, rows())
    yield from (row for row in rows() if not is_mistake(row))
