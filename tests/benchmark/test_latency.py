"""Timing calls: percentiles, and when a median is known well enough. The calls are counted; nothing here is a race."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from mobiclass.benchmark import latency
from mobiclass.benchmark.latency import is_steady, measure_latency, summarize, warm_up


def test_percentiles_are_those_of_the_runs() -> None:
    found = summarize([number / 1000 for number in range(1, 102)])  # 1 to 101 ms
    assert (found.p50_ms, found.p90_ms, found.p99_ms, found.runs) == (51.0, 91.0, 100.0, 101)
    assert found.spread == pytest.approx(91 / 51 - 1)


@pytest.mark.parametrize(
    ("times", "steady"),
    [
        ([0.010] * 30, True),
        ([0.010] * 29, False),  # too few to say anything of
        ([0.010] * 20 + [0.020] * 20, False),  # two modes: the median may be either
        ([0.010] * 45 + [0.100] * 5, True),  # rare delays do not move it
        ([0.010 + number * 1e-6 for number in range(100)], True),
        ([0.010 + number * 1e-4 for number in range(100)], False),
    ],
)
def test_a_median_is_steady_when_its_interval_is_narrow(times: list[float], steady: bool) -> None:
    assert is_steady(times) is steady
    assert summarize(times).steady is steady


class Clock:
    """A clock that only a call moves on, each time by the next of some steps."""

    def __init__(self, steps: Iterator[float]) -> None:
        self.now = 0.0
        self.calls = 0
        self._steps = steps

    def __call__(self) -> float:
        return self.now

    def call(self) -> None:
        self.calls += 1
        self.now += next(self._steps)


def alternating(*steps: float) -> Iterator[float]:
    while True:
        yield from steps


def test_steady_calls_are_timed_for_a_second_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(alternating(0.010))
    monkeypatch.setattr(latency, "perf_counter", clock)
    found = measure_latency(clock.call)
    assert found.p50_ms == found.p99_ms == pytest.approx(10.0)
    assert found.steady
    assert 100 <= found.runs <= 130
    assert clock.calls == found.runs


@pytest.mark.parametrize(("step", "calls"), [(0.010, 30), (5.0, 1)])
def test_a_warm_up_is_short_and_no_less_than_a_call(step: float, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(alternating(step))
    monkeypatch.setattr(latency, "perf_counter", clock)
    warm_up(clock.call)
    assert clock.calls in (calls, calls + 1)


def test_unsteady_calls_are_timed_for_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(alternating(0.010, 0.020))
    monkeypatch.setattr(latency, "perf_counter", clock)
    found = measure_latency(clock.call)
    assert not found.steady
    assert 10 <= found.runs * 0.015 <= 13


def test_a_given_time_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(alternating(0.010))
    monkeypatch.setattr(latency, "perf_counter", clock)
    assert measure_latency(clock.call, seconds=0.2).runs in (20, 21)
    assert measure_latency(clock.call, seconds=0.001).runs == 2  # fewer have no percentiles


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_rests_and_is_left_as_it_was(collecting: bool) -> None:
    seen: list[bool] = []
    was = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        measure_latency(lambda: seen.append(gc.isenabled()), seconds=0.01)
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if was else gc.disable)()
    assert seen[-1] is False
