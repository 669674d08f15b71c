"""Result rows: one image's outcome, as JSON and as CSV. The row's fields are a contract with scripts."""

from __future__ import annotations

import base64
import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias

if TYPE_CHECKING:
    from mobiclass.classifier import ImageResult
    from mobiclass.decisions import Decision
    from mobiclass.images import ExifFacts

Row: TypeAlias = dict[str, Any]
"""One result as a JSON object: what `result_row` makes."""

FlatRow: TypeAlias = "tuple[str | int | float | None, ...]"

FLAT_FIELDS: Final = ("path", "rank", "index", "label", "score", "error")
"""The columns of tabular formats, one line per prediction."""

DECISION_FIELDS: Final = ("decision", "decision_score", "decision_kind")
"""The columns behind them where the run decides."""

EXIF_FIELDS: Final = ("captured", "latitude", "longitude")
"""The last columns, where the run reads Exif data."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def result_row(result: ImageResult, *, timing: bool = False) -> Row:
    """Make the JSON object of `result`; with `timing`, include the milliseconds of each stage."""
    row: Row = {
        **path_fields(result.path),
        "predictions": [
            {"index": prediction.index, "label": prediction.label, "score": prediction.score}
            for prediction in result.predictions
        ],
        **({} if result.decision is None else {"decision": _decision_fields(result.decision)}),
        "model": printable_utf8(result.model.name),
        "device": result.device,
        "error": None,
    }
    if result.error:
        row["error"] = {"type": "ImageError", "kind": result.error.kind, "message": printable_utf8(result.error.reason)}
    if result.fallback:
        row["fallback"] = printable_utf8(result.fallback)
    if timing and result.timing:
        row["timing_ms"] = {
            "decode": result.timing.decode_ms,
            "preprocess": result.timing.preprocess_ms,
            "invoke": result.timing.invoke_ms,
            "postprocess": result.timing.postprocess_ms,
        }
    return row


def _decision_fields(decision: Decision) -> dict[str, Any]:
    fields: dict[str, Any] = {"label": decision.label, "score": decision.score, "kind": decision.kind}
    return fields if decision.index is None else fields | {"index": decision.index}


def exif_fields(facts: ExifFacts) -> Row:
    """Make the fields for the Exif data of a photo."""
    has_position = facts.latitude is not None and facts.longitude is not None
    return {
        "captured": facts.captured,
        "gps": {"latitude": facts.latitude, "longitude": facts.longitude} if has_position else None,
    }


def path_fields(path: str) -> dict[str, str]:
    """Make the fields for `path`; one that is not UTF-8 is written with U+FFFD, and its bytes in base64 beside it."""
    readable = printable_utf8(path)
    if readable == path:
        return {"path": path}
    return {"path": readable, "path_base64": base64.b64encode(os.fsencode(path)).decode("ascii")}


def path_bytes(row: Row) -> bytes:
    """Return the path of `row` as the file system has it."""
    if "path_base64" in row:
        return base64.b64decode(row["path_base64"], validate=True)
    return os.fsencode(row["path"])


def is_answered(row: Mapping[str, Any]) -> bool:
    """Whether `row` has a decision that is more than ``unknown``."""
    decision = row.get("decision")
    return decision is not None and decision["kind"] != "unknown"


def truth_rank(row: Mapping[str, Any]) -> int | None:
    """Find the rank, from 0, of the true class among the predictions of `row`; ``None`` if it is not among them."""
    truth = row["truth"]["index"]
    for rank, prediction in enumerate(row["predictions"]):
        if prediction["index"] == truth:
            return rank
    return None


def is_mistake(row: Mapping[str, Any]) -> bool:
    """Whether the photo of `row` was misclassified; one of other things is by any answer but ``unknown``."""
    if row["truth"]["index"] is None:
        return not row["error"] and is_answered(row)
    return not row["error"] and truth_rank(row) != 0


def printable_utf8(text: str) -> str:
    """Replace what UTF-8 cannot encode (bytes of a file name that are not UTF-8) with U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text).decode("utf-8", errors="replace")
    return text


class JsonLinesWriter:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: Row) -> None:
        self._stream.write(json_line(row))


class JsonWriter:
    """One JSON array, an object a line; whole once it is closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._separator = "[\n"

    def write(self, row: Row) -> None:
        self._stream.write(self._separator + json_line(row).removesuffix("\n"))
        self._separator = ",\n"

    def close(self) -> None:
        """End the array; the stream stays open."""
        self._stream.write("[]\n" if self._separator == "[\n" else "\n]\n")


class CsvWriter:
    """One line per prediction; an image without any has one line with an empty rank (see `csv_table`)."""

    def __init__(
        self, stream: TextIO, *, decides: bool = False, exif: bool = False, for_spreadsheets: bool = False
    ) -> None:
        self._write_line = csv_table(stream, for_spreadsheets=for_spreadsheets)
        self._decides, self._exif = decides, exif
        self._write_line(flat_fields(decides=decides, exif=exif))

    def write(self, row: Row) -> None:
        for cells in flat_rows(row, decides=self._decides, exif=self._exif):
            self._write_line(cells)


def csv_table(stream: TextIO, *, for_spreadsheets: bool) -> Callable[[Iterable[object]], object]:
    """Begin a CSV table on `stream` (RFC 4180, but LF line ends), and give the function that writes a line of cells.

    With `for_spreadsheets` a byte order mark comes first, which tells Excel that the text is UTF-8, and text that would
    be taken for a formula begins with an apostrophe.
    """
    write_line = csv.writer(stream, lineterminator="\n").writerow
    if not for_spreadsheets:
        return write_line
    stream.write("\ufeff")
    return lambda cells: write_line([_as_text(cell) for cell in cells])


def _as_text(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def flat_fields(*, decides: bool = False, exif: bool = False) -> tuple[str, ...]:
    """Give the columns of a table: with `decides`, those of decisions too, and with `exif` those of Exif data."""
    return (*FLAT_FIELDS, *(DECISION_FIELDS if decides else ()), *(EXIF_FIELDS if exif else ()))


def flat_rows(row: Row, *, decides: bool = False, exif: bool = False) -> list[FlatRow]:
    """Flatten `row` to one tuple of `flat_fields` per prediction, or one without a rank if there is none.

    What a row with an error does not have is empty.
    """
    error = f"{row['error']['kind']}: {row['error']['message']}" if row["error"] else None
    decision = row.get("decision") or {}
    extra = tuple(decision.get(name) for name in ("label", "score", "kind")) if decides else ()
    if exif:
        position = row.get("gps") or {}
        extra += (row.get("captured"), position.get("latitude"), position.get("longitude"))
    if not row["predictions"]:
        return [(row["path"], None, None, None, None, error, *extra)]
    return [
        (row["path"], rank, prediction["index"], prediction["label"], prediction["score"], error, *extra)
        for rank, prediction in enumerate(row["predictions"], start=1)
    ]


def json_line(row: Row) -> str:
    """Encode `row` as one line of JSON, the line's end included."""
    return _JSON.encode(row) + "\n"
