"""What more photos would bring: the error at fewer photos, and from there on.

Errors fall about as a power of the number of photos (Cortes et al., "Learning Curves: Asymptotic Values and Rate of
Convergence", 1993, without the asymptote, which a few dozen photos do not show).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from mobiclass.teaching.fitting import Fitter, make_folds
from mobiclass.teaching.head import Integers

_SHARES: Final = (0.25, 0.5)
_FEWEST_GROUPS: Final = 8  # of a class: of fewer a quarter is one or two
_LEAST_FALL: Final = 0.02  # in the exponent: below it nothing falls
_Z_95: Final = 1.96
_STEEPEST: Final = 1.0  # errors that fall faster than 1/n are luck


class Point(NamedTuple):
    """The accuracy of heads that were fitted to so many photos a class, on average."""

    photos_a_class: float
    top1: float


class LearningCurve(NamedTuple):
    """Points, and what twice the photos would bring.

    Attributes:
        points: the fewest photos first.
        at_twice: the accuracy to expect from twice the photos; ``None`` where the points do not show any rise.
        low: of its range.
        high: likewise.
    """

    points: tuple[Point, ...]
    at_twice: float | None
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        points = [
            {"photos_a_class": round(each.photos_a_class, 1), "top1": round(each.top1, 4)} for each in self.points
        ]
        if self.at_twice is None:
            return {"points": points}
        return {
            "points": points,
            "with_twice_the_photos": {
                "value": round(self.at_twice, 4), "interval": [round(self.low, 4), round(self.high, 4)],
            },
        }  # fmt: skip

    def __str__(self) -> str:
        if self.at_twice is None:
            return "more photos of this kind would change little"
        low, high = self.low * 100, self.high * 100
        return f"with twice the photos expect about {self.at_twice * 100:.0f} % ({low:.0f}–{high:.0f})"


def learning_curve(fitter: Fitter, groups: Integers, top1: float, judged: float) -> LearningCurve | None:
    """Fit heads to a quarter and to half of the photos that cross-validation fits to, and judge them likewise.

    Args:
        fitter: the photos.
        groups: (n,) the same number for photos that look alike.
        top1: the accuracy of heads fitted to all of these photos.
        judged: the number of photos that it was judged on, those that look alike counted as fewer.

    Returns:
        The curve; ``None`` where a class has too few photos to leave most of them out.
    """
    different = [len(np.unique(groups[fitter.classes == place])) for place in range(fitter.count)]
    if min(different) < _FEWEST_GROUPS:
        return None
    folds = make_folds(fitter.classes, groups)
    points = [_point(fitter, groups, folds, share) for share in _SHARES]
    fitted = float(np.mean([np.bincount(fitter.classes[folds != fold], minlength=fitter.count).mean()
                            for fold in np.unique(folds)]))  # fmt: skip
    points.append(Point(fitted, top1))
    return _extrapolated(points, judged)


def _point(fitter: Fitter, groups: Integers, folds: Integers, share: float) -> Point:
    """Judge heads that are fitted to a share of what cross-validation fits to."""
    right, total, sizes = 0, 0, []
    for fold in np.unique(folds):
        out = folds == fold
        photos = np.zeros(len(folds), bool)
        for place in range(fitter.count):
            there = np.unique(groups[(fitter.classes == place) & ~out])
            # Every so many-th group: the order is that of the photos' digests, and so as good as random.
            kept = there[np.linspace(0, len(there) - 1, max(1, round(len(there) * share))).round().astype(int)]
            photos |= np.isin(groups, kept) & (fitter.classes == place) & ~out
        sizes.append(float(photos.sum()) / fitter.count)
        right += int((fitter.fit(photos).logits(fitter.plain[out]).argmax(axis=1) == fitter.classes[out]).sum())
        total += int(out.sum())
    return Point(float(np.mean(sizes)), right / total)


def _extrapolated(points: list[Point], judged: float) -> LearningCurve:
    """Draw the power law through the points, and follow it from the last one to twice the photos.

    What it then says of the logarithm of the error is a weighted sum of the points', so its variance is that of the
    points, weighted by the squares; a point's is (1 − e) / (e · judged), by the binomial distribution of its errors e.
    The slope is far less sure than the last point: a range of that alone would hold the truth in 55 to 80 of 100 draws.
    """
    curve = tuple(points)
    half = 0.5 / judged  # an error that was never seen is not 0
    errors = np.array([min(max(half, 1 - each.top1), 1 - half) for each in points])
    sizes = np.log([each.photos_a_class for each in points])
    slopes = (sizes - sizes.mean()) / ((sizes - sizes.mean()) ** 2).sum()  # what each point adds to the slope
    fall = min(_STEEPEST, -float(slopes @ np.log(errors)))
    last = points[-1].top1
    if fall < _LEAST_FALL:
        return LearningCurve(curve, None, last, last)
    weights = np.log(2.0) * slopes
    weights[-1] += 1
    spread = _Z_95 * float(np.sqrt(weights**2 @ ((1 - errors) / (errors * judged))))
    expected = float(errors[-1]) * 2.0**-fall
    low, high = (1 - min(1.0, expected * float(np.exp(sign * spread))) for sign in (1, -1))
    at_twice = 1 - (1 - last) * 2.0**-fall
    return LearningCurve(curve, at_twice, low, max(high, at_twice))  # errors that were never seen count as a half
