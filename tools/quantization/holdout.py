"""Divides calibration samples into those that teach a refinement and those kept aside to judge it. It runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tools.errors import CalibrationError

FloatArray = npt.NDArray[np.float32]

MIN_SAMPLES: Final = 8
_KEPT_ASIDE: Final = 4  # every fourth sample judges, the others teach
_MAX_SAMPLES: Final = 72  # means and histograms need no more, and every pass runs the model on them


def split_samples(samples: Sequence[FloatArray]) -> tuple[list[FloatArray], list[FloatArray]]:
    """Choose at most 72 of `samples`, evenly spread, and keep every fourth of these aside to judge by.

    Raises:
        CalibrationError: there are fewer than eight.
    """
    if len(samples) < MIN_SAMPLES:
        raise CalibrationError(f"{len(samples)} samples are too few to correct a model by; give at least {MIN_SAMPLES}")
    count = min(len(samples), _MAX_SAMPLES)
    spread = [samples[number * len(samples) // count] for number in range(count)]
    return [sample for number, sample in enumerate(spread) if number % _KEPT_ASIDE], spread[::_KEPT_ASIDE]
