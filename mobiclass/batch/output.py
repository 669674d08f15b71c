"""A batch's output file: JSONL, CSV or Parquet, with a journal that survives any crash."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mobiclass.batch.export import exporter
from mobiclass.batch.journal import Journal
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import SetupError

OUTPUT_SUFFIXES: Final = (".jsonl", ".csv", ".parquet")


def journal_path(output: Path) -> Path:
    """Return the path of the journal of `output`: a JSONL file is its own, others have one beside them."""
    return output if output.suffix.lower() == ".jsonl" else output.with_name(f"{output.name}.jsonl")


class FileOutput:
    """An output file: its journal takes the rows, and a CSV or Parquet file is made from that at the end.

    Attributes:
        journal: the rows; a JSONL file is its own journal.
    """

    def __init__(
        self, output: Path, options: RowOptions, *, resume: bool, overwrite: bool, csv_bom: bool = False
    ) -> None:
        """Open `output`, whose suffix is one of `OUTPUT_SUFFIXES`, for this run alone; `csv_bom` as in `exporter`.

        Raises:
            OptionsError: an earlier run's rows were made with other `options`.
            SetupError: there are results already and neither `resume` nor `overwrite` is given, or they cannot be
                resumed, another run is writing them, they cannot be written, or pyarrow is needed and missing.
        """
        journal = journal_path(output)
        self._output = output
        self._export = None
        if journal != output:
            self._export = exporter(output.suffix.lower(), decides=options.decide, exif=options.exif, csv_bom=csv_bom)
        if self._export and output.exists() and not overwrite:
            if not resume:
                raise SetupError(
                    f"{output}: there are results already: --resume continues them, --overwrite replaces them"
                )
            if not journal.exists():
                raise SetupError(
                    f"{output}: its journal {journal.name}, which --resume needs, is gone; --overwrite starts anew"
                )
        self.journal = Journal(journal, options, resume=resume, overwrite=overwrite)

    def __enter__(self) -> FileOutput:
        return self

    def __exit__(self, *exception: object) -> None:
        self.journal.close()

    def finish(self) -> str | None:
        """Complete the output, once it has all rows of this run.

        Returns:
            A message about earlier rows of files that are not among this run's; ``None`` where there are none.

        Raises:
            SetupError: it cannot be written; all rows are still in the journal.
        """
        left_out = self.journal.finish()
        if self._export:
            self._export(self.journal.rows(), self._output)
        if not left_out:
            return None
        return (
            f"{left_out} files of the earlier run are no longer among the sources, so their rows were left out; they "
            f"are in {self.journal.backup_path}"
        )
