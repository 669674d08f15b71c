"""The figures of photos that were held out, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mobiclass.teaching.held_out import count_held_out

LABELS = ("a", "b", "c")


def test_the_figures_are_those_of_counting() -> None:
    classes = np.array([0, 0, 0, 1, 1, 2])
    logits = np.eye(3)[[0, 1, 1, 1, 0, 0]]
    known = np.array([True, True, True, True, True, False])
    found = count_held_out(logits, known, classes, np.arange(6), LABELS)
    assert found is not None
    assert found.as_json() == {
        "photos": 5,
        "effective_photos": 5.0,
        "top1": 0.4,
        "interval": [pytest.approx(0.1176, abs=1e-4), pytest.approx(0.7693, abs=1e-4)],
        "classes": [
            {"name": "a", "photos": 3, "top1": 0.3333},
            {"name": "b", "photos": 2, "top1": 0.5},
            {"name": "c", "photos": 0, "top1": None},
        ],
        "confusions": [
            {"truth": "a", "found": "b", "photos": 2},
            {"truth": "b", "found": "a", "photos": 1},
        ],
    }


def test_nothing_held_out_is_no_result() -> None:
    assert count_held_out(np.zeros((2, 3)), np.zeros(2, bool), np.array([0, 1]), np.arange(2), LABELS) is None


def test_a_burst_tells_little_more_than_one_photo() -> None:
    classes = np.repeat([0, 1, 2], 2)
    logits = np.eye(3)[[0, 1, 1, 1, 2, 2]]
    frames = 20
    once = count_held_out(logits, np.ones(6, bool), classes, np.arange(6), LABELS)
    bursts = count_held_out(
        np.repeat(logits, frames, axis=0), np.ones(6 * frames, bool), np.repeat(classes, frames),
        np.repeat(np.arange(6), frames), LABELS,
    )  # fmt: skip
    assert once is not None
    assert bursts is not None
    assert (bursts.photos, bursts.effective) == (120, 6)
    assert bursts.interval == pytest.approx(once.interval)


def test_one_burst_among_different_photos_counts_as_few() -> None:
    groups = np.array([0] * 90 + list(range(1, 11)))
    found = count_held_out(np.ones((100, 2)), np.ones(100, bool), np.zeros(100, int), groups, ("a", "b"))
    assert found is not None
    assert found.effective == pytest.approx(100**2 / (90**2 + 10))  # 90 photos that are one rule the mean
    assert found.interval[1] == 1.0
