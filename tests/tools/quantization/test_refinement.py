"""Refinement: the steps are composed, and kept only where samples kept aside say that they help beyond chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.quantized_pair import Pair, convert_pair, widen
from tools.errors import CalibrationError

pytest.importorskip("ai_edge_litert", reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is not installed")


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Give a network whose ranges are too wide."""
    return widen(convert_pair(), 4)


def test_what_helps_is_kept_and_named(pair: Pair) -> None:
    from tools.quantization.refinement import refine

    refined = refine(pair.int8, pair.float32, pair.samples)
    assert refined.model != pair.int8
    assert len(refined.model) == len(pair.int8)
    assert refined.refined_db > refined.stock_db + 1
    assert refined.steps[0] == "narrow_ranges"
    assert refined.figures()["snr_db"] == round(refined.refined_db, 2)
    assert refine(pair.int8, pair.float32, pair.samples) == refined


def test_each_step_can_be_left_out(pair: Pair) -> None:
    from tools.quantization.refinement import refine

    assert refine(pair.int8, pair.float32, pair.samples, biases=False).steps == ["narrow_ranges"]
    assert "narrow_ranges" not in refine(pair.int8, pair.float32, pair.samples, ranges=False).steps
    nothing = refine(pair.int8, pair.float32, pair.samples, ranges=False, biases=False)
    assert (nothing.model, nothing.steps) == (pair.int8, [])


def test_ranges_that_harm_are_not_kept(pair: Pair, monkeypatch: Any) -> None:
    """A range that cuts off half of every activation is what a bad choice would be."""
    from tools.quantization import refinement
    from tools.quantization.activation_tensors import ActivationTensors

    def cut(model: bytes, float_model: bytes, samples: Any) -> bytes:
        tensors = ActivationTensors(model)
        for group in tensors.groups:
            low, high = tensors.range_of(group)
            tensors.set_range(group, low * 0.02, high * 0.02)
        return bytes(tensors.model)

    monkeypatch.setattr(refinement, "narrow_ranges", cut)
    refined = refinement.refine(pair.int8, pair.float32, pair.samples, biases=False)
    assert (refined.model, refined.steps) == (pair.int8, [])
    assert refined.refined_db == refined.stock_db


def test_a_gain_has_to_be_more_than_chance() -> None:
    from tools.quantization.refinement import is_significant_gain

    generator = np.random.default_rng(5)
    noise = generator.uniform(0.5, 1.5, 18)
    assert is_significant_gain(noise, noise * 0.7)
    assert not is_significant_gain(noise, noise * 0.97)  # clear, and not worth it
    assert not is_significant_gain(noise, noise)
    assert not is_significant_gain(noise, noise * 1.5)
    one = noise.copy()
    one[3] = 30.0
    assert not is_significant_gain(one, noise)  # all of it comes from one sample
    wins = sum(is_significant_gain(generator.exponential(size=18), generator.exponential(size=18)) for _ in range(1000))
    assert wins < 60  # two standard errors: one in forty, and a little more for so few samples
    assert is_significant_gain(noise, np.zeros(18))


def test_too_few_samples_are_refused(pair: Pair) -> None:
    from tools.quantization.refinement import refine

    with pytest.raises(CalibrationError, match="7 samples are too few"):
        refine(pair.int8, pair.float32, pair.samples[:7])
