"""Describes a converted model: its metadata, labels and provenance.

The result depends only on the input, not on when, where or by whom the conversion was run. It measures nothing.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.tflite import Preprocessing
from tools.convert.class_labels import Labels
from tools.convert.gate import GateResult
from tools.convert.metadata import ModelCard, encode_config, write_metadata
from tools.convert.photo_sets import PhotoSplit
from tools.dependencies import TENSORFLOW_VERSION
from tools.keras_models import KerasClassifier, Normalization
from tools.quantization import samples_digest

FloatArray = npt.NDArray[np.float32]

_MODEL_VERSION: Final = "1.0.0"
_KERAS_LICENSE: Final = "Apache-2.0"


class GivenDetails(NamedTuple):
    """The details given on the command line; only the name is required."""

    name: str
    description: str | None = None
    author: str | None = None
    license: str | None = None


def provenance_facts(
    classifier: KerasClassifier,
    normalization: Normalization,
    labels: Labels,
    split: PhotoSplit,
    samples: Sequence[FloatArray],
    refinement: dict[str, Any] | None,
) -> dict[str, Any]:
    """Collect the provenance of the model."""
    return {
        "source": classifier.source,
        "architecture": classifier.architecture,
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
    own: GivenDetails,
    classifier: KerasClassifier,
    labels: Labels,
    preprocessing: Preprocessing,
    facts: dict[str, Any],
    gate: GateResult,
) -> bytes:
    """Write metadata, labels and ``mobiclass.json`` into `model`."""
    what = f"{facts['architecture']}, " if classifier.match else ""
    default = f"An image classifier, {what}{len(labels.names)} classes, int8, from {classifier.source}."
    card = ModelCard(
        name=own.name,
        description=own.description or default,
        version=_MODEL_VERSION,
        author=own.author or ("Keras Applications (weights)" if classifier.imagenet else "not stated"),
        license=own.license or (_KERAS_LICENSE if classifier.imagenet else "not stated"),
        mean=preprocessing.mean,
        std=preprocessing.std,
        labels=labels.names,
    )
    measured = ("crops", "photos", "top1_agreement", "top5_agreement", "material_disagreement", "logit_snr_db")
    provenance = {**facts, "agreement": {name: getattr(gate, name) for name in measured}}
    config = encode_config(card, classifier.source, preprocessing, provenance)
    return write_metadata(model, card, {"mobiclass.json": config})
