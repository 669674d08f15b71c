"""Which folder and name each photo is to have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobiclass.library.folders import folder_of
from mobiclass.library.placing import Placing
from tests.support.sorted_photos import failed, row

ROOT = Path("/photos")


def places(rows: list[dict[str, Any]], **options: Any) -> dict[str, str]:
    photos = Placing(folder_of("label"), root=ROOT, **options).photos(lambda: rows)
    return {placed.source.relative_to(ROOT).as_posix(): f"{placed.folder}/{placed.name}" for placed in photos}


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [row(f"{folder}/{name}.jpg", score=0.5) for folder in "abc" for name in ("x", "X", folder)]
    assert places(rows) == places(rows[::-1])
    for top in range(1, 9):  # of equal scores the same are taken
        assert places(rows, top=top) == places(rows[::-1], top=top)
        assert len(places(rows, top=top)) == top


def test_the_best_are_other_photos_each() -> None:
    rows = [row("a.jpg", score=0.9)] * 3 + [row("b.jpg", score=0.8), row("c.jpg", score=0.7), failed("d.jpg")]
    assert places(rows, top=2) == {"a.jpg": "cat/a.jpg", "b.jpg": "cat/b.jpg", "d.jpg": "errors/d.jpg"}


def test_what_is_left_out_is_counted_once() -> None:
    placing = Placing(folder_of("label"), min_score=0.6, top=1)
    rows = [row("a.jpg", score=0.9), row("b.jpg", score=0.8), row("c.jpg", score=0.5)]
    assert [placed.source.name for placed in placing.photos(lambda: rows)] == ["a.jpg"]
    assert placing.left_out == 2


@pytest.mark.parametrize("label", ["unknown", "Errors", "UNKNOWN", "errors"])
def test_a_label_is_not_taken_for_what_is_no_label(label: str) -> None:
    (place,) = places([row("a.jpg", label)]).values()
    assert place.startswith(f"{label}~")
