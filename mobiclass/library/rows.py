"""Rows out of files: what predict, batch, watch and evaluate have written, as JSON lines, CSV or Parquet.

They are read as a stream. Of several rows for one path in a journal that a run has left behind the last counts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from mobiclass.errors import SetupError
from mobiclass.results import FLAT_FIELDS, Row, flat_fields

ROW_SUFFIXES: Final = (".jsonl", ".csv", ".parquet")

_MAX_LINE_BYTES: Final = 16 << 20
_WHICH_FIELDS: Final = ("path", "path_base64", "time", "frame", "state", "image")
_ALL_FIELDS: Final = flat_fields(decides=True, exif=True)
_NUMBERS: Final[dict[str, Callable[[str], Any]]] = {
    "rank": int, "index": int, "score": float, "decision_score": float, "latitude": float, "longitude": float,
}  # fmt: skip
_MAYBE: Final = (False, True)
_PARQUET_ROWS: Final = 10_000  # at a time


def read_rows(file: Path) -> Iterator[Row]:
    """Read the rows of `file` in order.

    Raises:
        SetupError: it cannot be read, or holds something else; the message has the line.
    """
    suffix = file.suffix.lower()
    if suffix not in ROW_SUFFIXES:
        raise SetupError(f"{file}: rows are in files that end in {', '.join(ROW_SUFFIXES)}")
    reader = {".jsonl": _json_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}[suffix]
    try:
        yield from reader(file)
    except OSError as error:
        raise SetupError(f"{file}: the rows cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: the rows are not UTF-8 ({error})") from error


def _json_rows(file: Path) -> Iterator[Row]:
    superseded = _superseded(file)
    for number, row in _json_lines(file):
        if number not in superseded:
            yield row


def _superseded(file: Path) -> set[int]:
    """Find the lines after which another has a row for the same path: those of an interrupted resume."""
    if not file.is_file():
        return set()  # a pipe is read once
    last: dict[int, int] = {}
    superseded = set()
    for number, row in _json_lines(file):
        key = int.from_bytes(
            blake2b(repr([row.get(each) for each in _WHICH_FIELDS]).encode(), digest_size=8).digest(), "big"
        )
        if key in last:
            superseded.add(last[key])
        last[key] = number
    return superseded


def _json_lines(file: Path) -> Iterator[tuple[int, Row]]:
    with file.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE_BYTES), b""), 1):
            if not line.strip():
                continue
            if not line.endswith(b"\n") and len(line) < _MAX_LINE_BYTES:
                try:
                    json.loads(line)
                except ValueError:
                    return  # a crash has cut the last row short, and a resumed run would make it anew
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SetupError(f"{file}:{number}: not a line of JSON ({error})") from error
            _check(row, f"{file}:{number}")
            if b"\\u" in line:
                _check_text(row, f"{file}:{number}")
            yield number, row


def _check_text(row: Row, where: str) -> None:
    """Refuse halves of characters, which JSON can write and no file can hold."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise SetupError(f"{where}: not text: it has half of a surrogate pair") from error


def _check(row: Any, where: str) -> None:
    """Check the fields that are relied on; others may be there."""
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("path"), str)
        or not isinstance(row.get("predictions"), list)
    ):
        raise SetupError(f"{where}: not a row of results: it has no path and predictions")
    for prediction in row["predictions"]:
        if (
            not isinstance(prediction, dict)
            or type(prediction.get("index")) is not int
            or not isinstance(prediction.get("label"), (str, type(None)))
            or not _is_score(prediction.get("score"))
        ):
            raise SetupError(f"{where}: a prediction must have an index, a label and a score, not {prediction!r}")
    for name, field_types in (("error", (dict, type(None))), ("decision", (dict, type(None)))):
        if not isinstance(row.get(name), field_types):
            raise SetupError(f"{where}: {name!r} must be an object, not {row[name]!r}")
    decision = row.get("decision")
    if decision and not (
        isinstance(decision.get("label"), str)
        and _is_score(decision.get("score"))
        and decision.get("kind") in ("class", "group", "unknown")
    ):
        raise SetupError(f"{where}: a decision must have a label, a score and a kind, not {decision!r}")
    row.setdefault("error", None)


