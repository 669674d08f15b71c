"""What can be said of a tensor's values before the model runs: their range, and their sum.

Sums are kept as linear forms over the unknown sums of other tensors, so that ``p`` and ``1 − p`` add up to 1 although
neither is known. It knows arithmetic, not operators: see `mobiclass.tflite.tracing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, isfinite
from typing import Final

_MAX_TERMS: Final = 64
_TINY: Final = 1e-3  # what is added so that nothing is divided by zero, and what rounding leaves
_MAX_EXPONENT: Final = 700.0


@dataclass(frozen=True, slots=True)
class Sum:
    """A constant and a multiple of each of some unknown sums, by the tensors that these are of."""

    constant: float = 0.0
    terms: dict[int, float] = field(default_factory=dict)

    def plus(self, other: Sum, factor: float = 1.0) -> Sum | None:
        """Add `factor` times `other`; ``None`` where that becomes too long."""
        terms = dict(self.terms)
        for tensor, times in other.terms.items():
            terms[tensor] = terms.get(tensor, 0.0) + factor * times
        # What cancels out does so exactly, or but for rounding.
        terms = {tensor: times for tensor, times in terms.items() if abs(times) > 1e-9}
        return Sum(self.constant + factor * other.constant, terms) if len(terms) <= _MAX_TERMS else None

    def times(self, factor: float) -> Sum:
        """Multiply by a constant."""
        terms = {tensor: factor * times for tensor, times in self.terms.items()}
        return Sum(factor * self.constant, {tensor: times for tensor, times in terms.items() if times})

    @property
    def known(self) -> float | None:
        """The sum itself, if nothing in it is unknown."""
        return None if self.terms else self.constant

    def over(self, other: Sum) -> float | None:
        """Divide by `other`, if this is a multiple of it but for a tiny constant."""
        if not self.terms or self.terms.keys() != other.terms.keys():
            return None
        ratios = [times / other.terms[tensor] for tensor, times in self.terms.items()]
        if max(ratios) - min(ratios) > 1e-6 * abs(ratios[0]):
            return None
        return ratios[0] if abs(self.constant - ratios[0] * other.constant) <= _TINY else None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of the values of one tensor.

    Attributes:
        low: no value is less.
        high: no value is greater.
        total: the sum of all values.
        at_most: their sum is not greater.
    """

    low: float
    high: float
    total: Sum
    at_most: float = inf

    @classmethod
    def unknown(cls, tensor: int, low: float = -inf, high: float = inf) -> Bounds:
        """Know of `tensor` no more than its range."""
        return cls(low, high, Sum(terms={tensor: 1.0}))

    @classmethod
    def of_constants(cls, values: tuple[float, ...]) -> Bounds:
        """Know the values themselves."""
        return cls(min(values), max(values), Sum(sum(values)))

    @property
    def in_unit_range(self) -> bool:
        """Whether all values lie from 0 to 1."""
        return self.low >= -_TINY and self.high <= 1 + _TINY

    @property
    def is_distribution(self) -> bool:
        """Whether the values are probabilities of which one class, or none, is right."""
        if self.low < -_TINY:
            return False
        total = self.total.known
        return (total is not None and abs(total - 1) <= 0.01) or (self.at_most <= 1 + _TINY and self.in_unit_range)

    def scaled(self, factor: float) -> Bounds:
        """Multiply by a constant."""
        ends = (_product(self.low, factor), _product(self.high, factor))
        at_most = self.at_most * factor if factor > 0 else inf
        return Bounds(min(ends), max(ends), self.total.times(factor), at_most)

    def added(self, other: Bounds, repeats: tuple[float, float], sign: float, tensor: int) -> Bounds:
        """Add `sign` times `other`; each value of the two is used as often as `repeats` say."""
        second = other.scaled(sign)
        total = self.total.times(repeats[0]).plus(second.total, repeats[1])
        low, high = self.low + second.low, self.high + second.high
        return Bounds(low, high, total) if total else Bounds.unknown(tensor, low, high)

    def multiplied(self, other: Bounds, tensor: int) -> Bounds:
        """Multiply value by value."""
        ends = [_product(one, two) for one in (self.low, self.high) for two in (other.low, other.high)]
        return Bounds.unknown(tensor, min(ends), max(ends))

    def clipped(self, low: float, high: float, tensor: int) -> Bounds:
        """Limit the values to `low` and `high`; the sum is kept where that changes next to nothing."""
        kept = low <= self.low + _TINY / 10 and high >= self.high - _TINY
        ends = min(max(self.low, low), high), min(max(self.high, low), high)
        return Bounds(*ends, self.total, self.at_most) if kept else Bounds.unknown(tensor, *ends)

    def averaged(self, count: float) -> Bounds:
        """Take the mean of so many values instead of each of them."""
        return Bounds(self.low, self.high, self.total.times(1 / count), self.at_most / count)

    def part(self, tensor: int) -> Bounds:
        """Take some of the values, each once at most."""
        total = self.total.known
        limit = min(self.at_most, inf if total is None else total) if self.low >= 0 else inf
        return Bounds(self.low, self.high, Sum(terms={tensor: 1.0}), limit)

    def exponential(self, tensor: int) -> Bounds:
        """Raise e to the power of each value."""
        low, high = (exp(end) if abs(end) < _MAX_EXPONENT else inf if end > 0 else 0.0 for end in (self.low, self.high))
        return Bounds.unknown(tensor, low if isfinite(low) else 0.0, high)


def distribution(rows: float = 1.0) -> Bounds:
    """Know values from 0 to 1 of which each of so many `rows` adds up to 1."""
    return Bounds(0.0, 1.0, Sum(rows))


def _product(one: float, two: float) -> float:
    return 0.0 if one == 0 or two == 0 else one * two
