"""A linear head over features: multinomial logistic regression with L2 on features of unit length.

The regression is fitted in the span of its samples: n samples of D features are points in at most n dimensions, which
for a few dozen photos is a fraction of the numbers. All is NumPy, and the same on every run with one BLAS thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Features: TypeAlias = "npt.NDArray[np.float32] | npt.NDArray[np.float64]"
Integers: TypeAlias = npt.NDArray[np.intp]
Booleans: TypeAlias = npt.NDArray[np.bool_]

STRENGTH: Final = 10.0
"""What the photos weigh against the penalty, the C of the literature; docs/teaching.md has the measurements."""

_MEMORY: Final = 10
_MAX_ITERATIONS: Final = 200
_GRADIENT_TOLERANCE: Final = 1e-4
_SUFFICIENT_DECREASE: Final = 1e-4
_SMALLEST_STEP: Final = 1e-4
_NEGLIGIBLE: Final = 1e-7
_LEAST_SPREAD: Final = 1e-6  # of directions: below it all photos are the same
_WORTHWHILE: Final = 1.5  # so many times fewer coordinates than features
_GAINS: Final = (1.0, 16.0)
_GAIN_STEPS: Final = 40


class Head(NamedTuple):
    """A linear layer: ``logits = features @ weights.T + bias``.

    Attributes:
        weights: (C, D).
        bias: (C,).
    """

    weights: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Compute the logits (n, C) of `features` (n, D)."""
        return np.asarray(features @ self.weights.T + self.bias, np.float64)

    def scaled(self, gain: float) -> Head:
        """Multiply the logits by `gain`."""
        return Head(self.weights * gain, self.bias * gain)

    def of_length(self, length: float) -> Head:
        """Give the same logits for features of this `length` instead of 1."""
        return Head(self.weights / length, self.bias)


