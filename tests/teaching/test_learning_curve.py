"""What more photos would bring: told where it can be, and not where a class has too few."""

from __future__ import annotations

import numpy as np
import pytest

from mobiclass.teaching.fitting import Fitter
from mobiclass.teaching.learning_curve import Point, _extrapolated, learning_curve
from mobiclass.teaching.samples import PhotoFeatures, Samples

WIDTH = 100


def samples(photos_a_class: int, spread: float) -> Samples:
    """Make three classes around means of their own."""
    random = np.random.default_rng(5)
    means = random.normal(size=(3, WIDTH))
    pairs = []
    for place, label in enumerate(("ant", "bee", "cow")):
        for number in range(photos_a_class):
            values = np.clip((means[place] + spread * random.normal(size=WIDTH)) * 8, -128, 127).astype(np.int8)
            sha256 = f"{place:02}{number:062}"
            pairs.append((label, PhotoFeatures(sha256, values[np.newaxis], np.ones(1, np.float32))))
    return Samples.of(pairs, 0)


def test_accuracy_rises_with_photos_and_is_followed_to_twice_as_many() -> None:
    fitter = Fitter(samples(40, spread=5.0))
    groups = np.arange(120)
    logits, known = fitter.held_out_logits(groups)
    top1 = float((logits[known].argmax(axis=1) == fitter.classes[known]).mean())
    curve = learning_curve(fitter, groups, top1, 120)
    assert curve is not None
    assert [round(point.photos_a_class) for point in curve.points] == [9, 18, 36]
    assert curve.points[0].top1 < curve.points[2].top1 == top1
    assert curve.at_twice is not None
    assert top1 < curve.at_twice < 1
    assert curve.low < curve.at_twice < curve.high
    assert "with twice the photos expect about" in str(curve)


def test_too_few_photos_give_no_curve() -> None:
    fitter = Fitter(samples(7, spread=1.0))
    assert learning_curve(fitter, np.arange(21), 0.9, 21) is None


def test_photos_that_look_alike_are_few_photos() -> None:
    fitter = Fitter(samples(40, spread=1.0))
    assert learning_curve(fitter, np.arange(120) // 10, 0.9, 120) is None


def test_what_does_not_rise_is_not_followed() -> None:
    curve = _extrapolated([Point(4, 0.9), Point(8, 0.9), Point(16, 0.9)], 100)
    assert (curve.at_twice, str(curve)) == (None, "more photos of this kind would change little")
    assert "with_twice_the_photos" not in curve.as_json()


def test_an_error_that_was_never_seen_is_not_0() -> None:
    curve = _extrapolated([Point(4, 0.9), Point(8, 0.95), Point(16, 1.0)], 60)
    assert curve.at_twice == pytest.approx(1.0)
    assert curve.low < 1.0 == curve.high


def test_the_range_allows_for_an_unsure_slope() -> None:
    points = [Point(4, 0.6), Point(8, 0.7), Point(16, 0.75)]
    curve = _extrapolated(points, 100)
    assert curve.at_twice is not None
    # The last point alone, 65.7 to 82.5 % by Wilson's interval, moved by the slope: narrower by half.
    error = 1 - curve.at_twice
    assert curve.high - curve.low > 1.3 * (0.825 - 0.657) * error / 0.25
    assert 0.0 <= curve.low < curve.at_twice < curve.high <= 1.0
    wider = _extrapolated(points, 10)
    assert 0.0 <= wider.low < curve.low < curve.high < wider.high <= 1.0
