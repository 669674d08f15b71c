"""Confidence intervals of accuracies, and a test whether two models differ."""

from __future__ import annotations

import math
from typing import Final

_Z_95: Final = 1.959963984540054  # the standard normal distribution's 97.5 % quantile
_NEGLIGIBLE: Final = 1e-18


def wilson_interval(right: float, total: float) -> tuple[float, float]:
    """Compute Wilson's 95 % confidence interval of a proportion, `right` of `total`.

    With p = right/total, n = total and z = 1.96 its ends are
    ``(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)``. Unlike p ± z·√(p(1−p)/n) it stays within 0 and 1, and is
    valid for few photos and for proportions near 1. Where photos depend on each other, `total` is the
    effective number of photos, and `right` the same share of it; neither need be whole.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association 22 (1927), 209–212.

    Raises:
        ValueError: `total` is less than 1, or `right` not from 0 to `total`.
    """
    if not 0 <= right <= total or total < 1:
        raise ValueError(f"{right} of {total} is no share")
    p, z2 = right / total, _Z_95**2
    centre = p + z2 / (2 * total)
    spread = _Z_95 * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    scale = 1 + z2 / total
    # Exactly 0 and 1 at the ends, which rounding would miss.
    low = 0.0 if right == 0 else (centre - spread) / scale
    high = 1.0 if right == total else (centre + spread) / scale
    return low, high


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Compute the p-value of McNemar's exact test: how probable so uneven a split is if both models are equally good.

    Each of the n = only_first + only_second photos on which one model alone is right would then be either's with
    probability 1/2: the two-sided exact test is ``min(1, 2·Σ_{i≤k} C(n,i)/2ⁿ)`` with k the smaller of the two counts.

    Source: Q. McNemar, "Note on the Sampling Error of the Difference between Correlated Proportions or Percentages",
    Psychometrika 12 (1947), 153–157; in its exact, binomial form.

    Raises:
        ValueError: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise ValueError("counts are not negative")
    total, smaller = only_first + only_second, min(only_first, only_second)
    # In logarithms: 2ⁿ of a thousand photos is beyond a float.
    log_term = (
        math.lgamma(total + 1) - math.lgamma(smaller + 1) - math.lgamma(total - smaller + 1) - total * math.log(2)
    )
    term = math.exp(log_term)
    sum_ = 0.0
    for i in range(smaller, -1, -1):
        sum_ += term
        if term <= sum_ * _NEGLIGIBLE:
            break
        term *= i / (total - i + 1)  # C(n, i−1) = C(n, i)·i/(n−i+1)
    return min(1.0, 2 * sum_)
