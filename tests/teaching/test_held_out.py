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
    found = count_held_out(logits, known, classes, LABELS)
    assert found is not None
    assert found.as_json() == {
        "photos": 5,
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
    assert count_held_out(np.zeros((2, 3)), np.zeros(2, bool), np.array([0, 1]), LABELS) is None
