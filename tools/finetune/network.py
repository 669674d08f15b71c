"""Builds a MobileNet with a new head and pretrained weights, and unfreezes its layers stage by stage.

The graph is the published one with another number of outputs, so that the converter recognizes it. Training itself is
in `tools.finetune.training`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from mobiclass.images import Preprocessor
from mobiclass.tflite import Preprocessing
from tools.errors import TrainingError
from tools.keras_models import ARCHITECTURES, MEAN, build_classifier, build_keras
from tools.quantization import float_preprocessor

Stage = Literal["head", "top", "all"]
"""What is trained: the head, the head and the last layers of the backbone, or all layers."""

NO_WEIGHTS: Final = "none"
MIN_RESOLUTION: Final = 32

_FROZEN_FRACTION: Final = 0.7  # of the backbone's layers: low-level features transfer to all photos
# Keras's default, made for long trainings, lets the running statistics lag behind in a short one.
_SCRATCH_MOMENTUM: Final = 0.9


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The network to build.

    Attributes:
        architecture: one of `ARCHITECTURES`.
        alpha: its width multiplier.
        resolution: height and width of its input in pixels.
        minimalistic: the variant of V3 without squeeze-and-excite and hard-swish.
        weights: ``imagenet``, a Keras file of the same architecture, or ``none``.
    """

    architecture: str
    alpha: float = 1.0
    resolution: int = 224
    minimalistic: bool = False
    weights: str = "imagenet"

    def check(self) -> None:
        """Reject invalid settings before anything is read or downloaded.

        Raises:
            TrainingError: there is no such network.
        """
        known = ARCHITECTURES[self.architecture]
        if self.resolution < MIN_RESOLUTION:
            raise TrainingError(
                f"a resolution of {self.resolution} is too small: the minimum is {MIN_RESOLUTION} pixels"
            )
        if not 0 < self.alpha <= 4:
            raise TrainingError(f"a width multiplier of {self.alpha} is out of range; 0.25 to 1.4 is usual")
        if self.minimalistic and not known.rescales:
            raise TrainingError(f"{self.architecture} has no minimalistic variant; only MobileNetV3 has")
        if self.weights == "imagenet" and self.alpha not in known.alphas:
            alphas = ", ".join(f"{alpha:g}" for alpha in known.alphas)
            raise TrainingError(f"ImageNet weights of {self.architecture} exist only for alpha {alphas}")

    def preprocessor(self) -> Preprocessor:
        """Return the preprocessing of the network, as on a device with the converted model."""
        mean, std = (0.0, 1.0) if ARCHITECTURES[self.architecture].rescales else (MEAN, MEAN)
        preprocessing = Preprocessing(mean=(mean,) * 3, std=(std,) * 3)
        return float_preprocessor(self.resolution, self.resolution, preprocessing)


def build_network(settings: NetworkSettings, classes: int) -> Any:
    """Build the Keras model for `classes` classes, with the weights of `settings`.

    Raises:
        SetupError: there are no such weights, or they are of another architecture.
    """
    model = build_keras(
        settings.architecture,
        alpha=settings.alpha,
        resolution=settings.resolution,
        minimalistic=settings.minimalistic,
        classes=classes,
    )
    if settings.weights != NO_WEIGHTS:
        _copy_weights(_pretrained(settings), model, settings.weights)
        return model
    for layer in model.layers:
        if _is_batch_normalization(layer):
            layer.momentum = _SCRATCH_MOMENTUM
    return model


def unfreeze(model: Any, stage: Stage) -> None:
    """Make the layers of `stage` trainable and freeze the others; compile `model` afterwards.

    Unless all layers are trained, the batch normalizations of the backbone stay frozen and keep their statistics: those
    of a few batches would be worse.
    """
    head = _head_start(model)
    first = {"head": head, "top": round(_FROZEN_FRACTION * head), "all": 0}[stage]
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first and (stage == "all" or number >= head or not _is_batch_normalization(layer))


def count_parameters(model: Any) -> int:
    """Count the parameters of `model`."""
    return int(sum(np.prod(weight.shape) for weight in model.weights))


def _head_start(model: Any) -> int:
    """Return the index of the last global pooling, which ends the backbone (V3 also pools inside it)."""
    pools = [number for number, layer in enumerate(model.layers) if type(layer).__name__ == "GlobalAveragePooling2D"]
    return pools[-1]


def _pretrained(settings: NetworkSettings) -> Any:
    # Convolutions do not depend on the resolution: published weights can be used at any.
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


def _copy_weights(source: Any, model: Any, name: str) -> None:
    """Copy the weights of the backbone of `source`, and of the layers of its head whose shapes match, in order."""
    backbone = {id(layer) for layer in model.layers[: _head_start(model)]}
    sources = _layers_with_weights(source)
    for layer in _layers_with_weights(model):
        pretrained = next(sources, None)
        if pretrained is not None and _shapes(pretrained) == _shapes(layer):
            layer.set_weights(pretrained.get_weights())
        elif id(layer) in backbone:
            raise TrainingError(f"{name}: its weights do not match the architecture at {layer.name}")
        else:
            return  # the head has another number of classes, and keeps its random weights


def _layers_with_weights(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if getattr(layer, "layers", None):  # a nested model
            yield from _layers_with_weights(layer)
        elif layer.weights:
            yield layer


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _is_batch_normalization(layer: Any) -> bool:
    return type(layer).__name__ == "BatchNormalization"
