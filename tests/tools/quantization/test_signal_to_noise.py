"""Signal-to-noise: known figures, what softmax does not see, and the logits of a model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

signal_to_noise = pytest.importorskip(
    "tools.quantization.signal_to_noise",
    reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is not installed",
)


@pytest.mark.parametrize(("noise", "decibels"), [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0)])
def test_a_tenth_of_the_noise_is_twenty_decibels(noise: float, decibels: float) -> None:
    signal = np.array([[3.0, -4.0], [0.0, 5.0]])
    assert signal_to_noise.signal_to_noise_db(signal, signal * (1 + noise)) == pytest.approx(decibels)


def test_no_noise_is_infinite() -> None:
    assert signal_to_noise.signal_to_noise_db([1.0, 2.0], [1.0, 2.0]) == math.inf


def test_integers_do_not_overflow() -> None:
    reference = np.array([120, -120], np.int8)
    approximation = np.array([-120, 120], np.int8)
    assert signal_to_noise.signal_to_noise_db(reference, approximation) == pytest.approx(-20 * math.log10(2))


def test_what_all_logits_share_is_neither_signal_nor_noise() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 10))
    noisy = logits + np.random.default_rng(1).normal(scale=0.1, size=(4, 10))
    shifts = np.array([[100.0], [-7.0], [0.5], [3.0]])
    plain = signal_to_noise.logit_signal_to_noise_db(logits, noisy)
    assert 15 < plain < 25
    assert signal_to_noise.logit_signal_to_noise_db(logits + shifts, noisy - shifts) == pytest.approx(plain)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\) .* \(3,\)"):
        signal_to_noise.signal_to_noise_db([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no signal"):
        signal_to_noise.signal_to_noise_db([0.0, 0.0], [1.0, 2.0])


def test_the_outputs_are_the_logits_where_no_softmax_ends_the_graph(make_model: Any) -> None:
    samples = [np.full((1, 2, 2, 3), value, np.float32) for value in (0.0, 0.25)]
    for dtype in ("float32", "uint8"):
        logits = signal_to_noise.read_logits(make_model(dtype), samples)
        np.testing.assert_allclose(logits, [[0.0] * 12, [0.25] * 12])
