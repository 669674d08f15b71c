"""The rule for photos of none of the classes."""

from __future__ import annotations

import numpy as np
import pytest

from mobiclass.teaching.head import unit_length
from mobiclass.teaching.unknown import FEWEST_PHOTOS, fit_unknown


def around(centre: int, photos: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return unit_length(np.eye(40)[centre] * 3 + generator.normal(0, 0.3, (photos, 40)))


def test_other_things_are_unknown_and_the_classes_are_not() -> None:
    directions = np.concatenate([around(0, 12, 1), around(1, 12, 2)])
    rule = fit_unknown(directions, np.repeat([0, 1], 12), np.arange(24), 2)
    assert rule is not None
    assert rule.is_unknown(around(2, 50, 3)).all()
    assert rule.is_unknown(np.concatenate([around(0, 50, 4), around(1, 50, 5)])).mean() < 0.15
    assert np.linalg.norm(rule.means, axis=1) == pytest.approx(1, abs=1e-6)
    assert rule.means.dtype == np.float32


def test_each_photo_is_compared_with_the_others_alone() -> None:
    """By counting: the mean of the cosines to the mean of the others, less two standard deviations."""
    directions = np.concatenate([around(0, 5, 1), around(1, 6, 2)])
    classes = np.repeat([0, 1], [5, 6])
    rule = fit_unknown(directions, classes, np.arange(11), 2)
    assert rule is not None
    cosines = []
    for place in range(11):
        others = (classes == classes[place]) & (np.arange(11) != place)
        own = unit_length(directions[others].mean(axis=0, keepdims=True))
        other = unit_length(directions[classes != classes[place]].mean(axis=0, keepdims=True))
        cosines.append(max((directions[place] @ own.T).item(), (directions[place] @ other.T).item()))
    assert rule.threshold == pytest.approx(np.mean(cosines) - 2 * np.std(cosines))


def test_copies_are_left_out_together() -> None:
    one = np.concatenate([around(0, 6, 1), around(1, 6, 2)])
    classes, groups = np.repeat([0, 1], 6), np.arange(12)
    twice = fit_unknown(np.concatenate([one, one]), np.tile(classes, 2), np.tile(groups, 2), 2)
    once = fit_unknown(one, classes, groups, 2)
    assert twice is not None
    assert once is not None
    assert twice.threshold == pytest.approx(once.threshold)


@pytest.mark.parametrize("copies", [False, True])
def test_there_is_none_where_a_class_has_few_different_photos(copies: bool) -> None:
    few = FEWEST_PHOTOS - 1
    directions = np.concatenate([around(0, 12, 1), around(1, few, 2)])
    groups = np.arange(12 + few)
    classes = np.repeat([0, 1], [12, few])
    if copies:
        directions, classes = np.concatenate([directions, directions[-3:]]), np.append(classes, [1, 1, 1])
        groups = np.append(groups, groups[-3:])
    assert fit_unknown(directions, classes, groups, 2) is None
