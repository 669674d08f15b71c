"""How good a taught model is, by photos that were held out: accuracy with its interval, per class, and confusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.evaluation import wilson_interval
from mobiclass.teaching.head import Floats, Integers

_DECIMALS = 4


class ClassResult(NamedTuple):
    """What became of a class's photos when they were held out.

    Attributes:
        label: the class.
        photos: how many were held out.
        right: how many of them got this class.
    """

    label: str
    photos: int
    right: int


class Confusion(NamedTuple):
    """So many held-out `photos` of one class got another."""

    truth: str
    found: str
    photos: int


class HeldOut(NamedTuple):
    """What heads that were fitted without them said of photos.

    Attributes:
        classes: each class, in the order of the labels.
        confusions: the pairs that were confused, most often first.
        effective: how many photos, each unlike all others, would tell as much; 1 to the number of photos.
    """

    classes: tuple[ClassResult, ...]
    confusions: tuple[Confusion, ...]
    effective: float

    @property
    def photos(self) -> int:
        """How many photos were held out."""
        return sum(each.photos for each in self.classes)

    @property
    def right(self) -> int:
        """How many of them got their class."""
        return sum(each.right for each in self.classes)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share that got their class: a burst is little more than one photo."""
        return wilson_interval(self.right / self.photos * self.effective, self.effective)

    def as_json(self) -> dict[str, Any]:
        """Make the object ``cross_validation``."""
        return {
            "photos": self.photos,
            "effective_photos": round(self.effective, 1),
            "top1": round(self.right / self.photos, _DECIMALS),
            "interval": [round(end, _DECIMALS) for end in self.interval],
            "classes": [
                {"name": label, "photos": photos, "top1": round(right / photos, _DECIMALS) if photos else None}
                for label, photos, right in self.classes
            ],
            "confusions": [each._asdict() for each in self.confusions],
        }


def count_held_out(
    logits: Floats, known: npt.NDArray[np.bool_], classes: Integers, groups: Integers, labels: Sequence[str]
) -> HeldOut | None:
    """Count what held-out photos got.

    Args:
        logits: (n, C), by heads that were fitted without the photo.
        known: (n,) the photos for which there are any.
        classes: (n,) what they are.
        groups: (n,) the same number for photos that look alike.
        labels: (C,).

    Returns:
        The counts; ``None`` where no photo could be held out.
    """
    if not known.any():
        return None
    truth, found = classes[known], logits[known].argmax(axis=1)
    photos = np.bincount(truth, minlength=len(labels))
    right = np.bincount(truth[truth == found], minlength=len(labels))
    pairs = Counter((int(a), int(b)) for a, b in zip(truth, found, strict=True) if a != b)
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return HeldOut(
        tuple(ClassResult(label, int(photos[i]), int(right[i])) for i, label in enumerate(labels)),
        tuple(Confusion(labels[a], labels[b], count) for (a, b), count in ranked),
        _effective(groups[known]),
    )


def _effective(groups: Integers) -> float:
    """Count photos, where all of a group are right or wrong together.

    The effective number of clusters of unequal size: the variance of the mean of n values of which those of a group are
    equal is that of n²/Σm² independent ones, m the size of each group (L. Kish, "Survey Sampling", 1965).
    """
    sizes = np.unique(groups, return_counts=True)[1]
    return float(sizes.sum() ** 2 / (sizes**2).sum())
