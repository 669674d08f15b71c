"""Fitting a head to samples, or to some of their photos: a head is tested by others that are fitted likewise."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mobiclass.teaching.head import (
    Features,
    Floats,
    Head,
    Integers,
    best_gain,
    equal_class_weights,
    fit_head,
    in_their_span,
)
from mobiclass.teaching.samples import Samples
from mobiclass.teaching.views import view_shares

FOLDS: Final = 10
FOLDS_OF_MANY: Final = 5
MANY_PHOTOS: Final = 400
"""With more photos than this there are fewer folds: leaving a fifth out changes little, and takes half the time."""

_NEVER: Final = -1e6
DEFAULT_GAIN: Final = 4.0
"""What logits are multiplied by where too few photos are there to find out."""


class Fitter:
    """The features of samples as directions, and heads fitted to them.

    Attributes:
        count: the number of classes.
        classes: (n,) the class of each photo.
        plain: (n, W) the direction of each photo as it is; all of their distances and angles are those of the features.
        length: the mean length of the photos' features.
    """

    def __init__(self, samples: Samples) -> None:
        self.count = len(samples.labels)
        self.classes = samples.classes
        features = samples.features()
        self._lengths = np.linalg.norm(features, axis=1)
        self.length = float(self._lengths[samples.is_plain].mean()) or 1.0
        features /= np.maximum(self._lengths, np.finfo(np.float32).tiny)[:, np.newaxis]
        self._directions, self._basis = in_their_span(features)
        self.plain: Features = self._directions[samples.is_plain]
        self._photo_of_row = samples.photo_of_row
        views = np.bincount(self._photo_of_row)
        self._shares = np.concatenate([view_shares(int(number)) for number in views])

    def fit(self, photos: npt.NDArray[np.bool_] | None = None) -> Head:
        """Fit a head for `plain` to all views of those `photos` (n,), or of all.

        A class without a photo among them is never the best.
        """
        rows = slice(None) if photos is None else photos[self._photo_of_row]
        there, classes = np.unique(self.classes[self._photo_of_row[rows]], return_inverse=True)
        weights = equal_class_weights(classes, len(there), self._shares[rows])
        found = fit_head(self._directions[rows], classes, len(there), weights)
        head = Head(np.zeros((self.count, self.plain.shape[1])), np.full(self.count, _NEVER))
        head.weights[there], head.bias[there] = found
        return head

    def logits_range(self, head: Head) -> tuple[float, float]:
        """Give the least and the greatest logit of all views, their features as long as they are."""
        logits = (self._directions @ head.weights.T) * (self._lengths / self.length)[:, np.newaxis] + head.bias
        return float(logits.min()), float(logits.max())

    def of_features(self, head: Head) -> Head:
        """Turn a head for `plain` into one for features of length 1."""
        return Head(self.as_features(head.weights), head.bias)

    def as_features(self, coordinates: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn rows of coordinates (k, W), such as those of `plain`, into rows of features (k, D)."""
        return coordinates if self._basis is None else (coordinates @ self._basis).astype(coordinates.dtype)

    def held_out_logits(self, groups: Integers) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Compute each photo's logits by a head that was fitted without it and without what looks like it.

        Args:
            groups: (n,) the same number for photos that look alike.

        Returns:
            The logits (n, C), and for which photos there are any: not for those without which their class is empty.
        """
        logits = np.zeros((len(self.classes), self.count))
        folds = make_folds(self.classes, groups)
        known = np.zeros(len(folds), np.bool_)
        for fold in np.unique(folds):
            out = folds == fold
            left = np.bincount(self.classes[~out], minlength=self.count)
            if np.count_nonzero(left) < 2:
                continue
            logits[out] = self.fit(~out).logits(self.plain[out])
            known |= out & (left[self.classes] > 0)
        return logits, known


def make_folds(classes: Integers, groups: Integers) -> Integers:
    """Deal the photos to folds: the photos of a group together, each class evenly; (n,) of fold numbers.

    Every class begins with the first fold, so that each fold leaves out as many photos of every class: one that lost
    more than the others would be at a disadvantage.
    """
    count = FOLDS_OF_MANY if len(classes) > MANY_PHOTOS else FOLDS
    folds = np.full(len(classes), -1, np.intp)
    for place in np.unique(classes):
        next_fold = 0
        for photo in np.flatnonzero(classes == place):
            if folds[photo] < 0:
                folds[groups == groups[photo]] = next_fold % count
                next_fold += 1
    return folds


def fit_gain(logits: Floats, classes: Integers, known: npt.NDArray[np.bool_]) -> float:
    """Find what to multiply logits by, from those of photos that were held out."""
    return best_gain(logits[known], classes[known]) if known.sum() > logits.shape[1] else DEFAULT_GAIN
