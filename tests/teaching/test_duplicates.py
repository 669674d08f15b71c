"""Photos that look alike: copies are grouped, photos of one kind are not."""

from __future__ import annotations

import numpy as np

from mobiclass.teaching.duplicates import alike_groups
from mobiclass.teaching.head import unit_length

WIDTH = 200


def photos(count: int, *, shared: float = 0.0, seed: int = 0) -> np.ndarray:
    """Make directions at random, with a part that all of them share."""
    random = np.random.default_rng(seed)
    return unit_length(random.normal(size=(count, WIDTH)) + shared * random.normal(size=WIDTH))


def test_copies_and_copies_of_copies_are_one_group() -> None:
    directions = photos(30)
    noise = np.random.default_rng(1).normal(scale=0.2 / np.sqrt(WIDTH), size=(2, WIDTH))
    directions = np.concatenate([directions, unit_length(directions[[7]] + noise)])
    groups = alike_groups(directions, WIDTH)
    assert groups[7] == groups[30] == groups[31] == 7
    assert len(set(groups.tolist())) == 30


def test_what_all_photos_share_makes_no_two_alike() -> None:
    directions = photos(40, shared=5.0)
    cosines = directions @ directions.T
    assert np.median(cosines) > 0.9  # a camera that does not move
    assert len(set(alike_groups(directions, WIDTH).tolist())) == 40


def test_a_chain_is_one_group_whatever_the_order() -> None:
    random = np.random.default_rng(3)
    chain = np.cumsum(random.normal(scale=0.35 / np.sqrt(WIDTH), size=(6, WIDTH)), axis=0) + random.normal(
        scale=1 / np.sqrt(WIDTH), size=WIDTH
    )
    directions = unit_length(np.concatenate([photos(30, seed=4), chain]))
    order = random.permutation(len(directions))
    groups = alike_groups(directions[order], WIDTH)
    of_chain = groups[np.isin(order, range(30, 36))]
    assert len(set(of_chain.tolist())) == 1


def test_more_photos_than_a_block() -> None:
    directions = photos(600)
    directions[599] = directions[0]
    groups = alike_groups(directions, WIDTH)
    assert groups[599] == 0
    assert len(set(groups.tolist())) == 599


def test_few_features_tell_nothing() -> None:
    assert alike_groups(np.ones((4, 3)) / np.sqrt(3), 3).tolist() == [0, 1, 2, 3]
