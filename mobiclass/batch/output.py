"""A batch's output file: JSONL, CSV or Parquet, with a journal that outlives any crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mobiclass.batch.export import exporter
from mobiclass.batch.journal import Journal
from mobiclass.errors import SetupError
from mobiclass.results import Row

OUTPUT_SUFFIXES: Final = (".jsonl", ".csv", ".parquet")


def journal_path(output: Path) -> Path:
    """Name the journal of `output`: a JSONL file is its own, others have one beside them."""
    return output if output.suffix.lower() == ".jsonl" else output.with_name(f"{output.name}.jsonl")


class FileOutput:
    """Rows to a JSONL file, or to a journal from which a CSV or Parquet file is made at the end."""

    def __init__(self, output: Path, *, resume: bool, overwrite: bool) -> None:
        """Open `output`, whose suffix is one of `OUTPUT_SUFFIXES`, for this run alone.

        Raises:
            SetupError: there are results already and neither `resume` nor `overwrite` is given, or they cannot be
                gone on with, another run is writing them, they cannot be written, or pyarrow is wanted and missing.
        """
        journal = journal_path(output)
        self._output = output
        self._export = None if journal == output else exporter(output.suffix.lower())
        if self._export and output.exists() and not overwrite:
            if not resume:
                raise SetupError(
                    f"{output}: there are results already: --resume goes on with them, --overwrite replaces them"
                )
            if not journal.exists():
                raise SetupError(
                    f"{output}: its journal {journal.name} is gone, from which --resume would go on; --overwrite "
                    "begins anew"
                )
        self._journal = Journal(journal, resume=resume, overwrite=overwrite)

    def __enter__(self) -> FileOutput:
        """Be closed at the end of a block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the journal, and give up the output."""
        self._journal.close()

    def finished_row(
        self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]
    ) -> tuple[int, Row] | None:
        """Find the row of an earlier run that still holds, and its place."""
        return self._journal.finished_row(path, size, mtime_ns, model_sha256s)

    def keep(self, offset: int) -> None:
        """Take the earlier run's row at that place as the next."""
        self._journal.keep(offset)

    def write(self, row: Row) -> None:
        """Take a new row as the next."""
        self._journal.write(row)

    def idle(self) -> None:
        """Bring to the disk what has been waiting for it."""
        self._journal.idle()

    def finish(self) -> str | None:
        """Complete the output: all rows are there, in order.

        Returns:
            What became of an earlier run's rows of files that are not among this one's, for people; ``None`` where
            there are none.

        Raises:
            SetupError: it cannot be written; all rows are in the journal still.
        """
        left_out = self._journal.finish()
        if self._export:
            self._export(self._journal.rows(), self._output)
        if not left_out:
            return None
        return (
            f"{left_out} files of the earlier run are not among the sources now, and their rows were left out; they "
            f"are in {self._journal.backup_path}"
        )

    def rows(self) -> Iterator[Row]:
        """Read the rows of this run again, in order."""
        return self._journal.rows()
