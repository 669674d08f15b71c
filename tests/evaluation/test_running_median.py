"""The median in a bounded memory, against the true one."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.evaluation.running_median import RunningMedian


def median_of(values: list[float]) -> float | None:
    running = RunningMedian()
    for value in values:
        running.add(value)
    return running.median


def test_nothing_has_no_median() -> None:
    assert median_of([]) is None


@given(st.lists(st.floats(0.001, 100_000), min_size=1, max_size=200))
def test_it_is_the_lower_median_within_half_a_percent(values: list[float]) -> None:
    assert median_of(values) == pytest.approx(statistics.median_low(values), rel=0.0051)


def test_no_time_at_all_is_no_error() -> None:
    assert median_of([0.0, 0.0, 5.0]) == pytest.approx(1e-6, rel=0.01)


def test_its_memory_does_not_grow_with_the_values() -> None:
    running = RunningMedian()
    for number in range(20_000):
        running.add(1 + number % 1000 / 1000)
    assert len(running._buckets) < 100
