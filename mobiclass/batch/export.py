"""Result rows as CSV or Parquet files, one line per prediction, written atomically from a complete batch's journal."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from mobiclass._system import atomic_write
from mobiclass.errors import SetupError
from mobiclass.results import CsvWriter, Row, flat_fields, flat_rows

_LINES_A_ROW_GROUP: Final = 50_000  # some 10 MB on their way into the file, whatever --top-k is


def exporter(
    suffix: str, *, decides: bool = False, exif: bool = False, csv_bom: bool = False
) -> Callable[[Iterable[Row], Path], None]:
    """Return the function that writes rows to a file with `suffix`, ``.csv`` (for spreadsheets too) or ``.parquet``.

    With `decides`, the columns of decisions are there too, and with `exif` those of Exif data.

    Raises:
        SetupError: Parquet is wanted, and pyarrow is not installed or not for this NumPy.
    """
    if suffix == ".parquet":
        try:
            importlib.import_module("pyarrow")
        except ImportError as error:
            raise SetupError(
                f"Parquet files need pyarrow ({error}): pip install 'mobiclass[parquet]', or write .csv or .jsonl"
            ) from error
        return partial(write_parquet, decides=decides, exif=exif)
    return partial(write_csv, decides=decides, exif=exif, for_spreadsheets=csv_bom)


def write_csv(
    rows: Iterable[Row], path: Path, *, decides: bool = False, exif: bool = False, for_spreadsheets: bool = False
) -> None:
    """Write `rows` to the CSV file `path` (UTF-8); see `mobiclass.results.csv_table`.

    Raises:
        SetupError: it cannot be written; what was there before is untouched.
    """
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        try:
            writer = CsvWriter(text, decides=decides, exif=exif, for_spreadsheets=for_spreadsheets)
            for row in rows:
                writer.write(row)
        finally:
            text.detach()  # the file is closed by whom it belongs to


def write_parquet(rows: Iterable[Row], path: Path, *, decides: bool = False, exif: bool = False) -> None:
    """Write `rows` to the Parquet file `path`.

    Raises:
        SetupError: it cannot be written; what was there before is untouched.
    """
    import pyarrow
    import pyarrow.parquet

    text, score = pyarrow.string(), pyarrow.float32()
    types = [text, pyarrow.int32(), pyarrow.int32(), text, score, text]
    types += [text, score, text] if decides else []
    types += [text, pyarrow.float64(), pyarrow.float64()] if exif else []
    schema = pyarrow.schema(list(zip(flat_fields(decides=decides, exif=exif), types, strict=True)))
    lines = (line for row in rows for line in flat_rows(row, decides=decides, exif=exif))
    with atomic_write(path) as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(lines, _LINES_A_ROW_GROUP)):
            arrays = [list(column) for column in zip(*group, strict=True)]
            writer.write_table(pyarrow.table(arrays, schema=schema))
