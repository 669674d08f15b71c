"""Keywords of rows: which labels count, and which groups stand above them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import LabelsError
from mobiclass.library.answers import Answer
from mobiclass.library.row_keywords import TableHierarchy, read_hierarchy, row_answers, row_keywords
from mobiclass.library.xmp import Keywords

NOTHING = TableHierarchy({})


def prediction(label: str | None, score: float, index: int = 7) -> dict[str, Any]:
    return {"index": index, "label": label, "score": score}


def row_of(*predictions: dict[str, Any], **decision: Any) -> dict[str, Any]:
    return {"predictions": [*predictions], "decision": decision or None, "error": None}


def labels_of(row: dict[str, Any], **options: Any) -> list[str]:
    return [found.label for found in row_answers(row, **options)]


def test_the_best_prediction_counts_where_nothing_is_decided() -> None:
    row = row_of(prediction("a", 0.5), prediction("b", 0.2))
    assert row_answers(row) == [Answer("a", 0.5, "class")]
    assert labels_of(row, min_score=0.6) == []
    assert labels_of(row, top=2) == ["a", "b"]
    assert labels_of(row, top=2, min_score=0.3) == ["a"]
    assert labels_of(row_of()) == []
    assert labels_of(row_of(), top=3) == []
    assert labels_of(row_of(prediction(None, 0.5))) == ["class 7"]


def test_a_decision_counts_unless_predictions_are_asked_for() -> None:
    row = row_of(prediction("a", 0.5), label="g", score=0.9, kind="group")
    assert row_answers(row) == [Answer("g", 0.9, "group")]
    assert labels_of(row, min_score=0.95) == []
    assert labels_of(row, top=1) == ["a"]
    unknown = row_of(prediction("a", 0.5), label="unknown", score=0.5, kind="unknown")
    assert labels_of(unknown) == []
    assert labels_of(unknown, top=1) == ["a"]


def keywords_of(row: dict[str, Any], hierarchy: Any = NOTHING, **options: Any) -> Keywords:
    return row_keywords(row, row_answers(row, **options), hierarchy)


def test_a_table_says_what_is_above() -> None:
    table = TableHierarchy({"x|y": "group", "group": "root|", "loop": "pool", "pool": "loop"})
    row = row_of(prediction("tabby\ncat", 0.5), prediction("x|y", 0.2), prediction(" ", 0.1))
    assert keywords_of(row, table, top=3) == Keywords(("tabby cat", "x|y"), ("root/|group|x/y",))
    assert keywords_of(row_of(prediction("loop", 1.0)), table) == Keywords(("loop",), ("pool|loop",))
    assert keywords_of(row_of(label="group", score=1.0, kind="group"), table) == Keywords(("group",), ("root/|group",))
    assert keywords_of(row_of(label="other", score=1.0, kind="group"), table) == Keywords(("other",), ("other",))


@pytest.mark.parametrize("background", [0, 1])
def test_the_groups_of_imagenet_are_known(background: int) -> None:
    imagenet = read_hierarchy(None)
    cat = prediction("Egyptian cat", 0.9, 285 + background)
    chain = "animal|mammal|feline|domestic cat"
    assert keywords_of(row_of(cat), imagenet) == Keywords(("Egyptian cat",), (f"{chain}|Egyptian cat",))
    decided = row_of(cat, label="domestic cat", score=0.9, kind="group")
    assert keywords_of(decided, imagenet) == Keywords(("domestic cat",), (chain,))


def test_a_label_that_imagenet_has_too_is_not_taken_for_its_class() -> None:
    imagenet = read_hierarchy(None)
    assert keywords_of(row_of(prediction("Egyptian cat", 0.9, 3)), imagenet) == Keywords(("Egyptian cat",))
    own = row_of(prediction("a", 0.5), label="domestic cat", score=0.9, kind="group")
    assert keywords_of(own, imagenet) == Keywords(("domestic cat",), ("domestic cat",))
    assert keywords_of(row_of(prediction("x", 0.5, -5)), imagenet) == Keywords(("x",))


def test_a_table_that_is_none(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("cat\n")
    with pytest.raises(LabelsError, match="expected label,parent"):
        read_hierarchy(table)
    table.write_text("label,parent\ncat,animal\ncat,pet\n")
    assert keywords_of(row_of(prediction("cat", 1.0)), read_hierarchy(table)).hierarchical == ("animal|cat",)
