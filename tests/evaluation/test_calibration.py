"""Thresholds that are fitted on one half of the photos, and what they come to on the other."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import numpy as np
import pytest

from mobiclass.errors import SetupError
from mobiclass.evaluation.calibration import (
    FEWEST_OTHERS,
    FEWEST_PHOTOS,
    Outcome,
    Sample,
    Thresholds,
    fit_and_judge,
    fit_thresholds,
    split_in_halves,
)
from mobiclass.evaluation.observations import GroupAnswer, Observation
from mobiclass.evaluation.statistics import wilson_interval


def observed(score: float, right: bool, *groups: tuple[float, bool], **fields: object) -> Observation:
    answers = tuple(GroupAnswer(*group) for group in groups)
    return Observation("a", 0, 0 if right else 1, score, answers)._replace(**fields)


def photos(count: int, seed: int = 0) -> list[Observation]:
    """Make observations as of a calibrated model: a score of 0.7 is right in 70 % of the cases, a group more often."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        score = chance.random()
        right = chance.random() < score
        of_group = score + (1 - score) * chance.random()
        group_right = right or chance.random() < (of_group - score) / max(1e-9, 1 - score)
        made.append(
            Observation(f"class {number % 5}", 0, 0 if right else 1, score, (GroupAnswer(of_group, group_right),))
        )
    return made


def brute_force(sample: Sample, target: float) -> int:
    """Give the most photos that any thresholds of the grid answer with one mistake more than there was."""
    most = 0
    for class_score, group_score in product(np.arange(101) / 100, [*np.arange(30, 101) / 100, 1.01]):
        outcome = sample.outcome(Thresholds(float(class_score), float(group_score)))
        answers = outcome.answered + outcome.others_answered
        if answers and outcome.right >= target * (answers + 1):
            most = max(most, outcome.answered)
    return most


# Outcomes


def test_an_outcome_is_counted_by_hand() -> None:
    sample = Sample([
        observed(0.9, True),
        observed(0.8, False),
        observed(0.5, False, (0.6, False), (0.9, True)),
        observed(0.4, True, (0.85, False)),
        observed(0.3, True, (0.5, True)),
        observed(0.7, False, (0.9, False), truth=None),
        observed(0.2, False, truth=None),
    ])  # fmt: skip
    outcome = sample.outcome(Thresholds(0.8, 0.8))
    assert outcome == Outcome(photos=5, answered=4, right=2, classes=2, others=2, others_answered=1)
    assert outcome.precision == 2 / 5
    assert outcome.precision_interval == wilson_interval(2, 5)
    assert outcome.coverage == 4 / 5
    assert outcome.coverage_interval == wilson_interval(4, 5)


def test_nothing_answered_has_no_precision() -> None:
    outcome = Sample([observed(0.4, True)]).outcome(Thresholds(0.5))
    assert outcome.precision is None
    assert outcome.precision_interval is None
    assert outcome.coverage == 0


def test_photos_that_are_near_to_no_class_get_no_answer() -> None:
    sample = Sample([observed(0.9, True, cosine=0.3), observed(0.9, True, cosine=0.6)])
    assert sample.outcome(Thresholds(0.5, cosine=0.5)).answered == 1


def test_the_best_class_alone_at_a_precision() -> None:
    right = [True, True, False, True, True, False, False]
    sample = Sample([observed(1 - number / 10, each) for number, each in enumerate(right)])
    assert sample.coverage_of_top1(1.0) == 2 / 7
    assert sample.coverage_of_top1(0.8) == 5 / 7
    assert sample.coverage_of_top1(0.5) == 1.0
    assert Sample([observed(0.9, False)]).coverage_of_top1(0.5) == 0.0
    # Photos of one score are answered together or not at all.
    assert Sample([observed(0.9, True), observed(0.9, False)]).coverage_of_top1(0.9) == 0.0


# Fitting


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_thresholds_answer_about_as_many_as_the_best_do(target: float, seed: int) -> None:
    sample = Sample(photos(200, seed))
    fit = fit_thresholds(sample, target)
    assert fit.thresholds is not None
    outcome = sample.outcome(fit.thresholds)
    assert outcome == fit.best
    assert outcome.precision is not None
    assert outcome.precision >= target
    assert outcome.answered >= brute_force(sample, target) - 4


def test_of_thresholds_that_do_as_well_those_are_taken_that_answer_classes() -> None:
    # Every photo could be answered with its group as well.
    fit = fit_thresholds(Sample([observed(0.7, True, (0.9, True)) for _ in range(30)]), 0.9)
    assert fit.thresholds is not None
    assert fit.thresholds.class_score <= 0.7


def test_a_target_out_of_reach_says_how_far_it_is() -> None:
    fit = fit_thresholds(Sample([observed(0.5 + number / 1000, number % 4 != 0) for number in range(200)]), 0.95)
    assert fit.thresholds is None
    assert fit.best is not None
    assert fit.best.precision is not None
    assert 0.7 < fit.best.precision < 0.95


