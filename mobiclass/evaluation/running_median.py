"""The median of any number of positive values, in a memory that does not grow with their number.

Values are counted in buckets, each 1 % wide, so the median is right to half a percent.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

_LOG_WIDTH: Final = math.log(1.01)
_LEAST: Final = 1e-6


class RunningMedian:
    """Counts values, and knows their median."""

    def __init__(self) -> None:
        """Begin without any value."""
        self._buckets: Counter[int] = Counter()

    def add(self, value: float) -> None:
        """Count `value`; what is under a millionth counts as that."""
        self._buckets[round(math.log(max(value, _LEAST)) / _LOG_WIDTH)] += 1

    @property
    def median(self) -> float | None:
        """The (lower) median, within half a percent; ``None`` before the first value."""
        below, half = 0, (self._buckets.total() + 1) // 2
        for bucket in sorted(self._buckets):
            below += self._buckets[bucket]
            if below >= half:
                return math.exp(bucket * _LOG_WIDTH)
        return None
