"""The sinks of an evaluation: truth into rows, rows of an earlier run, rows of two models side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.evaluation.comparison import Comparison
from mobiclass.evaluation.dataset import ClassFolders
from mobiclass.evaluation.metrics import Tally
from mobiclass.evaluation.rows import (
    ComparedRows,
    CountedRows,
    NoRows,
    PhotoTruth,
    TemporaryRows,
    evaluation_options,
    mistakes_first,
)
from mobiclass.evaluation.truth import Truth
from mobiclass.labels.matching import ClassNames
from mobiclass.results import path_fields
from tests.support.evaluated_rows import NAMES, evaluated, failed, named

Row = dict[str, Any]
NOT_UTF_8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def truth() -> PhotoTruth:
    indices = {"r": 0, "g": 1, NOT_UTF_8: 2, "unseen": 0}
    known = Truth(indices, {}, (), (), frozenset(), ClassNames(NAMES, len(NAMES)))  # type: ignore[arg-type]
    return PhotoTruth(ClassFolders("d", tuple(indices), 0, False), known)


class EarlierRows(NoRows):
    """Rows of an earlier run, by path, and a record of what is handed on."""

    def __init__(self, *rows: Row) -> None:
        self.earlier = dict(enumerate(rows))
        self.kept: list[int] = []
        self.written: list[Row] = []

    def finished_row(self, path: str, size: int, mtime_ns: int, model_sha256: str) -> Any:
        return next(((offset, row) for offset, row in self.earlier.items() if row["path"] == path), None)

    def keep(self, offset: int) -> None:
        self.kept.append(offset)

    def write(self, row: Row) -> None:
        self.written.append(row)


def without_truth(row: Row, path: str) -> Row:
    return {name: value for name, value in row.items() if name != "truth"} | path_fields(path)


def test_each_row_gets_the_truth_of_its_folder(truth: PhotoTruth) -> None:
    rows, tally = EarlierRows(), Tally()
    sink = CountedRows(rows, truth, tally)
    sink.write(without_truth(evaluated(0, 0), "d/r/a.jpg"))
    sink.write(without_truth(evaluated(0, 0), "d/g/sub/g.jpg"))
    sink.write(without_truth(evaluated(0, 2), f"d/{NOT_UTF_8}/a.jpg"))
    assert [row["truth"] for row in rows.written] == [named(0), named(1), named(2)]
    assert (tally.all.images, tally.all.top1) == (3, 2)
    assert truth.folders_without_photos == ["unseen"]


def test_an_earlier_row_is_kept_and_counted_if_its_truth_still_holds(truth: PhotoTruth) -> None:
    holds = evaluated(0, 0, path="d/r/a.jpg")
    other = evaluated(1, 0, path="d/r/b.jpg")  # the map said another class then
    none = without_truth(evaluated(0, 0), "d/r/c.jpg")  # batch made it
    rows, tally = EarlierRows(holds, other, none), Tally()
    sink = CountedRows(rows, truth, tally)
    found = sink.finished_row("d/r/a.jpg", 1, 2, "x")
    assert found == (0, holds)
    sink.keep(found[0])
    assert rows.kept == [0]
    assert (tally.all.images, tally.all.top1) == (1, 1)
    for path in ("d/r/b.jpg", "d/r/c.jpg", "d/r/new.jpg"):
        assert sink.finished_row(path, 1, 2, "x") is None


def test_rows_of_two_models_are_counted_photo_by_photo() -> None:
    comparison = Comparison()
    first = [evaluated(0, 0, path="a"), evaluated(0, 1, path="b")]
    sink = ComparedRows(iter(first), comparison)
    sink.write(evaluated(1, 1, path="a"))
    sink.write(evaluated(1, 1, path="b"))
    assert (comparison.both_right, comparison.only_second) == (1, 1)


@pytest.mark.parametrize("second", ["b", "c"])
def test_photos_that_come_or_go_between_two_models_end_it(second: str) -> None:
    sink = ComparedRows(iter([evaluated(0, 0, path="a")]), Comparison())
    if second == "c":
        sink.write(evaluated(0, 0, path="a"))
    with pytest.raises(SetupError, match=f"{second}: photos were added or removed while"):
        sink.write(evaluated(0, 0, path=second))


def test_temporary_rows_can_be_read_again_and_again(tmp_path: Path) -> None:
    rows = [evaluated(0, 1, path="\u2028 café\n"), failed(1), evaluated(2, 2)]
    with TemporaryRows(tmp_path) as kept:
        for row in rows:
            kept.write(row)
        assert list(kept.rows()) == rows
        assert next(kept.rows()) == rows[0]
        assert list(kept.rows()) == rows
        assert list(tmp_path.iterdir()) == []  # it has no name
    with pytest.raises(SetupError, match="cannot be kept in a temporary file"):
        TemporaryRows(tmp_path / "gone")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: a full disk, for there is no /dev/full")
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("w+", encoding="utf-8")  # noqa: SIM115 - closed by TemporaryRows
    monkeypatch.setattr("mobiclass.evaluation.rows.tempfile.TemporaryFile", lambda *_, **__: full)
    with TemporaryRows() as kept, pytest.raises(SetupError, match="No space left on device.*TMPDIR"):
        for _ in range(100):
            kept.write(evaluated(0, 0))


def test_mistakes_come_first_and_all_rows_once() -> None:
    rows = [evaluated(0, 0, path="a"), evaluated(0, 1, path="b"), failed(0, path="c"), evaluated(0, 2, 0, path="d")]

    def again() -> Iterator[Row]:
        return iter(rows)

    assert [row["path"] for row in mistakes_first(again)] == ["b", "d", "a", "c"]


def test_five_predictions_are_asked_for_and_none_is_dropped() -> None:
    options = evaluation_options(allow_truncated=True)
    assert (options.top_k, options.threshold, options.allow_truncated) == (5, 0.0, True)
