"""How pixels of 0–255 become what a Keras model takes: found in its graph or its architecture, never guessed.

A model that normalizes by itself (Rescaling, Normalization, arithmetic before the first layer with weights) says what
it takes; a known architecture without such a layer takes what its `preprocess_input` makes. Labelled photos can decide
too: `sweep` tries the usual ones. It changes no model.
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
_SMALL: Final = 4.0  # networks take values of a few units: no normalization in use leaves [−4, 4]

_Front = Callable[[float], npt.NDArray[np.float32]]


class Normalization(NamedTuple):
    """``(pixel − mean) / std`` for each channel, and what it was learnt from."""

    mean: PerChannel
    std: PerChannel
    source: str


def _preset(mean: float | Sequence[float], std: float | Sequence[float], source: str) -> Normalization:
    means, stds = (per_channel(value, source) for value in (mean, std))
    return Normalization(means, stds, source)


PRESETS: Final = (
    _preset(MEAN, MEAN, "[−1, 1]: mean 127.5, std 127.5"),
    _preset(0, 255, "[0, 1]: mean 0, std 255"),
    _preset(0, 1, "pixels as they are: mean 0, std 1"),
    _preset((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "ImageNet's mean and deviation"),
    _preset(127, 128, "(pixel − 127) / 128"),
)
"""The normalizations in use."""


class SweepResult(NamedTuple):
    """How often each of `PRESETS` finds the label of a photo, best first."""

    scores: tuple[tuple[Normalization, float], ...]
    photos: int

    @property
    def best(self) -> Normalization:
        """The one that finds most."""
        return self.scores[0][0]

    @property
    def decides(self) -> bool:
        """Whether the best is better than the second by more than chance, two standard errors."""
        (_, first), (_, second) = self.scores[:2]
        error = sqrt(max(first * (1 - first), 0.25 / self.photos) / self.photos)
        return first - second > 2 * error


def find_normalization(model: Any, match: BackboneMatch | None, source: str) -> Normalization:
    """Find how the input of `model` is normalized.

    Args:
        model: a Keras model.
        match: the architecture that it is made of.
        source: its file, for messages.

    Raises:
        NormalizationError: nothing decides.
    """
    front = _front(model)
    if front is not None:
        found = _from_arithmetic(*front)
        if found is not None:
            return found
    elif match is not None:
        return _preset(MEAN, MEAN, f"preprocess_input of {match.name}")
    raise NormalizationError(
        f"{source}: neither a Rescaling layer nor a known architecture says how its input is normalized; give what it "
        "was trained with as --mean and --std in pixel units (for [−1, 1] both are 127.5, for [0, 1] 0 and 255), or "
        "labelled photos as --evaluate DIR to find out"
    )


def sweep(
    run: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
    pixels: Sequence[npt.NDArray[np.uint8]],
    targets: Sequence[int],
) -> SweepResult:
    """Try every one of `PRESETS` on labelled photos.

    Args:
        run: the model, float32 (1, height, width, 3) → scores (classes,).
        pixels: the photos as the model sees them, uint8 (height, width, 3).
        targets: the index of each photo's class.
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
    """Find the arithmetic before the first layer with a kernel: a model of it, and the names of its layers."""
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
    # Keras 3 keeps plain arithmetic, x / 127.5 − 1, among its operations and not among its layers.
    for layer in getattr(model, "operations", None) or model.layers:
        found += _layers(layer) if hasattr(layer, "layers") else [layer]
    return found


def _outputs_of(model: Any, layer: Any) -> _Front:
    """Give the function from a grey value to what `layer`, which may lie in a nested model, makes of it: (3,)."""
    import keras

    constructor = keras.Model
    if not isinstance(model, constructor):
        import tf_keras  # which loaded it, and so is there

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
    """Learn from what the arithmetic makes of the ends of the two usual ranges which of them it was made for."""
    source = f"the {' and '.join(dict.fromkeys(names))} of its graph"
    for top, std in ((255.0, 1.0), (1.0, 255.0)):
        ends = np.stack([run(0.0), run(top)])
        if np.abs(ends).max() <= _SMALL and np.abs(ends[1] - ends[0]).min() >= 0.5:
            return _preset(0, std, source)
    return None
