"""Determines the normalization of a Keras model's input from its graph or its architecture, without guessing.

A graph that normalizes pixels itself (Rescaling, Normalization, arithmetic before the first layer with weights) shows
which range it takes; a known architecture without such layers takes the output of its `preprocess_input`. Labelled
photos can decide too: `sweep` tries the common normalizations. It changes no model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.inspection import BackboneMatch
from mobiclass.tflite import PerChannel, per_channel
from tools.errors import NormalizationError
from tools.keras_models.architectures import MEAN

_ARITHMETIC: Final = {
    "Add", "Divide", "Multiply", "Normalization", "Rescaling", "Subtract", "TFOpLambda", "TrueDivide",
}  # fmt: skip
_UNCHANGED: Final = {
    "CenterCrop", "GaussianNoise", "Identity", "InputLayer", "RandomBrightness", "RandomContrast", "RandomCrop",
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "Resizing", "ZeroPadding2D",
}  # fmt: skip
_MAX_NORMALIZED: Final = 4.0  # no normalization in use leaves [−4, 4]

_Front = Callable[[float], npt.NDArray[np.float32]]


class Normalization(NamedTuple):
    """``(pixel − mean) / std`` for each channel, in pixel units, and how it was determined."""

    mean: PerChannel
    std: PerChannel
    source: str


def _preset(mean: float | Sequence[float], std: float | Sequence[float], source: str) -> Normalization:
    means, stds = (per_channel(value, source) for value in (mean, std))
    return Normalization(means, stds, source)


PRESETS: Final = (
    _preset(MEAN, MEAN, "[−1, 1]: mean 127.5, std 127.5"),
    _preset(0, 255, "[0, 1]: mean 0, std 255"),
    _preset(0, 1, "unscaled pixels: mean 0, std 1"),
    _preset((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "ImageNet's mean and std"),
    _preset(127, 128, "(pixel − 127) / 128"),
)
"""The common normalizations."""


class SweepResult(NamedTuple):
    """The top-1 accuracy with each of `PRESETS`, best first."""

    scores: tuple[tuple[Normalization, float], ...]
    photos: int

    @property
    def best(self) -> Normalization:
        return self.scores[0][0]

    @property
    def decides(self) -> bool:
        """Whether the best one beats the second by more than two standard errors."""
        (_, first), (_, second) = self.scores[:2]
        error = sqrt(max(first * (1 - first), 0.25 / self.photos) / self.photos)
        return first - second > 2 * error


def find_normalization(model: Any, match: BackboneMatch | None, source: str) -> Normalization:
    """Determine how the input of `model` is normalized.

    Args:
        model: a Keras model.
        match: its architecture.
        source: its file, for messages.

    Raises:
        NormalizationError: it cannot be determined.
    """
    front = _front(model)
    if front is not None:
        found = _from_arithmetic(*front)
        if found is not None:
            return found
    elif match is not None:
        return _preset(MEAN, MEAN, f"preprocess_input of {match.name}")
    raise NormalizationError(
        f"{source}: the normalization of its input cannot be determined: it has no Rescaling layer and no "
        "known architecture. Give the --mean and --std that it was trained with, in pixel units (127.5 and 127.5 for "
        "[−1, 1], 0 and 255 for [0, 1]), or labelled photos with --evaluate DIR"
    )


def sweep(
    run: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
    pixels: Sequence[npt.NDArray[np.uint8]],
    targets: Sequence[int],
) -> SweepResult:
    """Measure the accuracy with each of `PRESETS` on labelled photos.

    Args:
        run: the model, float32 (1, height, width, 3) → scores (classes,).
        pixels: the photos, cropped and resized for the model, uint8 (height, width, 3).
        targets: the class index of each photo.
    """
    scores = []
    for preset in PRESETS:
        mean, std = (np.asarray(value, np.float32) for value in (preset.mean, preset.std))
        hits = [
            int(np.argmax(run(((photo.astype(np.float32) - mean) / std)[np.newaxis]))) == target
            for photo, target in zip(pixels, targets, strict=True)
        ]
        scores.append((preset, float(np.mean(hits))))
    scores.sort(key=lambda entry: -entry[1])
    return SweepResult(tuple(scores), len(pixels))


def _front(model: Any) -> tuple[_Front, list[str]] | None:
    """Find the arithmetic before the first layer with a kernel: as a function, and the names of its layers."""
    names: list[str] = []
    last = None
    for layer in _layers(model):
        kind = type(layer).__name__
        if kind in _ARITHMETIC:
            names.append(kind)
            last = layer
        elif kind not in _UNCHANGED:
            break
    return None if last is None else (_outputs_of(model, last), names)


def _layers(model: Any) -> list[Any]:
    found = []
    # Keras 3 lists plain arithmetic such as x / 127.5 − 1 among a model's operations, not among its layers.
    for layer in getattr(model, "operations", None) or model.layers:
        found += _layers(layer) if hasattr(layer, "layers") else [layer]
    return found


def _outputs_of(model: Any, layer: Any) -> _Front:
    """Return the function from a grey value to the output of `layer`, which may be in a nested model: (3,)."""
    import keras

    constructor = keras.Model
    if not isinstance(model, constructor):
        import tf_keras  # installed, since it loaded the model

        constructor = tf_keras.Model
    holder = next(m for m in _holders(model) if any(layer is inner for inner in getattr(m, "operations", m.layers)))
    front = constructor(holder.inputs[0], layer.output)
    height, width = (side or 64 for side in holder.inputs[0].shape[1:3])

    def run(value: float) -> npt.NDArray[np.float32]:
        image = np.full((1, height, width, 3), value, np.float32)
        result: npt.NDArray[np.float32] = np.asarray(front(image, training=False), np.float32)[0]
        return np.asarray(result[height // 2, width // 2])

    return run


def _holders(model: Any) -> list[Any]:
    found = [model]
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found += _holders(layer)
    return found


def _from_arithmetic(run: _Front, names: list[str]) -> Normalization | None:
    """Determine which of the two usual pixel ranges the arithmetic maps to normalized values."""
    source = f"the {' and '.join(dict.fromkeys(names))} of its graph"
    for top, std in ((255.0, 1.0), (1.0, 255.0)):
        ends = np.stack([run(0.0), run(top)])
        if np.abs(ends).max() <= _MAX_NORMALIZED and np.abs(ends[1] - ends[0]).min() >= 0.5:
            return _preset(0, std, source)
    return None
