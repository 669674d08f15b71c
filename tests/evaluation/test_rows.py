"""Rows of an evaluation: their truth, rows of two models in pairs, rows that are read twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.evaluation.comparison import Comparison
from mobiclass.evaluation.dataset import ClassFolders
from mobiclass.evaluation.rows import PhotoTruth, TemporaryRows, mistakes_first, pair_rows
from mobiclass.evaluation.truth import Truth
from mobiclass.labels.matching import ClassNames
from tests.support.evaluated_rows import NAMES, evaluated, failed, named

Row = dict[str, Any]
NOT_UTF_8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def truth() -> PhotoTruth:
    indices = {"r": 0, "g": 1, NOT_UTF_8: 2, "unseen": 0}
    known = Truth(indices, {}, (), (), frozenset(), ClassNames(NAMES, len(NAMES)))  # type: ignore[arg-type]
    return PhotoTruth(ClassFolders("d", tuple(indices), 0, False), known)


def test_each_photo_has_the_truth_of_its_folder(truth: PhotoTruth) -> None:
    assert truth.fields("d/r/a.jpg") == {"truth": named(0)}
    assert truth.fields("d/g/sub/g.jpg") == {"truth": named(1)}
    assert truth.fields(f"d/{NOT_UTF_8}/a.jpg") == {"truth": named(2)}
    assert truth.names_without_photos == ["unseen"]


def test_rows_of_two_models_are_counted_photo_by_photo() -> None:
    comparison = Comparison()
    first = [evaluated(0, 0, path="a"), evaluated(0, 1, path="b")]
    pair = pair_rows(iter(first), comparison)
    pair(evaluated(1, 1, path="a"))
    pair(evaluated(1, 1, path="b"))
    assert (comparison.both_right, comparison.only_second) == (1, 1)


@pytest.mark.parametrize("second", ["b", "c"])
def test_photos_that_come_or_go_between_two_models_end_it(second: str) -> None:
    pair = pair_rows(iter([evaluated(0, 0, path="a")]), Comparison())
    if second == "c":
        pair(evaluated(0, 0, path="a"))
    with pytest.raises(SetupError, match=f"{second}: photos were added or removed while"):
        pair(evaluated(0, 0, path=second))


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
