"""Confidence intervals and the paired test, against published values and exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.evaluation.statistics import mcnemar_p_value, wilson_interval


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
# table I, method 3.
@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_the_literature(right: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(right, total) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 10**7).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_an_interval_holds_its_share_and_mirrors_that_of_the_others(counts: tuple[int, int]) -> None:
    right, total = counts
    low, high = wilson_interval(right, total)
    assert 0 <= low <= right / total <= high <= 1
    mirrored = wilson_interval(total - right, total)
    assert mirrored == (pytest.approx(1 - high, abs=1e-12), pytest.approx(1 - low, abs=1e-12))


def test_all_right_and_all_wrong_end_exactly() -> None:
    assert wilson_interval(20, 20)[1] == 1.0
    assert wilson_interval(0, 20)[0] == 0.0


@pytest.mark.parametrize(("right", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(right: int, total: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson_interval(right, total)


def exact(first: int, second: int) -> float:
    total = first + second
    tail = sum(math.comb(total, i) for i in range(min(first, second) + 1))
    return float(min(Fraction(1), 2 * Fraction(tail, 2**total)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(0, 0, 1), (1, 0, 1), (5, 5, 1), (1, 5, 0.21875), (0, 10, 2 / 1024), (122, 0, 2.0**-121)],
)
def test_p_values_by_hand(first: int, second: int, expected: float) -> None:
    assert mcnemar_p_value(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_p_value(second, first) == mcnemar_p_value(first, second)


@given(st.integers(0, 600), st.integers(0, 600))
def test_p_values_are_those_of_exact_arithmetic(first: int, second: int) -> None:
    assert mcnemar_p_value(first, second) == pytest.approx(exact(first, second), rel=1e-9)


def test_a_million_photos_are_no_trouble() -> None:
    assert 0 < mcnemar_p_value(499_000, 501_000) < 1
    assert mcnemar_p_value(0, 1_000_000) == 0  # too small for a float, and no error


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_p_value(-1, 3)
