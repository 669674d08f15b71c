"""Quantization against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.tflite.network import Quantization
from mobiclass.tflite.quantization import dequantize, quantize

LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}
DTYPES = st.sampled_from(sorted(LIMITS))
# Scales as models have them: float32 values.
SCALES = st.floats(2**-12, 8, width=32)


def exactly_quantized(real: float, scale: float, zero_point: int, dtype: str) -> int:
    """Quantize without any rounding but the one that is meant: to the nearest, halves away from zero."""
    steps = Fraction(real) / Fraction(scale)
    rounded = floor(abs(steps) + Fraction(1, 2)) * (1 if steps >= 0 else -1)
    low, high = LIMITS[dtype]
    return min(high, max(low, rounded + zero_point))


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=20), SCALES, DTYPES, st.data())
def test_quantize_equals_exact_arithmetic(reals: list[float], scale: float, dtype: str, data: st.DataObject) -> None:
    zero_point = data.draw(st.integers(*LIMITS[dtype]))
    quantized = quantize(reals, Quantization(scale, zero_point), dtype)
    assert quantized.dtype == dtype
    for real, step in zip(reals, quantized.tolist(), strict=True):
        steps = Fraction(real) / Fraction(scale)
        if abs(abs(steps) % 1 - Fraction(1, 2)) < Fraction(1, 10**9):
            continue  # within a float64's error of a half: the next test is about exact halves
        assert step == exactly_quantized(real, scale, zero_point, dtype)


@given(st.integers(-600, 600), st.integers(-6, 3), DTYPES)
def test_halves_are_rounded_away_from_zero(step: int, exponent: int, dtype: str) -> None:
    scale = 2.0**exponent
    real = (step + 0.5) * scale
    assert quantize([real], Quantization(scale, 0), dtype)[0] == exactly_quantized(real, scale, 0, dtype)


def test_named_halves() -> None:
    # numpy.round() would give 0, 2, 2 and their negatives.
    halves = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5]
    assert quantize(halves, Quantization(1.0, 0), "int8").tolist() == [1, 2, 3, -1, -2, -3]


@pytest.mark.parametrize(("dtype", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255)])
def test_what_does_not_fit_saturates(dtype: str, low: int, high: int) -> None:
    reals = [-1e9, low - 1, low, low + 1, high - 1, high, high + 1, 1e9]
    expected = [low, low, low, low + 1, high - 1, high, high, high]
    assert quantize(reals, Quantization(1.0, 0), dtype).tolist() == expected


def test_int8_is_widened_before_the_zero_point_is_taken_off() -> None:
    # 127 − (−128) is 255; in int8 it would be −1.
    raw = np.array([-128, 0, 127], np.int8)
    assert dequantize(raw, Quantization(1 / 256, -128)).tolist() == [0.0, 0.5, 255 / 256]


@given(DTYPES, SCALES, st.data())
def test_dequantize_equals_exact_arithmetic(dtype: str, scale: float, data: st.DataObject) -> None:
    low, high = LIMITS[dtype]
    zero_point = data.draw(st.integers(low, high))
    steps = data.draw(st.lists(st.integers(low, high), min_size=1, max_size=20))
    real = dequantize(np.array(steps, dtype), Quantization(scale, zero_point))
    assert real.dtype == np.float32
    for step, value in zip(steps, real.tolist(), strict=True):
        # The steps and the scale are exact in float32: their product is rounded once.
        assert value == np.float32((step - zero_point) * scale)


@given(st.floats(-20, 20), SCALES, DTYPES)
def test_a_round_trip_moves_a_value_by_half_a_step_at_most(real: float, scale: float, dtype: str) -> None:
    low, high = LIMITS[dtype]
    quantization = Quantization(scale, (low + high + 1) // 2)
    if not (low + 1 - quantization.zero_point) * scale <= real <= (high - 1 - quantization.zero_point) * scale:
        return  # it saturates
    back = dequantize(quantize([real], quantization, dtype), quantization)[0]
    assert abs(float(back) - real) <= scale / 2 * (1 + 1e-6) + abs(real) * 1e-6


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_every_step_survives_a_round_trip(dtype: str) -> None:
    steps = np.arange(LIMITS[dtype][0], LIMITS[dtype][1] + 1).astype(dtype)
    for scale in (1 / 127.5, 1 / 128, 1 / 255, 0.0078125, 1.0):
        quantization = Quantization(float(np.float32(scale)), int(steps[127]))
        assert quantize(dequantize(steps, quantization), quantization, dtype).tolist() == steps.tolist()


def test_a_zero_point_far_outside_the_dtype_does_not_wrap_around() -> None:
    # Only a damaged model has one.
    assert dequantize(np.array([-128], np.int8), Quantization(1.0, 2**31 - 1))[0] == -(2.0**31)


def test_without_quantization_the_values_are_real() -> None:
    assert dequantize(np.array([0.25], np.float32), None).tolist() == [0.25]
    half = dequantize(np.array([0.25], np.float16), None)
    assert half.dtype == np.float32
