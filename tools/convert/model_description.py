"""What a converted model says of itself: its metadata, its labels, and where it comes from.

All of it depends on the input alone, not on when, where and by whom the conversion was run. It measures nothing.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.tflite import Preprocessing
from tools.convert.class_labels import Labels
from tools.convert.gate import GateResult
from tools.convert.metadata import ModelCard, write_metadata
from tools.convert.photo_sets import PhotoSplit
from tools.dependencies import TENSORFLOW_VERSION
from tools.keras_models import KerasClassifier, Normalization
from tools.quantization import samples_digest

FloatArray = npt.NDArray[np.float32]

_MODEL_VERSION: Final = "1.0.0"
_KERAS_LICENSE: Final = "Apache-2.0"


class OwnWords(NamedTuple):
    """What a person says of the model; only the name is needed."""

    name: str
    description: str | None = None
    author: str | None = None
    license: str | None = None


def architecture_name(classifier: KerasClassifier) -> str:
    """Name what `classifier` is made of, for people."""
    match = classifier.match
    if match is None:
        return "no architecture that is known here"
    return f"{match.name} alpha {match.alpha:g}{' minimalistic' if match.minimalistic else ''}"


def origin_facts(
    classifier: KerasClassifier,
    normalization: Normalization,
    labels: Labels,
    split: PhotoSplit,
    samples: Sequence[FloatArray],
    refinement: dict[str, Any] | None,
) -> dict[str, Any]:
    """Say where the model comes from: all of it depends on the input alone, not on when and where it is run."""
    return {
        "source": classifier.source,
        "architecture": architecture_name(classifier),
        "loader": classifier.loader,
        "normalization": normalization.source,
        "labels": labels.source,
        "versions": {"tensorflow": TENSORFLOW_VERSION, "keras": importlib.metadata.version("keras")},
        "calibration": {
            "photos": "bundled with scikit-image and scikit-learn" if split.bundled else "given",
            "samples": len(samples),
            "sha256": samples_digest(samples),
        },
        "refinement": refinement,
    }


def describe_model(
    model: bytes,
    own: OwnWords,
    classifier: KerasClassifier,
    labels: Labels,
    preprocessing: Preprocessing,
    facts: dict[str, Any],
    gate: GateResult,
) -> bytes:
    """Write metadata, labels and ``mobiclass.json`` into `model`."""
    what = f"{facts['architecture']}, " if classifier.match else ""
    default = f"An image classifier, {what}{len(labels.names)} classes, int8, from {classifier.source}."
    grey = len(set(preprocessing.mean)) == 1 and len(set(preprocessing.std)) == 1
    card = ModelCard(
        name=own.name,
        description=own.description or default,
        version=_MODEL_VERSION,
        author=own.author or ("Keras Applications (weights)" if classifier.imagenet else "not stated"),
        license=own.license or (_KERAS_LICENSE if classifier.imagenet else "not stated"),
        mean=preprocessing.mean[:1] if grey else preprocessing.mean,
        std=preprocessing.std[:1] if grey else preprocessing.std,
        labels=labels.names,
    )
    measured = ("crops", "photos", "top1_agreement", "top5_agreement", "material_disagreement", "logit_snr_db")
    config = {
        "format": 1,
        "name": card.name,
        "description": card.description,
        "author": card.author,
        "license": card.license,
        "source": classifier.source,
        "preprocessing": {
            "resize": preprocessing.resize,
            "crop_fraction": preprocessing.crop_fraction,
            "interpolation": preprocessing.interpolation,
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
        },
        "provenance": {**facts, "agreement": {name: getattr(gate, name) for name in measured}},
    }
    content = (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    return write_metadata(model, card, {"mobiclass.json": content})