def test_without_groups_only_classes_are_answered() -> None:
    fit = fit_thresholds(Sample([observed(0.9, True) for _ in range(60)]), 0.9)
    assert fit.thresholds is not None
    assert fit.thresholds.group_score > 1


def test_the_rule_of_unknown_photos_is_fitted_where_there_are_some() -> None:
    known = [observed(0.95, True, cosine=0.8 + number / 1000) for number in range(60)]
    others = [observed(0.95, False, truth=None, cosine=0.3 + number / 1000) for number in range(60)]
    fit = fit_thresholds(Sample(known + others), 0.9, cosine=-0.5)
    assert fit.thresholds is not None
    assert 0.3 < fit.thresholds.cosine <= 0.81
    assert fit.best is not None
    assert fit.best.answered >= 58
    assert fit.best.others_answered <= 6


def test_few_photos_of_other_things_cannot_switch_the_rule_of_unknown_photos_off() -> None:
    known = [observed(0.9, True, cosine=0.8) for _ in range(60)]
    others = [observed(0.95, False, truth=None, cosine=0.3) for _ in range(FEWEST_OTHERS // 2)]
    few = fit_thresholds(Sample(known + others[1:]), 0.7, cosine=0.5)
    assert few.thresholds and few.thresholds.cosine == 0.5
    enough = fit_thresholds(Sample(known + others), 0.7, cosine=0.5)
    assert enough.thresholds and enough.thresholds.cosine != 0.5


def test_it_is_kept_where_there_are_none() -> None:
    known = [observed(0.95, True, cosine=0.2 if number < 10 else 0.9) for number in range(60)]
    fit = fit_thresholds(Sample(known), 0.9, cosine=0.5)
    assert fit.thresholds is not None
    assert fit.thresholds.cosine == 0.5
    assert fit.best is not None
    assert fit.best.answered == 50


# Halves


def test_each_half_has_as_many_of_every_class() -> None:
    made = photos(103)
    halves = split_in_halves(made, seed=4)
    assert Counter(map(id, made)) == Counter(id(each) for half in halves for each in half)
    counts = [Counter(each.name for each in half) for half in halves]
    assert all(abs(counts[0][name] - counts[1][name]) <= 1 for name in counts[0])
    assert abs(len(halves[0]) - len(halves[1])) <= 1


def test_a_photo_a_class_is_divided_too() -> None:
    halves = split_in_halves([observed(0.5, True, name=f"class {number}") for number in range(20)], seed=0)
    assert [len(half) for half in halves] == [10, 10]


def test_the_seed_decides() -> None:
    made = [each._replace(looks=None) for each in photos(60)]
    assert split_in_halves(made, 1) == split_in_halves(made, 1)
    assert split_in_halves(made, 1) != split_in_halves(made, 2)


def test_photos_that_look_alike_are_in_one_half() -> None:
    burst = [observed(0.5, True, looks=0b1111 << shift) for shift in range(4)]
    # The last differs in 12 bits from the first, and by way of the others in few.
    chain = [observed(0.6, True, looks=(1 << 40) | ((1 << 4 * step) - 1) << 8) for step in range(4)]
    rest = [observed(0.7, True, looks=0x1234_5678_9ABC_DEF0 * (2 * number + 3) % 2**64) for number in range(20)]
    for seed in range(8):
        first, _ = split_in_halves(burst + chain + rest, seed)
        for alike in (burst, chain):
            assert len({id(each) for each in alike} & {id(each) for each in first}) in (0, 4)


# All together


def test_what_was_judged_was_not_fitted_on() -> None:
    made = photos(600, seed=7)
    found = fit_and_judge(made, target=0.9, seed=0)
    assert len(found.fitted_on) + len(found.judged_on) == 600
    assert found.outcome == found.judged_on.outcome(found.thresholds)
    assert found.fitted == found.fitted_on.outcome(found.thresholds)
    assert found.outcome.precision is not None
    assert found.outcome.precision == pytest.approx(0.9, abs=0.06)
    assert found.top1_coverage is not None
    assert found.outcome.coverage > found.top1_coverage  # groups answer more


def test_too_few_photos_are_refused() -> None:
    others = [observed(0.5, False, truth=None) for _ in range(100)]
    with pytest.raises(SetupError, match=rf"{FEWEST_PHOTOS - 1} photos of known classes are too few"):
        fit_and_judge(photos(FEWEST_PHOTOS - 1) + others, target=0.9, seed=0)


def test_photos_that_all_look_alike_are_refused() -> None:
    with pytest.raises(SetupError, match="too much alike"):
        fit_and_judge([observed(0.9, True, looks=7) for _ in range(80)], target=0.9, seed=0)


def test_a_target_out_of_reach_is_refused() -> None:
    with pytest.raises(SetupError, match=r"no thresholds reach a precision of 99\.9%.*the highest without is"):
        fit_and_judge(photos(100), target=0.999, seed=0)
