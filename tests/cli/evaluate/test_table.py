"""The evaluation as text: it fits the terminal, and obeys no label or file name."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from mobiclass.cli.evaluate.table import comparison_text, evaluation_text
from mobiclass.cli.terminal.text import text_width
from mobiclass.evaluation.comparison import Comparison
from mobiclass.evaluation.metrics import Tally
from mobiclass.evaluation.summary import Evaluation
from mobiclass.evaluation.truth import Truth
from mobiclass.labels.matching import ClassNames
from tests.support.evaluated_rows import evaluated, failed

EVIL = "\x1b[2J\x07\u202e\n" + "very long " * 20
LABELS = ("crane", EVIL, "crane", "猫" * 60, "x", "y", "z")


def evaluation_of(*rows: dict[str, Any], name: str = "m", labels: tuple[str, ...] | None = LABELS) -> Evaluation:
    tally = Tally()
    for row in rows:
        for each in (row["truth"], *row["predictions"]):
            each["label"] = labels[each["index"]] if labels else None
        tally.add(row)
    truth = Truth({"a": 0}, Counter(label=1), (), (), frozenset(), ClassNames(labels, 7))
    model: Any = SimpleNamespace(name=name, content=b"x" * 1_230_000, classes=7, labels=labels)
    return Evaluation(
        root="d", model=model, device="cpu", jobs=2, truth=truth, tally=tally, seconds=1.0, fallback=0, partial=False
    )


def lines_of(evaluation: Evaluation, width: int = 80) -> list[str]:
    return evaluation_text(evaluation, width).splitlines()


@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_obeyed_and_all_fits(width: int) -> None:
    rows = [
        evaluated(truth, found, path=f"d/{EVIL}/{'sub/' * 40}{EVIL}.jpg", score=0.5)
        for truth in range(4)
        for found in range(4)
    ]
    one = evaluation_of(*rows, failed(1, path=EVIL), name=EVIL)
    comparison = Comparison()
    comparison.add(evaluated(0, 0, path=EVIL), rows[1])
    for text in (evaluation_text(one, width), comparison_text(one, one, comparison, width)):
        assert all(line.isprintable() for line in text.split("\n"))
        too_wide = [line for line in text.split("\n")[1:] if text_width(line) > width]
        assert too_wide == []


def test_two_long_labels_fit_beside_each_other() -> None:
    labels = tuple(f"{letter}" * 200 for letter in "abcdefg")
    assert max(map(text_width, lines_of(evaluation_of(evaluated(0, 1), labels=labels)))) <= 80


def test_two_classes_of_one_name_are_told_apart() -> None:
    lines = lines_of(evaluation_of(evaluated(0, 2), evaluated(0, 2)))
    assert "           crane (2), not crane (0)" in lines
    assert "       2  crane (0)  taken for crane (2)" in lines


def test_a_model_without_labels() -> None:
    lines = lines_of(evaluation_of(evaluated(0, 2), labels=None))
    assert "           class 2, not class 0" in lines


def test_all_right_needs_no_more_than_the_figures() -> None:
    assert lines_of(evaluation_of(evaluated(0, 0, 1, 2, 3, 4))) == [
        "m",
        "1 photo of 1 of the model's 7 classes; folders matched: 1 by label",
        "",
        "top-1  100.0 %   95 % interval 20.7–100.0",
        "top-5  100.0 %   95 % interval 20.7–100.0",
    ]


def test_of_many_the_worst_are_shown_and_all_are_counted() -> None:
    rows = [evaluated(truth, found, path=f"d/{truth}{found}.jpg") for truth in range(7) for found in range(7)]
    lines = lines_of(evaluation_of(*rows))
    for total in ("7 classes with mistakes", "42 pairs", "42 mistakes"):
        assert f"  … {total} in all" in lines
    assert len(lines) < 50


def test_the_end_of_a_long_path_is_what_is_shown() -> None:
    lines = lines_of(evaluation_of(evaluated(0, 1, path=f"d/{'sub/' * 40}name.jpg")))
    (line,) = [line for line in lines if line.endswith("/sub/name.jpg")]
    assert text_width(line) <= 80
    assert "…" in line


def test_a_small_p_value_is_not_written_out() -> None:
    comparison = Comparison(only_first=60, only_second=2, both_right=1)
    one = evaluation_of(evaluated(0, 0))
    text = comparison_text(one, evaluation_of(evaluated(0, 0), name="other"), comparison, 80)
    assert "The difference is significant (McNemar's exact test: p < 0.001)" in text
    assert "Of 63 photos that both classified" in text
    assert "1.23 MB" in text
