"""Heads for some of the photos: what looks alike is held out together, and no class without photos wins."""

from __future__ import annotations

import numpy as np
import pytest

from mobiclass.teaching.fitting import DEFAULT_GAIN, FOLDS, Fitter, fit_gain, make_folds
from tests.teaching.test_samples import samples


def test_folds_are_even_and_keep_groups_together() -> None:
    classes = np.repeat([0, 1, 2], [20, 7, 12])
    groups = np.arange(39)
    groups[[3, 4, 5, 21]] = 3
    folds = make_folds(classes, groups)
    assert set(folds[groups == 3]) == {folds[3]}
    assert set(folds) == set(range(FOLDS))
    for place in range(3):
        sizes = np.bincount(folds[classes == place], minlength=FOLDS)
        assert sizes.max() - sizes.min() <= 4


def test_each_fold_leaves_as_many_photos_of_every_class_out() -> None:
    folds = make_folds(np.repeat([0, 1, 2], 4), np.arange(12))
    assert list(folds) == [0, 1, 2, 3] * 3


def test_a_photo_is_held_out_with_what_looks_like_it() -> None:
    """Photos of noise are told apart by nothing but their copies, which must not be among those fitted."""
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(20, 60))
    doubled = samples({"a": np.repeat(noise[:10], 2, axis=0), "b": np.repeat(noise[10:], 2, axis=0)})
    fitter = Fitter(doubled)
    logits, known = fitter.held_out_logits(np.arange(len(fitter.classes)))
    assert known.all()
    assert (logits.argmax(axis=1) == fitter.classes).mean() > 0.9  # by its copy
    pairs = np.unique(fitter.plain.round(4), axis=0, return_inverse=True)[1].reshape(-1)
    logits, known = fitter.held_out_logits(pairs)
    assert (logits.argmax(axis=1) == fitter.classes).mean() < 0.8


def test_a_class_without_photos_is_never_best_nor_tested() -> None:
    generator = np.random.default_rng(1)
    fitter = Fitter(samples({"a": generator.normal(1, 1, (6, 9)), "b": generator.normal(0, 1, (6, 9)),
                             "c": generator.normal(-1, 1, (1, 9))}))  # fmt: skip
    head = fitter.fit(fitter.classes != 2)
    assert head.logits(fitter.plain).argmax(axis=1).max() == 1
    _, known = fitter.held_out_logits(np.arange(len(fitter.classes)))
    assert list(known) == [True] * 12 + [False]


def test_with_one_photo_a_class_nothing_can_be_held_out() -> None:
    fitter = Fitter(samples({"a": np.eye(4)[:1], "b": np.eye(4)[1:2]}))
    logits, known = fitter.held_out_logits(np.arange(len(fitter.classes)))
    assert not known.any()
    assert fit_gain(logits, fitter.classes, known) == DEFAULT_GAIN


@pytest.mark.parametrize("width", [6, 300])
def test_a_head_for_features_gives_the_logits_of_the_photos(width: int) -> None:
    generator = np.random.default_rng(2)
    two = samples({"a": generator.normal(1, 1, (5, width)), "b": generator.normal(0, 1, (5, width))})
    fitter, features = Fitter(two), two.features()
    head = fitter.fit()
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    assert fitter.of_features(head).logits(features / lengths) == pytest.approx(head.logits(fitter.plain), abs=1e-4)
    assert fitter.length == pytest.approx(lengths.mean())
    logits = fitter.of_features(head).of_length(fitter.length).logits(features)
    assert fitter.logits_range(head) == pytest.approx((logits.min(), logits.max()), abs=1e-4)
