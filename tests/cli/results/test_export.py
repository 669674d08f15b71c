"""`mobiclass results export` as a process: every format, read back by the program that it is for or by its rules."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from mobiclass.library.rows import read_rows
from tests.support.batch_runs import jpeg
from tests.support.exif_blocks import SYDNEY, TAKEN, photo
from tests.support.exported_rows import ROWS, row
from tests.support.program import Outcome, run, run_and_list_modules

FILE = Path("rows.jsonl")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(ROWS)


def write_rows(rows: list[dict[str, Any]]) -> None:
    FILE.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")


def export(*arguments: str | Path) -> Outcome:
    return run("results", "export", FILE, *arguments)


def exported(*arguments: str | Path) -> str:
    outcome = export(*arguments)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return outcome.stdout


def test_csv() -> None:
    lines = list(csv.DictReader(io.StringIO(exported("--format", "csv"), newline="")))
    assert [line["path"] for line in lines if line["rank"] in ("1", "")] == [each["path"] for each in ROWS]
    assert lines[2]["label"] == "=cmd()"
    assert {line["decision"] for line in lines} == {"", "domestic cat", "unknown"}
    exported("-o", "out.csv")
    assert [each["predictions"] for each in read_rows(Path("out.csv"))] == [each["predictions"] for each in ROWS]


def test_csv_for_spreadsheets() -> None:
    exported("-o", "out.csv", "--csv-bom")
    content = Path("out.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfpath,")
    assert b",'=cmd()," in content


def test_parquet() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    Path("photos").mkdir()
    Path("photos/cat.jpg").write_bytes(photo(TAKEN, SYDNEY))
    outcome = export("-o", "out.parquet", "--exif")
    assert outcome.exit_code == 4, "other photos are not there"
    table = parquet.read_table("out.parquet").to_pylist()
    assert table[0]["captured"] == "2024-05-31T18:20:01.120+02:00"
    assert (table[0]["latitude"], table[0]["longitude"]) == (-33.85875, 151.2111806)
    assert table[0]["label"] == "tabby"
    (first, *_) = read_rows(Path("out.parquet"))
    assert (first["captured"], first["gps"]["latitude"]) == ("2024-05-31T18:20:01.120+02:00", -33.85875)


def test_formats_that_are_made_again_are_the_same() -> None:
    exported("-o", "one.csv")
    outcome = run("results", "export", "one.csv", "-o", "two.csv")
    assert outcome.exit_code == 0, outcome.stderr
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_megadetector_and_label_studio() -> None:
    found = json.loads(exported("--format", "megadetector"))
    assert [image["file"] for image in found["images"]] == [each["path"] for each in ROWS]
    exported("--format", "label-studio", "-o", "tasks.json", "--labeling-config", "labels.xml", "--url-prefix", "x/")
    tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
    assert tasks[0]["data"]["image"] == "x/photos/cat.jpg"
    assert '<Choice value="tabby"/>' in Path("labels.xml").read_text(encoding="utf-8")


def test_relative_paths() -> None:
    text = exported("--format", "jsonl", "--relative-to", "photos")
    assert json.loads(text.splitlines()[1])["path"] == "sub/dög & <b>.jpg"
    outcome = export("--format", "jsonl", "--relative-to", "photos/sub")
    assert outcome.exit_code == 3
    assert "outside photos/sub" in outcome.stderr


def test_an_unopened_photo_is_told() -> None:
    write_rows([row("a.jpg", ("x", 1.0)), row("b.jpg", ("x", 1.0))])
    Path("a.jpg").write_bytes(jpeg("red"))
    outcome = export("--format", "jsonl", "--exif")
    assert outcome.exit_code == 4
    assert "1 photos could not be opened" in outcome.stderr
    assert len(outcome.stdout.splitlines()) == 2


def test_what_is_refused() -> None:
    for arguments, exit_code, said in (
        ([], 2, "add --format"),
        (["-o", "x.json"], 2, "add --format"),
        (["--format", "parquet"], 2, "Parquet is not for stdout"),
        (["--format", "csv", "--url-prefix", "x"], 2, "are for --format label-studio"),
        (["--format", "jsonl", "--csv-bom"], 2, "--csv-bom is for CSV"),
        (["--format", "jsonl", "-o", "rows.jsonl", "--overwrite"], 2, "would replace the rows"),
        (["--format", "label-studio", "-o", "a", "--labeling-config", "./a"], 2, "name the same file"),
        (["-o", "none/x.csv"], 3, "does not exist"),
        (["-o", "labels.csv"], 3, "exists already"),
    ):
        Path("labels.csv").write_text("old")
        outcome = export(*arguments)
        assert (outcome.exit_code, said in outcome.stderr) == (exit_code, True), outcome
    assert export("-o", "labels.csv", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        '{"path": "\\ud800", "predictions": []}',
        '{"path": "a", "predictions": [{"index": 0, "label": "\\udfff", "score": 0.5}]}',
        '{"path": "a", "predictions": [{"index": 0, "label": "x", "score": NaN}]}',
        '{"path": "a", "predictions": [{"index": 0, "label": "x", "score": 1e999}]}',
    ],
)
def test_rows_that_no_file_can_hold(line: str) -> None:
    FILE.write_text(line + "\n")
    for output_format in ("csv", "jsonl", "megadetector", "label-studio"):
        outcome = export("--format", output_format)
        assert outcome.exit_code == 3
        assert "rows.jsonl:1: " in outcome.stderr


def test_help_loads_nothing_heavy_and_texts_neither_pillow_nor_pyarrow(tmp_path: Path) -> None:
    _, modules = run_and_list_modules("results", "export", "--help", folder=tmp_path)
    assert not modules & {"numpy", "PIL", "pyarrow", "mobiclass.library.exporting"}
    for output_format in ("csv", "label-studio"):
        outcome, modules = run_and_list_modules("results", "export", FILE, "--format", output_format, folder=tmp_path)
        assert outcome.exit_code == 0
        assert not modules & {"PIL", "pyarrow"}
