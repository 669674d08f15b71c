"""Result rows: their fields are a contract with scripts."""

from __future__ import annotations

import csv
import io
import json
import os

import pytest

from mobiclass.classifier import ImageResult, Timing
from mobiclass.errors import IMAGE_ERROR_KINDS, ImageError
from mobiclass.hub.catalog import find_model
from mobiclass.predictions import Prediction
from mobiclass.results import CsvWriter, JsonLinesWriter, JsonWriter, csv_table, path_fields, result_row
from mobiclass.tflite.info import read_model

MODEL = read_model(find_model())
GOOD = ImageResult(
    path="photos/cat.jpg",
    predictions=(Prediction(285, "Egyptian cat", 0.4648), Prediction(281, None, 0.1)),
    error=None,
    device="cpu",
    fallback=None,
    timing=Timing(1.5, 0.25, 4.0, 0.125),
    model=MODEL,
)
BAD = ImageResult(
    path='a "quoted",\nname.jpg',
    predictions=(),
    error=ImageError("it is damaged", kind="truncated", path="p"),
    device="cpu",
    fallback="no Edge TPU",
    timing=None,
    model=MODEL,
)


def test_the_row_of_the_contract() -> None:
    assert result_row(GOOD) == {
        "path": "photos/cat.jpg",
        "predictions": [
            {"index": 285, "label": "Egyptian cat", "score": 0.4648},
            {"index": 281, "label": None, "score": 0.1},
        ],
        "model": "efficientnet_lite0",
        "device": "cpu",
        "error": None,
    }


def test_an_error_and_a_fallback_are_in_the_row() -> None:
    row = result_row(BAD, timing=True)
    assert row["error"] == {"type": "ImageError", "kind": "truncated", "message": "it is damaged"}
    assert (row["predictions"], row["fallback"]) == ([], "no Edge TPU")
    assert "timing_ms" not in row


def test_timing_on_demand() -> None:
    assert result_row(GOOD, timing=True)["timing_ms"] == {
        "decode": 1.5, "preprocess": 0.25, "invoke": 4.0, "postprocess": 0.125,
    }  # fmt: skip


@pytest.mark.parametrize("kind", IMAGE_ERROR_KINDS)
def test_every_kind_of_error_is_written(kind: str) -> None:
    error = ImageError("reason", kind=kind)  # type: ignore[arg-type]
    result = ImageResult("p", (), error, "cpu", None, None, MODEL)
    assert result_row(result)["error"]["kind"] == kind


def test_a_path_that_is_utf8_stands_alone() -> None:
    assert path_fields("grün/日本 \n.jpg") == {"path": "grün/日本 \n.jpg"}


def test_a_path_that_is_not_utf8_has_its_bytes_beside_it() -> None:
    assert path_fields(os.fsdecode(b"caf\xe9.jpg")) == {"path": "caf\ufffd.jpg", "path_base64": "Y2Fm6S5qcGc="}


def written(kind: type[JsonWriter] | type[JsonLinesWriter] | type[CsvWriter], *results: ImageResult) -> str:
    """Write `results` as `kind` does."""
    stream = io.StringIO()
    writer = kind(stream)
    for result in results:
        writer.write(result_row(result))
    if isinstance(writer, JsonWriter):
        writer.close()
    return stream.getvalue()


def test_json_lines() -> None:
    lines = written(JsonLinesWriter, GOOD, BAD).split("\n")
    assert [json.loads(line)["path"] for line in lines[:-1]] == [GOOD.path, BAD.path]
    assert lines[-1] == ""
    assert written(JsonLinesWriter) == ""


def test_json_is_an_array_of_any_length() -> None:
    assert json.loads(written(JsonWriter)) == []
    assert [row["path"] for row in json.loads(written(JsonWriter, GOOD))] == [GOOD.path]
    text = written(JsonWriter, GOOD, BAD, GOOD)
    assert [row["path"] for row in json.loads(text)] == [GOOD.path, BAD.path, GOOD.path]
    assert text.endswith("}\n]\n")


def test_csv_quotes_what_it_must() -> None:
    records = list(csv.reader(io.StringIO(written(CsvWriter, GOOD, BAD), newline="")))
    assert records == [
        ["path", "rank", "index", "label", "score", "error"],
        ["photos/cat.jpg", "1", "285", "Egyptian cat", "0.4648", ""],
        ["photos/cat.jpg", "2", "281", "", "0.1", ""],
        [BAD.path, "", "", "", "", "truncated: it is damaged"],
    ]


def test_json_that_no_parser_takes_is_never_written() -> None:
    result = ImageResult("p", (Prediction(0, "a", float("nan")),), None, "cpu", None, None, MODEL)
    with pytest.raises(ValueError, match="JSON"):
        written(JsonLinesWriter, result)


def test_csv_for_spreadsheets_has_a_mark_and_no_formula() -> None:
    texts = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "cat", "'=", " =1", "", None, -0.5, 7]
    stream = io.StringIO(newline="")
    csv_table(stream, for_spreadsheets=True)(texts)
    assert stream.getvalue().startswith("\ufeff")
    assert next(csv.reader([stream.getvalue()[1:].replace("\r", "␍")])) == [
        "'=1+1", "'+1", "'-1", "'@sum", "'\tx", "'␍x", "cat", "'=", " =1", "", "", "-0.5", "7",
    ]  # fmt: skip
    plain = io.StringIO(newline="")
    csv_table(plain, for_spreadsheets=False)(["=1+1", "-1"])
    assert plain.getvalue() == "=1+1,-1\n"


def test_rows_for_spreadsheets_are_the_same_but_for_that() -> None:
    stream = io.StringIO(newline="")
    CsvWriter(stream, for_spreadsheets=True).write(result_row(GOOD._replace(path="-x.jpg")))
    plain = written(CsvWriter, GOOD._replace(path="'-x.jpg"))
    assert stream.getvalue() == f"\ufeff{plain}"
