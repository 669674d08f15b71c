"""Two models' rows of the same photos, counted in pairs."""

from __future__ import annotations

from mobiclass.evaluation.comparison import MAX_DISAGREEMENTS, Comparison
from mobiclass.evaluation.statistics import mcnemar_p_value
from tests.support.evaluated_rows import evaluated, failed

RIGHT, WRONG, FAILED = evaluated(0, 0), evaluated(0, 1, 0), failed(0)


def test_pairs_are_counted_by_who_was_right() -> None:
    comparison = Comparison()
    pairs = [(RIGHT, RIGHT)] * 4 + [(RIGHT, WRONG)] * 3 + [(WRONG, RIGHT)] * 2 + [(WRONG, WRONG)]
    pairs += [(FAILED, RIGHT), (RIGHT, FAILED), (FAILED, FAILED)]
    for first, second in pairs:
        comparison.add(first, second)
    assert (comparison.both_right, comparison.only_first, comparison.only_second, comparison.both_wrong) == (4, 3, 2, 1)
    assert comparison.images == 10
    assert comparison.not_compared == 3
    assert comparison.p_value == mcnemar_p_value(3, 2) == 1.0
    assert comparison.disagreements == [(RIGHT, WRONG)] * 3 + [(WRONG, RIGHT)] * 2


def test_each_row_has_the_truth_of_its_own_model() -> None:
    comparison = Comparison()
    comparison.add(evaluated(0, 0), evaluated(1, 1))
    comparison.add(evaluated(0, 0), evaluated(1, 0))
    assert (comparison.both_right, comparison.only_first) == (1, 1)


def test_of_many_disagreements_the_first_are_kept_and_all_are_counted() -> None:
    comparison = Comparison()
    for number in range(MAX_DISAGREEMENTS + 50):
        comparison.add(evaluated(0, 0, path=str(number)), WRONG)
    assert comparison.only_first == MAX_DISAGREEMENTS + 50
    assert [first["path"] for first, _ in comparison.disagreements] == [str(n) for n in range(MAX_DISAGREEMENTS)]
