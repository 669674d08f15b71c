"""The linear head: what it minimizes is at its minimum, in whatever coordinates, and its classes weigh the same."""

from __future__ import annotations

import numpy as np
import pytest

from mobiclass.teaching.head import (
    STRENGTH,
    Head,
    best_gain,
    equal_class_weights,
    fit_head,
    in_their_span,
    minimize,
    unit_length,
)


def clouds(width: int, photos: int, count: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make `photos` directions a class around `count` directions that differ."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(0, 1, (count, width))
    classes = np.repeat(np.arange(count), photos)
    return unit_length(centres[classes] + generator.normal(0, 0.5, (len(classes), width))), classes


def objective(head: Head, directions: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> float:
    """Compute what the head is to minimize, by its definition."""
    scale = np.sqrt(np.average(((directions - weights @ directions / weights.sum()) ** 2).sum(axis=1), weights=weights))
    logits = head.logits(directions)
    entropy = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(classes)), classes]
    return float(((head.weights * scale) ** 2).sum() / 2 + STRENGTH * weights @ entropy)


@pytest.mark.parametrize("width", [5, 200])
def test_no_other_head_is_better(width: int) -> None:
    directions, classes = clouds(width, 8)
    weights = equal_class_weights(classes, 3)
    head = fit_head(directions, classes, 3, weights)
    least = objective(head, directions, classes, weights)
    generator = np.random.default_rng(1)
    for _ in range(20):
        moved = Head(
            head.weights + generator.normal(0, 0.05, head.weights.shape), head.bias + generator.normal(0, 0.05, 3)
        )
        assert objective(moved, directions, classes, weights) > least
    assert (head.logits(directions).argmax(axis=1) == classes).all()


def test_the_span_makes_no_difference() -> None:
    """Two hundred features that are a turned copy of five give the logits of the five."""
    directions, classes = clouds(5, 8)
    turned = directions @ np.linalg.qr(np.random.default_rng(2).normal(size=(200, 5)))[0].T
    weights = equal_class_weights(classes, 3)
    few, many = (fit_head(features, classes, 3, weights) for features in (directions, turned))
    assert many.logits(turned) == pytest.approx(few.logits(directions), abs=0.01)


def test_coordinates_keep_angles_and_lead_back() -> None:
    features = np.random.default_rng(3).normal(size=(6, 50))
    coordinates, basis = in_their_span(features)
    assert coordinates.shape == (6, 6)
    assert basis is not None
    assert coordinates @ coordinates.T == pytest.approx(features @ features.T)
    assert coordinates @ basis == pytest.approx(features)
    assert in_their_span(features[:, :4])[1] is None


def test_identical_photos_and_empty_features_can_be_fitted() -> None:
    for features in (np.ones((4, 30)), np.zeros((4, 30))):
        head = fit_head(unit_length(features), np.array([0, 0, 1, 1]), 2, np.ones(4))
        assert np.isfinite(head.logits(features)).all()
        assert head.logits(features) == pytest.approx(np.zeros((4, 2)), abs=1e-6)


def test_a_rare_class_weighs_as_much_as_a_frequent_one() -> None:
    weights = equal_class_weights(np.array([0, 0, 0, 1]), 2)
    assert weights == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    shares = equal_class_weights(np.array([0, 0, 1]), 2, np.array([0.5, 1.5, 4.0]))
    assert shares == pytest.approx([0.75, 2.25, 3])


def test_a_quadratic_is_minimized() -> None:
    generator = np.random.default_rng(4)
    matrix = generator.normal(size=(12, 12))
    matrix = matrix @ matrix.T + np.eye(12)
    goal = generator.normal(size=12)
    calls = []

    def function(point: np.ndarray) -> tuple[float, np.ndarray]:
        calls.append(1)
        return float((point - goal) @ matrix @ (point - goal)), 2 * matrix @ (point - goal)

    assert minimize(function, (12,)) == pytest.approx(goal, abs=1e-2)
    assert len(calls) < 120


def test_the_gain_makes_scores_as_high_as_they_are_right() -> None:
    """Logits of which the softmax is the true probability, divided by 3, want to be multiplied by 3."""
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 2, (4000, 3))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = (scores.cumsum(axis=1) > generator.random((4000, 1))).argmax(axis=1)
    assert best_gain(logits / 3, classes) == pytest.approx(3, rel=0.15)


def test_a_head_for_longer_features_gives_the_same_logits() -> None:
    head = Head(np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0]))
    features = np.array([[1.0, 2.0, 3.0]])
    assert head.scaled(2).of_length(5).logits(features * 5) == pytest.approx(head.logits(features) * 2)
