"""Small Keras classifiers for the converter to work on, and photos for it to calibrate on."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def require_tensorflow() -> Any:
    """Give TensorFlow, quietened; skip where it is missing."""
    from tools import dependencies
    from tools.errors import DependencyError

    try:
        dependencies.require_tensorflow()
    except DependencyError as error:
        pytest.skip(f"NOT TESTED: {error}")
    import tensorflow

    return tensorflow


def require_keras() -> Any:
    """Give Keras, with TensorFlow quietened; skip where the workstation's packages are missing."""
    require_tensorflow()
    for module in ("keras", "skimage", "sklearn", "ai_edge_litert"):
        pytest.importorskip(module, reason=f"NOT TESTED: {module} is not installed; it takes the extra 'tools'")
    import keras

    return keras


def tiny_classifier(classes: int = 4, *, channels: int = 3, activation: str | None = "softmax", front: Any = ()) -> Any:
    """Build a classifier of 32×32 pixels that no registry knows; its kernels are the same every time."""
    keras = require_keras()
    layers = keras.layers
    keras.utils.set_random_seed(1)
    stack = [
        keras.Input((32, 32, channels)),
        *front,
        layers.Conv2D(8, 3, strides=4, activation="relu6"),
        layers.Flatten(),
        layers.Dense(classes, activation=activation),
    ]
    model = keras.Sequential(stack)
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 4)  # or every class would have about the same score
    return model


def write_photos(folder: Path, count: int, *, seed: int = 0) -> Path:
    """Write photos with smooth shapes in them, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for number in range(count):
        coarse = generator.integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC).save(folder / f"{seed}-{number:03}.png")
    return folder


def write_labels(path: Path, count: int) -> Path:
    """Write a list of `count` labels."""
    path.write_text("".join(f"class {number}\n" for number in range(count)), encoding="utf-8")
    return path


def write_keras_zip(path: Path, config: Any, weights: bytes = b"weights") -> Path:
    """Write a .keras file whose description of the model is `config`, as a hostile hand may."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, (bytes, str)) else json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("model.weights.h5", weights)
    return path
