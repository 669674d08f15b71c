"""Result rows: what became of one image, as JSON and as CSV. The row's fields are a contract with scripts."""

from __future__ import annotations

import base64
import csv
import json
import os
from collections.abc import Callable
from typing import Any, Final, Protocol, TextIO

from mobiclass.classifier import ImageResult

CSV_FIELDS: Final = ("path", "rank", "index", "label", "score", "error")


def result_row(result: ImageResult, model: str, *, timing: bool = False) -> dict[str, Any]:
    """Make the JSON object of `result`, classified by `model`; with `timing`, say where the time went."""
    row: dict[str, Any] = {
        **path_fields(result.path),
        "predictions": [
            {"index": prediction.index, "label": prediction.label, "score": prediction.score}
            for prediction in result.predictions
        ],
        "model": model,
        "device": result.device,
        "error": None,
    }
    if result.error:
        row["error"] = {"type": "ImageError", "kind": result.error.kind, "message": printable_utf8(result.error.reason)}
    if result.fallback:
        row["fallback"] = result.fallback
    if timing and result.timing:
        row["timing_ms"] = {
            "decode": result.timing.decode_ms,
            "preprocess": result.timing.preprocess_ms,
            "invoke": result.timing.invoke_ms,
            "postprocess": result.timing.postprocess_ms,
        }
    return row


def path_fields(path: str) -> dict[str, str]:
    """Write `path` as UTF-8; one that is not has U+FFFD in it, and its true bytes beside it."""
    readable = printable_utf8(path)
    if readable == path:
        return {"path": path}
    return {"path": readable, "path_base64": base64.b64encode(os.fsencode(path)).decode("ascii")}


def printable_utf8(text: str) -> str:
    """Replace what UTF-8 cannot write (the bytes of a file name that are not UTF-8) by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text).decode("utf-8", errors="replace")
    return text


class ResultWriter(Protocol):
    """Writes one result after the other."""

    def write(self, result: ImageResult) -> None:
        """Write one result."""

    def close(self) -> None:
        """Write what comes after the last result; the stream stays open."""


class JsonLinesWriter:
    """One JSON object a line."""

    def __init__(self, stream: TextIO, row: Callable[[ImageResult], dict[str, Any]]) -> None:
        """Write to `stream` what `row` makes of a result."""
        self._stream = stream
        self._row = row

    def write(self, result: ImageResult) -> None:
        """Write one line."""
        self._stream.write(_json(self._row(result)) + "\n")

    def close(self) -> None:
        """Write nothing more."""


class JsonWriter:
    """One JSON array, an object a line."""

    def __init__(self, stream: TextIO, row: Callable[[ImageResult], dict[str, Any]]) -> None:
        """Write to `stream` what `row` makes of a result."""
        self._stream = stream
        self._row = row
        self._separator = "[\n"

    def write(self, result: ImageResult) -> None:
        """Write one element of the array."""
        self._stream.write(self._separator + _json(self._row(result)))
        self._separator = ",\n"

    def close(self) -> None:
        """Close the array."""
        self._stream.write("[]\n" if self._separator == "[\n" else "\n]\n")


class CsvWriter:
    r"""One line a prediction (RFC 4180, ``\\n`` line ends); an image without any has one line with no rank."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`, the header first."""
        self._csv = csv.writer(stream, lineterminator="\n")
        self._csv.writerow(CSV_FIELDS)

    def write(self, result: ImageResult) -> None:
        """Write the lines of one image."""
        path = printable_utf8(result.path)
        error = printable_utf8(f"{result.error.kind}: {result.error.reason}") if result.error else None
        if not result.predictions:
            self._csv.writerow((path, None, None, None, None, error))
        for rank, prediction in enumerate(result.predictions, start=1):
            self._csv.writerow((path, rank, prediction.index, prediction.label, prediction.score, None))

    def close(self) -> None:
        """Write nothing more."""


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)
