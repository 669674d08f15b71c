"""Rows as CSV and Parquet files."""

from __future__ import annotations

import csv
import importlib.util
import resource
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mobiclass.batch.export import exporter, write_csv, write_parquet
from mobiclass.errors import SetupError
from mobiclass.results import Row
from tests.support.batch_runs import names_in
from tests.support.journal_rows import make_row

FIELDS = ["path", "rank", "index", "label", "score", "error"]
needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="NOT TESTED: Parquet, as pyarrow is not installed"
)
WRITERS = [pytest.param(write_csv, id="csv"), pytest.param(write_parquet, id="parquet", marks=needs_pyarrow)]
Writer = Callable[[Iterable[Row], Path], None]


def rows() -> list[Row]:
    several = make_row("a.jpg")
    several["predictions"] = [
        {"index": 2, "label": 'blue, "sky"', "score": 0.75},
        {"index": 0, "label": None, "score": 0.1},
    ]
    nothing = make_row("b\n.jpg")
    nothing["predictions"] = []
    return [several, make_row("ç🐈.jpg", error=True), nothing, make_row("\udcff.jpg")]


EXPECTED: list[tuple[Any, ...]] = [
    ("a.jpg", 1, 2, 'blue, "sky"', 0.75, None),
    ("a.jpg", 2, 0, None, pytest.approx(0.1), None),
    ("ç🐈.jpg", None, None, None, None, "truncated: cut short"),
    ("b\n.jpg", None, None, None, None, None),
    ("\N{REPLACEMENT CHARACTER}.jpg", 1, 0, "red", 0.5, None),
]


def read_parquet(path: Path) -> list[tuple[Any, ...]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    assert table.column_names == FIELDS
    return [tuple(line.values()) for line in table.to_pylist()]


def test_csv_has_a_line_a_prediction(tmp_path: Path) -> None:
    write_csv(rows(), tmp_path / "out.csv")
    content = (tmp_path / "out.csv").read_bytes()
    assert content.startswith(b"path,rank,index,label,score,error\n")
    assert b"\r" not in content
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(file)
    expected = [["" if cell is None else cell for cell in line] for line in EXPECTED]
    assert [line[:1] + line[3:4] + line[5:] for line in lines] == [[line[0], line[3], line[5]] for line in expected]
    assert [line[1:3] for line in lines] == [["1", "2"], ["2", "0"], ["", ""], ["", ""], ["1", "0"]]
    assert [float(line[4]) for line in lines if line[4]] == [0.75, 0.1, 0.5]


@needs_pyarrow
def test_parquet_has_the_same_lines_with_types(tmp_path: Path) -> None:
    import pyarrow.parquet

    write_parquet(rows(), tmp_path / "out.parquet")
    assert read_parquet(tmp_path / "out.parquet") == EXPECTED
    schema = pyarrow.parquet.read_schema(tmp_path / "out.parquet")
    assert [str(field.type) for field in schema] == ["string", "int32", "int32", "string", "float", "string"]


def test_no_rows_make_an_empty_table(tmp_path: Path) -> None:
    write_csv([], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "path,rank,index,label,score,error\n"


@needs_pyarrow
def test_no_rows_make_an_empty_parquet_table(tmp_path: Path) -> None:
    write_parquet([], tmp_path / "out.parquet")
    assert read_parquet(tmp_path / "out.parquet") == []


@needs_pyarrow
def test_parquet_takes_the_same_memory_whatever_top_k_is(tmp_path: Path) -> None:
    import pyarrow.parquet

    write_parquet(rows(), tmp_path / "warm.parquet")
    predictions = [{"index": index, "label": "red", "score": 0.5} for index in range(1000)]

    def many() -> Iterator[Row]:
        for number in range(300):
            yield make_row(f"{number:03}.jpg") | {"predictions": predictions}

    tracemalloc.start()
    try:
        write_parquet(many(), tmp_path / "out.parquet")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 25 << 20
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet", columns=["path", "rank"])
    assert table.num_rows == 300_000
    assert table.slice(299_999).to_pylist() == [{"path": "299.jpg", "rank": 1000}]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("limit", [0, 4000, 30_000])
def test_a_disk_that_fills_leaves_what_was_there(
    tmp_path: Path, write: Writer, limit: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    many = [make_row(f"{number * 7919 % 100_003}.jpg") for number in range(20_000)]
    with pytest.raises(SetupError, match=r"out: cannot be written \(File too large\)"), file_limit(limit):
        write(many, path)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["out"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("write", WRITERS)
def test_rows_that_cannot_be_read_leave_what_was_there(tmp_path: Path, write: Writer) -> None:
    (tmp_path / "out").write_bytes(b"old")

    def failing() -> Iterator[Row]:
        yield make_row("a.jpg")
        raise SetupError("another program has changed the results")

    with pytest.raises(SetupError, match="another program"):
        write(failing(), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"old"
    assert names_in(tmp_path) == ["out"]


def test_the_suffix_decides() -> None:
    export = exporter(".csv", decides=True)
    assert isinstance(export, partial)
    assert (export.func, export.keywords["decides"]) == (write_csv, True)


def test_parquet_without_pyarrow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SetupError, match=r"pip install 'mobiclass\[parquet\]'"):
        exporter(".parquet")
