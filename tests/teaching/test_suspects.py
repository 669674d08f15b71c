"""Mislabelled photos, classes that look like one, and classes with few photos, all put there on purpose."""

from __future__ import annotations

import numpy as np

from mobiclass.teaching.suspects import find_suspects

LABELS = ("ant", "bee", "cow")


def scores_of(best: list[int], sure: float = 0.9) -> np.ndarray:
    scores = np.full((len(best), 3), (1 - sure) / 2)
    scores[np.arange(len(best)), best] = sure
    return scores


def test_photos_with_a_wrong_label_are_found_and_no_others() -> None:
    classes = np.repeat(np.arange(3), 10)
    best = classes.tolist()
    best[3], best[25] = 2, 0
    found = find_suspects(scores_of(best), np.ones(30, bool), classes, LABELS)
    assert [(each.photo, each.label, each.looks_like, each.score) for each in found.photos] == [
        (3, "ant", "cow", 0.9), (25, "cow", "ant", 0.9),
    ]  # fmt: skip
    assert (found.alike, found.few) == ((), ())


def test_what_is_hardly_another_class_is_no_suspect() -> None:
    classes = np.repeat(np.arange(3), 10)
    scores = scores_of(classes.tolist())
    scores[0] = (0.45, 0.55, 0.0)
    assert find_suspects(scores, np.ones(30, bool), classes, LABELS).photos == ()


def test_photos_that_nobody_judged_are_no_suspects() -> None:
    classes = np.repeat(np.arange(3), 10)
    best = [1, *classes[1:].tolist()]
    known = np.ones(30, bool)
    known[0] = False
    assert find_suspects(scores_of(best), known, classes, LABELS).photos == ()


def test_two_classes_that_look_like_one() -> None:
    classes = np.repeat(np.arange(3), 10)
    best = [1, 1, 1, 1, *[0] * 6, 0, 0, 0, *[1] * 7, *[2] * 10]
    found = find_suspects(scores_of(best, 0.5), np.ones(30, bool), classes, LABELS)
    assert found.alike == (("ant", "bee", 0.35),)
    assert found.as_json()["alike_classes"] == [["ant", "bee", 0.35]]


def test_classes_with_few_photos() -> None:
    classes = np.array([0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    found = find_suspects(scores_of(classes.tolist()), np.zeros(11, bool), classes, LABELS)
    assert found.few == (("ant", 2), ("cow", 4))


def test_a_photo_between_two_classes_is_no_suspect_however_sure_the_other_is() -> None:
    classes = np.repeat(np.arange(3), 10)
    scores = scores_of(classes.tolist(), 0.8)
    scores[0] = (0.12, 0.87, 0.01)
    assert find_suspects(scores, np.ones(30, bool), classes, LABELS).photos == ()


def test_a_photo_that_looks_nothing_like_its_class_is_a_suspect_though_no_other_is_sure() -> None:
    classes = np.repeat(np.arange(3), 10)
    scores = scores_of(classes.tolist())
    scores[0] = (0.02, 0.5, 0.48)
    found = find_suspects(scores, np.ones(30, bool), classes, LABELS)
    assert [(each.photo, each.looks_like) for each in found.photos] == [(0, "bee")]


def test_those_that_look_least_like_their_class_come_first() -> None:
    classes = np.repeat(np.arange(3), 10)
    scores = scores_of(classes.tolist())
    scores[2], scores[11] = (0.05, 0.95, 0.0), (0.3, 0.01, 0.69)
    found = find_suspects(scores, np.ones(30, bool), classes, LABELS)
    assert [each.photo for each in found.photos] == [11, 2]
