"""Rows read back from all that writes them; and what is no row refused with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mobiclass.batch.export import write_csv, write_parquet
from mobiclass.errors import SetupError
from mobiclass.library.rows import read_rows
from tests.support.sorted_photos import failed, row, write_rows

DECIDED = {"decision": {"label": "domestic cat", "score": 0.9, "kind": "group"}}


def rows() -> list[dict[str, Any]]:
    two = [{"index": 0, "label": "cat", "score": 0.5}, {"index": 3, "label": None, "score": 0.25}]
    return [row("a.jpg", predictions=two, **DECIDED), failed("b, c.jpg"), row("a.jpg", predictions=[]), row("z\n.jpg")]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Keep what tables hold."""
    return {name: row[name] for name in ("path", "predictions", "error", "decision") if name in row}


def test_json_lines(tmp_path: Path) -> None:
    some = [row("a.jpg"), failed("b.jpg")]
    assert [*read_rows(write_rows(tmp_path / "r.jsonl", some))] == some


@pytest.mark.parametrize("decides", [False, True])
@pytest.mark.parametrize(("suffix", "write"), [(".csv", write_csv), (".parquet", write_parquet)])
def test_tables(suffix: str, write: Any, decides: bool, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"r{suffix}"
    write(rows(), path, decides=decides)
    expected = [plain(each) for each in rows()]
    if not decides:
        expected[0].pop("decision")
    assert [plain(each) for each in read_rows(path)] == expected


def test_a_table_for_spreadsheets(tmp_path: Path) -> None:
    write_csv(rows(), tmp_path / "r.csv", for_spreadsheets=True)
    assert [each["path"] for each in read_rows(tmp_path / "r.csv")] == ["a.jpg", "b, c.jpg", "a.jpg", "z\n.jpg"]


def test_a_row_that_a_crash_has_cut_short_is_passed_over(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "r.jsonl", [row("a.jpg"), row("b.jpg")])
    path.write_bytes(path.read_bytes()[:-20])
    assert [each["path"] for each in read_rows(path)] == ["a.jpg"]


def test_of_two_rows_of_an_interrupted_resume_the_last_counts(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "r.jsonl", [failed("a.jpg"), row("b.jpg"), row("a.jpg")])
    assert [(each["path"], bool(each["error"])) for each in read_rows(path)] == [("b.jpg", False), ("a.jpg", False)]


def test_states_of_one_camera_are_rows_of_their_own(tmp_path: Path) -> None:
    states = [row("rtsp://cam", time=f"2026-01-01T00:00:0{second}Z") for second in range(3)]
    assert len([*read_rows(write_rows(tmp_path / "r.jsonl", states))]) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"r\.jsonl:2: not a line of JSON"),
        ("[1]", r"r\.jsonl:2: not a row of results"),
        ('{"path": "a"}', "no path and predictions"),
        ('{"path": 7, "predictions": []}', "not a row of results"),
        ('{"path": "a", "predictions": [{"label": "x"}]}', "a prediction must have an index"),
        ('{"path": "a", "predictions": [], "error": "no"}', "'error' must be an object"),
        ('{"path": "a", "predictions": [], "decision": {"label": "x"}}', "a decision must have"),
        ("[" * 100_000, "not a line of JSON"),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(row("a.jpg")) + "\n" + line + "\n")
    with pytest.raises(SetupError, match=message):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "expected the columns path,rank"),
        ("path,rank,index,label,score,error\na.jpg,1\n", r"r\.csv:2: 2 cells"),
        ("path,rank,index,label,score,error\na.jpg,one,0,cat,0.5,\n", r"r\.csv:2: not a row of results"),
        ('path,rank,index,label,score,error\n"a.jpg,1,0,cat,0.5,\n', r"r\.csv:"),
    ],
)
def test_a_table_of_something_else(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(SetupError, match=message):
        list(read_rows(tmp_path / "r.csv"))


def test_files_that_are_not_there_not_utf8_or_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"path,rank,index,label,score,error\n\xff\xfe,1,0,x,0.5,\n")
    (tmp_path / "r.parquet").write_bytes(b"PAR1 no parquet PAR1")
    for name, message in (("none.jsonl", "cannot be read"), ("r.csv", "not UTF-8"), ("r.txt", "end in .jsonl, .csv"),
                          ("r.parquet", "cannot be read")):  # fmt: skip
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        with pytest.raises(SetupError, match=message):
            list(read_rows(tmp_path / name))
