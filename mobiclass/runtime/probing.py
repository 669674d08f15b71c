"""What a model's output holds, found out by running it: for a graph that does not tell.

A few made-up pictures show it: what lies from 0 to 1 and adds up to 1 on each of them are probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mobiclass.choices import OutputKind
from mobiclass.errors import ModelError
from mobiclass.images import Preprocessor
from mobiclass.tflite import ModelInfo, dequantize

_TOLERANCE = 1e-3
_SUM_TOLERANCE = 0.02


def with_known_output(
    model: ModelInfo, preprocessor: Preprocessor, invoke: Callable[[npt.NDArray[np.generic]], npt.NDArray[np.generic]]
) -> ModelInfo:
    """Give `model` with an output kind; only one that has none is run.

    Args:
        model: what is known of the model.
        preprocessor: makes its input of pixels.
        invoke: runs it: its input tensor to the raw output (N,).

    Raises:
        ModelError: the runtime cannot run the model, or its scores are scaled.
        DelegateError: the accelerator cannot.
    """
    if model.output_kind is not None:
        return model
    pictures = _pictures(model.height, model.width, preprocessor.depth)
    raw = np.stack([invoke(preprocessor.tensor(pixels)) for pixels in pictures])
    step = model.output.quantization.scale if model.output.quantization else 0.0
    values = dequantize(raw, model.output.quantization)
    if total := _constant_total(values):
        raise ModelError(
            f"{model.path}: its scores add up to {total:g} on every image, as percentages do; convert it so that they "
            "go from 0 to 1, or say with --output-kind what they are"
        )
    kind, reason = kind_of_values(values, step)
    source = f"{len(raw)} test images: {reason} ({model.sources['output_kind']})"
    return replace(model, output_kind=kind, sources={**model.sources, "output_kind": source})


def kind_of_values(values: npt.NDArray[np.float32], step: float = 0.0) -> tuple[OutputKind, str]:
    """Tell what outputs hold.

    Args:
        values: the real outputs (images, N) of several images.
        step: the scale of their quantization, by half of which each may be off.

    Returns:
        The kind, and what it was told by.
    """
    rounding = _TOLERANCE + step
    if not np.isfinite(values).all() or values.min() < -rounding or values.max() > 1 + rounding:
        return "logits", "scores outside of 0 to 1"
    if values.shape[1] == 1:
        return "probabilities", "one score from 0 to 1"
    off = np.abs(values.sum(axis=1, dtype=np.float64) - 1)
    if off.max() <= _SUM_TOLERANCE + step * values.shape[1] / 2:
        return "probabilities", "scores from 0 to 1 that add up to 1"
    return "multilabel", "scores from 0 to 1 that do not add up to 1"


def _constant_total(values: npt.NDArray[np.float32]) -> float | None:
    """Find what the scores (images, N) of every image add up to, if that is one number and more than 1."""
    totals = values.sum(axis=1, dtype=np.float64)
    if values.shape[1] == 1 or not np.isfinite(totals).all() or values.min() < 0 or values.max() <= 1:
        return None
    total = float(totals.mean())
    return round(total, 1) if np.abs(totals - total).max() <= _SUM_TOLERANCE * total else None


def _pictures(height: int, width: int, depth: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Make pictures that have little in common: (height, width, depth), grey ones with a depth of 1."""
    shape = (height, width, depth)
    for value in (0, 255):
        yield np.full(shape, value, np.uint8)
    yield np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    across, down = np.linspace(0, 255, width), np.linspace(255, 0, height)
    ramps = np.stack(np.broadcast_arrays(across, down[:, np.newaxis], across[::-1]), axis=-1)
    yield ramps[:, :, :depth].astype(np.uint8)
    for colour in ((220, 40, 30), (20, 60, 200)):
        yield np.broadcast_to(np.array(colour[:depth], np.uint8), shape).copy()
