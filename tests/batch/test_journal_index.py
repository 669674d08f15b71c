"""The index of a journal: which rows stand where, and where what is whole ends."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.batch import journal_index
from mobiclass.batch.journal_index import JournalIndex, parse_row
from mobiclass.errors import SetupError
from mobiclass.results import json_line, path_bytes
from tests.support.journal_rows import make_row


def index(path: Path) -> JournalIndex:
    with path.open("rb") as file:
        return JournalIndex(file, "out.jsonl")


def test_rows_are_found_where_they_stand_the_latest_first(tmp_path: Path) -> None:
    path = tmp_path / "j"
    lines = [json_line(make_row(name)).encode() for name in ("a", "b", "a", "c", "a")]
    path.write_bytes(b"".join(lines))
    starts = [sum(map(len, lines[:number])) for number in range(5)]
    found = index(path)
    assert (found.end, found.lines) == (path.stat().st_size, 5)
    assert list(found.offsets(b"a")) == [starts[4], starts[2], starts[0]]
    assert list(found.offsets(b"b")) == [starts[1]]
    assert list(found.offsets(b"d")) == []


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "j").touch()
    found = index(tmp_path / "j")
    assert (found.end, found.lines, list(found.offsets(b"a"))) == (0, 0, [])


def test_the_end_is_after_the_last_whole_line(tmp_path: Path) -> None:
    whole = json_line(make_row("a")).encode()
    (tmp_path / "j").write_bytes(whole + b'{"path": "b')
    found = index(tmp_path / "j")
    assert (found.end, found.lines) == (len(whole), 1)


def test_lines_that_are_no_rows_count_as_lines(tmp_path: Path) -> None:
    whole = json_line(make_row("a")).encode()
    (tmp_path / "j").write_bytes(whole + b"\0\0\n" + whole)
    found = index(tmp_path / "j")
    assert (found.lines, list(found.offsets(b"a"))) == (3, [len(whole) + 3, 0])


def test_a_first_line_that_is_no_row_makes_it_no_journal(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"garbage\n" + json_line(make_row("a")).encode())
    with pytest.raises(SetupError, match=r"out\.jsonl: not results of mobiclass"):
        index(tmp_path / "j")


def test_paths_with_the_same_hash_are_both_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_index, "_path_hash", lambda path: 7)
    lines = [json_line(make_row(name)).encode() for name in ("a", "b")]
    (tmp_path / "j").write_bytes(b"".join(lines))
    assert list(index(tmp_path / "j").offsets(b"a")) == [len(lines[0]), 0]


def test_a_large_journal_takes_little_memory(tmp_path: Path) -> None:
    rows = 20_000
    line = json_line(make_row("%06d.jpg")).replace("%06d", "{:06}")
    prefix, _, suffix = line.partition("{:06}")
    with (tmp_path / "j").open("w") as file:
        file.writelines(f"{prefix}{number:06}{suffix}" for number in range(rows))
    tracemalloc.start()
    try:
        found = index(tmp_path / "j")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.lines == rows
    assert kept < rows * 16 + 200_000
    assert len(list(found.offsets(b"012345.jpg"))) == 1


@given(st.binary(min_size=1, max_size=60).filter(lambda name: b"\0" not in name))
def test_every_name_survives_the_way_into_a_row_and_back(name: bytes) -> None:
    row = make_row(os.fsdecode(name))
    again = parse_row(json_line(row).encode("utf-8"))
    assert again == row
    assert path_bytes(row) == name


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"\0" * 8, b"{", b"[]", b"1", b'"path"', b'{"path": null, "error": null, "predictions": []}',
        b'{"path": "a", "predictions": []}', b'{"path": "a", "error": null}', b"[" * 100_000, b"\xff",
        b'{"path": "a", "error": null, "predictions": [], "path_base64": "\xc3\xa9"}', b"1" * 5000,
    ],
    ids=lambda line: repr(line[:30]),
)  # fmt: skip
def test_what_is_no_row_is_none(line: bytes) -> None:
    assert parse_row(line) is None


def test_a_row_of_predict_is_a_row() -> None:
    row = {"path": "a", "predictions": [], "model": "m", "device": "cpu", "error": None}
    assert parse_row(json.dumps(row).encode()) == row


@pytest.mark.parametrize(
    "edited",
    [
        {"path": "a.jpg", "predictions": [7], "error": None},
        {"path": "a.jpg", "predictions": [{"score": 0.5}], "error": None},
        {"path": "a.jpg", "predictions": [], "error": "bad"},
        {"path": "a.jpg", "predictions": None, "error": None},
    ],
)
def test_a_row_that_somebody_edited_is_none(edited: dict[str, object]) -> None:
    assert parse_row(json.dumps(edited).encode()) is None