def _is_score(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= 1  # nor a NaN, of which JSON in Python knows


def _csv_rows(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            header = next(reader, [])
            _check_columns(file, header)
            yield from _grouped(_numbered(file, reader, header))
        except csv.Error as error:
            raise SetupError(f"{file}:{reader.line_num}: {error}") from error


def _check_columns(file: Path, names: list[str]) -> None:
    if tuple(names) not in {flat_fields(decides=decides, exif=exif) for decides in _MAYBE for exif in _MAYBE}:
        raise SetupError(f"{file}: expected the columns {','.join(FLAT_FIELDS)}, not {','.join(names)!r}")


def _numbered(file: Path, reader: Any, header: list[str]) -> Iterator[tuple[str, list[Any]]]:
    for cells in reader:
        where = f"{file}:{reader.line_num}"
        if len(cells) != len(header):
            raise SetupError(f"{where}: {len(cells)} cells, where the header has {len(header)}")
        try:
            line = [_NUMBERS.get(name, str)(cell) if cell else None for name, cell in zip(header, cells, strict=True)]
        except ValueError as wrong:
            raise SetupError(f"{where}: not a row of results ({wrong})") from wrong
        yield where, _with_all_columns(header, [line[0] or "", *line[1:]])


def _with_all_columns(header: Sequence[str], line: Sequence[Any]) -> list[Any]:
    """Put the cells of a line, which may lack columns, where they stand if there are all."""
    found = dict(zip(header, line, strict=True))
    return [found.get(name) for name in _ALL_FIELDS]


def _parquet_rows(file: Path) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SetupError(f"{file}: Parquet files need pyarrow ({error}): pip install 'mobiclass[parquet]'") from error
    try:
        table = pyarrow.parquet.ParquetFile(file)
        names = table.schema_arrow.names
        _check_columns(file, names)
        lines = (
            (str(file), _with_all_columns(names, line))
            for batch in table.iter_batches(_PARQUET_ROWS)
            for line in zip(*map(_values, batch.columns), strict=True)
        )
        yield from _grouped(lines)
    except pyarrow.ArrowException as error:
        raise SetupError(f"{file}: the rows cannot be read ({error})") from error


def _values(column: Any) -> list[Any]:
    """Give the values of a column of Arrow; a score as the shortest number that is its float32, as in other files."""
    values: list[Any] = column.to_pylist()
    if str(column.type) != "float":
        return values
    return [None if value is None else float(str(np.float32(value))) for value in values]


def _grouped(lines: Iterable[tuple[str, list[Any]]]) -> Iterator[Row]:
    """Make a row of the lines of each photo: its ranks go up from 1."""
    count = 0

    def photo(line: tuple[str, list[Any]]) -> tuple[int, str]:
        nonlocal count
        count += line[1][1] in (None, 1)
        return count, line[1][0]

    for _, group in groupby(lines, photo):
        several = list(group)
        where, (path, _, _, _, _, error, label, score, kind, captured, latitude, longitude) = several[0]
        row: Row = {
            "path": path,
            "predictions": [
                {"index": index, "label": name, "score": of_class}
                for _, (_, rank, index, name, of_class, *_) in several
                if rank is not None
            ],
            "error": None if error is None else _error(error),
        }
        if kind is not None:
            row["decision"] = {"label": label, "score": score, "kind": kind}
        if captured is not None:
            row["captured"] = captured
        if latitude is not None and longitude is not None:
            row["gps"] = {"latitude": latitude, "longitude": longitude}
        _check(row, where)
        yield row


def _error(text: str) -> dict[str, str]:
    kind, _, message = text.partition(": ")
    return {"type": "ImageError", "kind": kind, "message": message}
