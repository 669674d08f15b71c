"""How long one call takes: timed until its median is known well enough. It knows nothing about models.

Percentiles are interpolated between the two nearest runs (`statistics.quantiles`, method "inclusive").
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from math import sqrt
from statistics import quantiles
from time import perf_counter
from typing import Final, NamedTuple

_WARM_UP_SECONDS: Final = 0.3
_MIN_RUNS: Final = 30  # for a meaningful 90th percentile
_MIN_SECONDS: Final = 1.0
_MAX_SECONDS: Final = 10.0
_STEADY: Final = 0.02  # maximum width of the 95 % confidence interval, as a fraction of the median
_Z_95: Final = 1.96


class Latency(NamedTuple):
    """The times of many runs, in milliseconds.

    Attributes:
        p50_ms: the median: half of the runs took no longer.
        p90_ms: nine of ten took no longer.
        p99_ms: 99 of 100 took no longer.
        runs: the number of timed runs.
        steady: whether the median is known to within ±1 %, with a confidence of 95 %.
    """

    p50_ms: float
    p90_ms: float
    p99_ms: float
    runs: int
    steady: bool

    @property
    def spread(self) -> float:
        """How far the 90th percentile lies above the median, as a fraction of the median."""
        return self.p90_ms / self.p50_ms - 1


def warm_up(call: Callable[[], object]) -> None:
    """Run `call` until caches are warm and the processor's clock is up: for 0.3 s, and at least once."""
    end = perf_counter() + _WARM_UP_SECONDS
    while True:
        call()
        if perf_counter() >= end:
            return


def measure_latency(call: Callable[[], object], seconds: float | None = None) -> Latency:
    """Time `call`, which is warm, repeatedly for `seconds`, or until the median is steady.

    Without `seconds` it takes 1 to 10 s, and at least 30 runs. Python's garbage collector is off meanwhile.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        times = _timed(call, seconds)
    finally:
        if collecting:
            gc.enable()
    return summarize(times)


def summarize(seconds: Sequence[float]) -> Latency:
    """Return the percentiles of at least two run times in seconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    p50, p90, p99 = (round(cuts[rank - 1] * 1000, 4) for rank in (50, 90, 99))
    return Latency(p50, p90, p99, len(seconds), is_steady(seconds))


def is_steady(seconds: Sequence[float]) -> bool:
    """Whether the 95 % confidence interval of the median is at most 2 % of it wide.

    The interval lies between order statistics, which assumes no distribution of the times: ranks n/2 ± 1.96·√n/2
    (Conover, Practical Nonparametric Statistics, 3.2).
    """
    count = len(seconds)
    if count < _MIN_RUNS:
        return False
    ordered = sorted(seconds)
    half = _Z_95 * sqrt(count) / 2
    low, high = ordered[max(0, int(count / 2 - half) - 1)], ordered[min(count - 1, int(count / 2 + half))]
    return high - low <= _STEADY * ordered[count // 2]


def _timed(call: Callable[[], object], seconds: float | None) -> list[float]:
    times: list[float] = []
    started = previous = perf_counter()
    next_look = _MIN_RUNS
    while True:
        call()
        now = perf_counter()
        times.append(now - previous)
        elapsed = now - started
        if seconds is not None:
            if elapsed >= seconds and len(times) > 1:
                return times
        elif len(times) >= next_look:
            if elapsed >= _MAX_SECONDS or (elapsed >= _MIN_SECONDS and is_steady(times)):
                return times
            next_look = len(times) + max(1, len(times) // 5)
        previous = perf_counter()  # the check is not part of the call's time