def unit_length(features: Features) -> Features:
    """Scale each row of `features` (n, D) to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    result: Features = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    return result


def equal_class_weights(classes: Integers, count: int, shares: Floats | None = None) -> Floats:
    """Weigh samples (n,) so that each of the classes 0 to `count` that there are weighs the same.

    Args:
        classes: the class of each sample.
        count: the number of classes.
        shares: what each sample weighs within its class; 1 by default.

    Returns:
        Weights whose sum is that of `shares`.
    """
    shares = np.ones(len(classes)) if shares is None else shares
    totals = np.bincount(classes, shares, count)
    weights: Floats = shares * (shares.sum() / np.count_nonzero(totals) / np.where(totals, totals, 1.0))[classes]
    return weights


def fit_head(directions: Features, classes: Integers, count: int, weights: Floats) -> Head:
    """Fit ``|W|²/2 + STRENGTH · Σ weight · cross-entropy`` over W and the biases, which are not penalized.

    The features are centred, and scaled by one number so that their mean squared length is 1, which gives the strength
    the same meaning for every model; both on the way, so that many photos need no second copy.

    Args:
        directions: (n, D), rows of length 1.
        classes: (n,), from 0 up to `count`.
        count: the number of classes.
        weights: (n,) what each sample weighs, positive.

    Returns:
        The head for features of length 1, neither centred nor scaled.
    """
    coordinates, basis = in_their_span(directions)
    mean = np.einsum("i,ij->j", weights, coordinates) / weights.sum()
    square = float(weights @ np.einsum("ij,ij->i", coordinates, coordinates) / weights.sum() - mean @ mean)
    scale = float(np.sqrt(square)) if square > _LEAST_SPREAD else 1.0
    objective = _objective(coordinates, mean, scale, classes, STRENGTH * weights)
    table = minimize(objective, (count, coordinates.shape[1] + 1))
    slopes = table[:, :-1] / scale
    bias = table[:, -1] - slopes @ mean
    return Head(slopes if basis is None else slopes @ basis, bias - bias.mean())


def in_their_span(features: Features) -> tuple[Features, Features | None]:
    """Express `features` (n, D) in coordinates of the space that they span, which keep all distances and angles.

    Returns:
        The coordinates (n, n), and an orthonormal basis (n, D) such that ``features = coordinates @ basis``; where
        that would save little, the features as they are, and ``None``.
    """
    if len(features) * _WORTHWHILE > features.shape[1]:
        return features, None
    basis, triangle = np.linalg.qr(features.T)
    return np.ascontiguousarray(triangle.T), np.ascontiguousarray(basis.T)


def _objective(
    coordinates: Features, mean: Floats, scale: float, classes: Integers, shares: Floats
) -> Callable[[Floats], tuple[float, Floats]]:
    """Make the function of W and biases, (C, width + 1), that is to be minimized, with its gradient.

    Its features are ``(coordinates − mean) / scale``.
    """
    rows = np.arange(len(classes))
    column = shares[:, np.newaxis]

    def loss(table: Floats) -> tuple[float, Floats]:
        slopes = table[:, :-1]
        products = np.asarray(coordinates @ slopes.T.astype(coordinates.dtype), np.float64)
        logits = (products - slopes @ mean) / scale + table[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        scores = np.exp(logits)
        totals = scores.sum(axis=1)
        entropy = np.log(totals) - logits[rows, classes]
        error = scores / totals[:, np.newaxis]
        error[rows, classes] -= 1
        error *= column
        sums = error.sum(axis=0)
        gradient = np.empty_like(table)
        gradient[:, :-1] = error.T.astype(coordinates.dtype) @ coordinates
        gradient[:, :-1] -= np.outer(sums, mean)
        gradient[:, :-1] /= scale
        gradient[:, :-1] += slopes
        gradient[:, -1] = sums
        return 0.5 * float(np.vdot(slopes, slopes)) + float(shares @ entropy), gradient

    return loss


def minimize(function: Callable[[Floats], tuple[float, Floats]], shape: tuple[int, ...]) -> Floats:
    """Minimize a smooth convex `function` of an array of this `shape`, which gives its value and gradient, by L-BFGS.

    Source: J. Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics of Computation 35 (1980),
    773–782; the step is halved until the value falls enough.
    """
    point: Floats = np.zeros(shape)
    value, gradient = function(point)
    goal = _GRADIENT_TOLERANCE * float(np.abs(gradient).max())
    pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(_MAX_ITERATIONS):
        if np.abs(gradient).max() <= goal:
            break
        direction = -_inverse_hessian_times(gradient, pairs)
        slope = float(np.vdot(direction, gradient))
        if -slope <= _NEGLIGIBLE * abs(value):  # no more to be had in this precision
            break
        step = 1.0 if pairs else 1.0 / max(1.0, float(np.abs(gradient).sum()))
        while True:
            next_point = point + step * direction
            next_value, next_gradient = function(next_point)
            if next_value <= value + _SUFFICIENT_DECREASE * step * slope or step < _SMALLEST_STEP:
                break
            step /= 2
        if next_value >= value:
            break
        moved, turned = next_point - point, next_gradient - gradient
        if (curvature := float(np.vdot(moved, turned))) > 0:
            pairs.append((moved, turned, curvature))
        point, value, gradient = next_point, next_value, next_gradient
    return point


def _inverse_hessian_times(gradient: Floats, pairs: deque[tuple[Floats, Floats, float]]) -> Floats:
    result: Floats = gradient.copy()
    factors = []
    for moved, turned, curvature in reversed(pairs):
        factor = float(np.vdot(moved, result)) / curvature
        result -= factor * turned
        factors.append(factor)
    if pairs:
        _, turned, curvature = pairs[-1]
        result *= curvature / float(np.vdot(turned, turned))
    for (moved, turned, curvature), factor in zip(pairs, reversed(factors), strict=True):
        result = result + (factor - float(np.vdot(turned, result)) / curvature) * moved
    return result


def softmax_rows(logits: Floats) -> Floats:
    """Turn logits (n, C) into scores that add up to 1 in each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores: Floats = powers / powers.sum(axis=1, keepdims=True)
    return scores


def best_gain(logits: Floats, classes: Integers) -> float:
    """Find the number that logits (n, C) of photos not fitted are to be multiplied by, for scores that tell the truth.

    A penalized head is right more often than its scores say. The gain is the one of the least cross-entropy, each class
    weighed equally.
    """
    weights = equal_class_weights(classes, logits.shape[1])

    def entropy(gain: float) -> float:
        scaled = logits * gain
        scaled -= scaled.max(axis=1, keepdims=True)
        own = scaled[np.arange(len(classes)), classes]
        return float(weights @ (np.log(np.exp(scaled).sum(axis=1)) - own))

    gains = np.geomspace(*_GAINS, _GAIN_STEPS)
    return float(gains[np.argmin([entropy(gain) for gain in gains])])
