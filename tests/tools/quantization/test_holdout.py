"""Samples are split into those to fit to and those held out; no more are used than needed."""

from __future__ import annotations

from typing import Any

import pytest

from tools.errors import CalibrationError
from tools.quantization.holdout import MIN_SAMPLES, split_samples


def test_at_most_72_samples_from_all_over_the_set_are_used() -> None:
    samples: Any = list(range(200))
    fitted, held_out = split_samples(samples)
    assert (len(fitted), len(held_out)) == (54, 18)
    assert not set(fitted) & set(held_out)
    assert max(fitted) > 190


def test_all_of_a_few_samples_are_used() -> None:
    samples: Any = list(range(MIN_SAMPLES))
    fitted, held_out = split_samples(samples)
    assert sorted([*fitted, *held_out]) == samples
    assert held_out == [0, 4]


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(CalibrationError, match="7 samples are too few"):
        split_samples([None] * 7)  # type: ignore[list-item]
