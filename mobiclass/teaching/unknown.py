"""When a photo is of none of the taught classes: the cosine of its features to every class's mean is low.

The threshold is what the taught photos themselves reach, each compared with the mean of the other photos of its class:
two standard deviations below their average. Photos that look alike are left out together.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.teaching.head import Features, Integers, unit_length

FEWEST_PHOTOS: Final = 5
"""With fewer photos of a class the threshold would be a guess."""

_DEVIATIONS: Final = 2.0


class UnknownRule(NamedTuple):
    """A photo is unknown where its largest cosine to a class mean is below the threshold.

    Attributes:
        threshold: -1 to 1.
        means: (C, D) float32, rows of length 1.
    """

    threshold: float
    means: npt.NDArray[np.float32]

    @property
    def rounded(self) -> float:
        """The threshold as it is written."""
        return round(self.threshold, 4)

    def is_unknown(self, directions: Features) -> npt.NDArray[np.bool_]:
        """Say of photos, whose features (n, D) have length 1, whether each is unknown."""
        found: npt.NDArray[np.bool_] = (directions @ self.means.T).max(axis=1) < self.threshold
        return found


def fit_unknown(directions: Features, classes: Integers, groups: Integers, count: int) -> UnknownRule | None:
    """Fit the rule to photos.

    Args:
        directions: (n, D), the features of each photo, of length 1.
        classes: (n,), from 0 up to `count`.
        groups: (n,), the same number for photos that look alike.
        count: the number of classes.

    Returns:
        The rule; ``None`` where a class has fewer than `FEWEST_PHOTOS` different ones.
    """
    for place in range(count):
        if len(np.unique(groups[classes == place])) < FEWEST_PHOTOS:
            return None
    sums = np.stack([directions[classes == place].sum(axis=0) for place in range(count)]).astype(np.float64)
    means = unit_length(sums)
    cosines = np.asarray(directions @ means.T, np.float64)
    for group in np.unique(groups):
        alike = np.flatnonzero(groups == group)
        for place in np.unique(classes[alike]):
            own = alike[classes[alike] == place]
            others = unit_length((sums[place] - directions[own].sum(axis=0))[np.newaxis])[0]
            cosines[own, place] = directions[own] @ others
    best = cosines.max(axis=1)
    return UnknownRule(float(best.mean() - _DEVIATIONS * best.std()), means.astype(np.float32))
