"""What a person should look at: photos that look mislabelled, classes that look like one, classes with few photos.

A photo looks mislabelled where a head that has not seen it gives the class that it is labelled with far less than it
mostly gives photos of that class, or far less than chance. How sure it is of another class tells less: a wrong label is
mostly one that the photo looks nothing like, while photos between two classes are often given the other one, surely.
docs/teaching.md has the measurements. (The score of the given label: "self-confidence" in Northcutt, Jiang and Chuang,
"Confident Learning: Estimating Uncertainty in Dataset Labels", 2021.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from mobiclass.teaching.head import Booleans, Floats, Integers
from mobiclass.teaching.unknown import FEWEST_PHOTOS

_PART_OF_USUAL: Final = 0.11  # of the mean score of the class's own photos
_PART_OF_CHANCE: Final = 0.3  # of 1 / classes; with two or three classes the mean is little above chance
_ALIKE_SHARE: Final = 0.3  # of the photos of two classes that are taken for the other
_ALIKE_PHOTOS: Final = 4


class Suspect(NamedTuple):
    """A photo that looks mislabelled.

    Attributes:
        photo: its number.
        label: the class that it was given.
        looks_like: the class that it looks like.
        score: of that class, 0 to 1.
    """

    photo: int
    label: str
    looks_like: str
    score: float


class Suspicions(NamedTuple):
    """What was found.

    Attributes:
        photos: those that look mislabelled, those that look least like their class first.
        alike: pairs of classes that look like one, with the part of their photos that was taken for the other.
        few: classes with too few photos for a rule of unknown ones, and how many they have.
    """

    photos: tuple[Suspect, ...]
    alike: tuple[tuple[str, str, float], ...]
    few: tuple[tuple[str, int], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "mislabelled": len(self.photos),
            "alike_classes": [[one, other, round(share, 4)] for one, other, share in self.alike],
            "classes_with_few_photos": dict(self.few),
        }


def find_suspects(scores: Floats, known: Booleans, classes: Integers, labels: Sequence[str]) -> Suspicions:
    """Look for what may be wrong with the photos.

    Args:
        scores: (n, C) of each photo for each class, 0 to 1, by a head that has not seen it.
        known: (n,) for which photos there are any.
        classes: (n,) the class of each photo.
        labels: the classes' names.
    """
    counts = np.bincount(classes, minlength=len(labels))
    few = tuple((label, int(count)) for label, count in zip(labels, counts, strict=True) if count < FEWEST_PHOTOS)
    return Suspicions(_mislabelled(scores, known, classes, labels), _alike(scores, known, classes, labels), few)


def _mislabelled(scores: Floats, known: Booleans, classes: Integers, labels: Sequence[str]) -> tuple[Suspect, ...]:
    usual = np.zeros(len(labels))
    for place in range(len(labels)):
        own = scores[known & (classes == place), place]
        if len(own):
            usual[place] = own.mean()
    best = scores.argmax(axis=1)
    rows = np.arange(len(classes))
    given = scores[rows, classes]
    bars = np.maximum(_PART_OF_USUAL * usual, _PART_OF_CHANCE / len(labels))
    suspicious = known & (best != classes) & (given < bars[classes])
    places = np.flatnonzero(suspicious)
    return tuple(
        Suspect(int(place), labels[classes[place]], labels[best[place]], round(float(scores[place, best[place]]), 4))
        for place in places[np.argsort(given[places], kind="stable")]
    )


def _alike(
    scores: Floats, known: Booleans, classes: Integers, labels: Sequence[str]
) -> tuple[tuple[str, str, float], ...]:
    taken = np.zeros((len(labels), len(labels)))
    np.add.at(taken, (classes[known], scores[known].argmax(axis=1)), 1)
    totals = taken.sum(axis=1)
    found = []
    for one in range(len(labels)):
        for other in range(one + 1, len(labels)):
            crossed = taken[one, other] + taken[other, one]
            photos = totals[one] + totals[other]
            if photos and crossed >= _ALIKE_PHOTOS and min(taken[one, other], taken[other, one]) > 0:
                share = float(crossed / photos)
                if share >= _ALIKE_SHARE:
                    found.append((labels[one], labels[other], share))
    return tuple(sorted(found, key=lambda pair: -pair[2]))
