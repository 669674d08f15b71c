"""A MobileNet for one's own classes: built anew, with what fits of other weights, and thawed layer by layer.

The graph is the published one with another number of outputs, so that the converter knows it by sight. It trains
nothing; `tools.finetune.training` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from mobiclass.images import Preprocessor
from mobiclass.tflite import Preprocessing, TensorSpec
from tools.errors import TrainingError
from tools.keras_models import ARCHITECTURES, MEAN, build_keras

Stage = Literal["head", "top", "all"]
"""What is trained: the layers after the backbone, those and the backbone's last ones, or everything."""

NO_WEIGHTS: Final = "none"
MIN_RESOLUTION: Final = 32

_FROZEN_PART: Final = 0.7  # of the backbone's layers, which see edges and textures that all photos share
# Running means that follow within tens of batches: Keras's defaults, for days of training, lag behind a short one.
_SCRATCH_MOMENTUM: Final = 0.9


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Which network to build.

    Attributes:
        architecture: one of `ARCHITECTURES`.
        alpha: its width multiplier.
        resolution: height and width of its input in pixels.
        minimalistic: of V3, the variant without squeeze-excite and hard-swish.
        weights: ``imagenet``, a Keras file of the same architecture, or ``none``.
    """

    architecture: str
    alpha: float = 1.0
    resolution: int = 224
    minimalistic: bool = False
    weights: str = "imagenet"

    def check(self) -> None:
        """Refuse what cannot be built, before anything is read or downloaded.

        Raises:
            TrainingError: the settings are those of no network.
        """
        known = ARCHITECTURES[self.architecture]
        if self.resolution < MIN_RESOLUTION:
            raise TrainingError(f"a resolution of {self.resolution} is too small: {MIN_RESOLUTION} pixels at least")
        if not 0 < self.alpha <= 4:
            raise TrainingError(f"a width multiplier of {self.alpha} is out of range: 0.25 to 1.4 are usual")
        if self.minimalistic and not known.rescales:
            raise TrainingError(f"{self.architecture} has no minimalistic variant; MobileNetV3 has")
        if self.weights == "imagenet" and self.alpha not in known.alphas:
            alphas = ", ".join(f"{alpha:g}" for alpha in known.alphas)
            raise TrainingError(f"there are ImageNet weights of {self.architecture} for alpha {alphas}")

    def preprocessor(self) -> Preprocessor:
        """Give what turns photos into the network's input, as a device would with the converted model."""
        shape = (1, self.resolution, self.resolution, 3)
        tensor = TensorSpec(name="image", shape=shape, dtype="float32", quantization=None)
        mean, std = (0.0, 1.0) if ARCHITECTURES[self.architecture].rescales else (MEAN, MEAN)
        return Preprocessor(tensor, Preprocessing(mean=(mean,) * 3, std=(std,) * 3))


def build_network(settings: NetworkSettings, classes: int) -> Any:
    """Build the Keras model for `classes` classes, with the weights that `settings` names.

    Raises:
        SetupError: there are no such weights, or they are those of another architecture.
    """
    model = build_keras(
        settings.architecture,
        alpha=settings.alpha,
        resolution=settings.resolution,
        minimalistic=settings.minimalistic,
        classes=classes,
    )
    if settings.weights != NO_WEIGHTS:
        _take_weights(_source(settings), model, settings.weights)
        return model
    for layer in model.layers:
        if _is_batch_normalization(layer):
            layer.momentum = _SCRATCH_MOMENTUM
    return model


def thaw(model: Any, stage: Stage) -> None:
    """Make those layers of `model` trainable that `stage` trains; to be compiled anew afterwards.

    In a stage that freezes anything, the backbone's batch normalizations are frozen too, and keep the statistics
    that they were trained with: those of a few batches would be worse.
    """
    head = _head_start(model)
    first = {"head": head, "top": round(_FROZEN_PART * head), "all": 0}[stage]
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first and (stage == "all" or number >= head or not _is_batch_normalization(layer))


def count_parameters(model: Any) -> int:
    """Count the parameters of `model`."""
    return int(sum(np.prod(weight.shape) for weight in model.weights))


def count_trainable_parameters(model: Any) -> int:
    """Count those parameters of `model` that training changes as its layers stand."""
    return int(sum(np.prod(weight.shape) for weight in model.trainable_weights))


def _head_start(model: Any) -> int:
    """Find the last global pooling: before it is the backbone (V3 pools inside it, too)."""
    pools = [number for number, layer in enumerate(model.layers) if type(layer).__name__ == "GlobalAveragePooling2D"]
    return pools[-1]


def _source(settings: NetworkSettings) -> Any:
    from tools.keras_models import build_classifier

    # Convolutions do not know the resolution: the published weights fit any.
    published = {entry.resolution for entry in ARCHITECTURES[settings.architecture].published}
    fitting = settings.resolution in published or Path(settings.weights).is_file()
    return build_classifier(
        settings.architecture,
        alpha=settings.alpha,
        resolution=settings.resolution if fitting else max(published),
        minimalistic=settings.minimalistic,
        weights=settings.weights,
        classes=None,
    ).model


def _take_weights(source: Any, model: Any, name: str) -> None:
    """Copy the backbone of `source`, and of its head what has the same shape, layer by layer in order."""
    backbone = {id(layer) for layer in model.layers[: _head_start(model)]}
    givers = _with_weights(source)
    for layer in _with_weights(model):
        giver = next(givers, None)
        if giver is not None and _shapes(giver) == _shapes(layer):
            layer.set_weights(giver.get_weights())
        elif id(layer) in backbone:
            raise TrainingError(f"{name}: its weights do not fit the architecture at {layer.name}")
        else:
            return  # the head has another number of classes, and begins anew


def _with_weights(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if getattr(layer, "layers", None):  # a model inside the model
            yield from _with_weights(layer)
        elif layer.weights:
            yield layer


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _is_batch_normalization(layer: Any) -> bool:
    return type(layer).__name__ == "BatchNormalization"
