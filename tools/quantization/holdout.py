"""Splits calibration samples into those that a refinement is fitted to and those held out to validate it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tools.errors import CalibrationError

FloatArray = npt.NDArray[np.float32]

MIN_SAMPLES: Final = 8
_HELD_OUT: Final = 4  # every fourth sample
_MAX_SAMPLES: Final = 72  # means and histograms need no more, and every pass runs the model on all of them


def split_samples(samples: Sequence[FloatArray]) -> tuple[list[FloatArray], list[FloatArray]]:
    """Choose at most 72 of `samples`, evenly spaced, and hold out every fourth of them.

    Returns:
        The samples to fit to, and those held out.

    Raises:
        CalibrationError: there are fewer than eight.
    """
    if len(samples) < MIN_SAMPLES:
        raise CalibrationError(f"{len(samples)} samples are too few to refine a model on; give at least {MIN_SAMPLES}")
    count = min(len(samples), _MAX_SAMPLES)
    spread = [samples[number * len(samples) // count] for number in range(count)]
    return [sample for number, sample in enumerate(spread) if number % _HELD_OUT], spread[::_HELD_OUT]
