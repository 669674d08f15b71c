"""Composes the steps from a Keras classifier to a checked int8 TFLite model with metadata.

It returns bytes and writes no files (`command` does). Each step has its own module; cheap checks come before slow work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mobiclass.images import Preprocessor, load_image
from mobiclass.labels import read_labels
from mobiclass.tflite import Preprocessing, per_channel
from tools.convert.class_labels import (
    IMAGENET_OUTPUTS,
    Labels,
    given_labels,
    imagenet_labels,
    knows_imagenet,
    photo_targets,
    require_labels,
)
from tools.convert.gate import MAX_DISAGREEMENT, GateResult, evaluate_gate
from tools.convert.model_description import GivenDetails, describe_model, provenance_facts
from tools.convert.photo_sets import (
    DEFAULT_SAMPLES,
    Crop,
    PhotoSplit,
    calibration_crops,
    find_photos,
    held_out_crops,
    split_photos,
)
from tools.dependencies import require_keras
from tools.errors import NormalizationError
from tools.keras_models import (
    Geometry,
    KerasClassifier,
    Normalization,
    SweepResult,
    build_classifier,
    check_classifier,
    find_normalization,
    load_keras_file,
    run_function,
    sweep,
    trace,
)
from tools.quantization import InputOutput, convert_float32, convert_int8, float_preprocessor, refine

FloatArray = npt.NDArray[np.float32]
Report = Callable[[str], None]
"""Called with each line of progress."""

CROP_FRACTION: Final = 0.875
_SWEEP_PHOTOS: Final = 100
_MAX_EVALUATED: Final = 500  # all tensors are in memory: 300 MB at 224 pixels; the order mixes the classes


@dataclass(frozen=True, slots=True)
class Request:
    """What to convert and how; the fields are the options of ``python -m tools.convert``."""

    name: str
    keras: Path | None = None
    arch: str | None = None
    alpha: float = 1.0
    resolution: int | None = None
    minimalistic: bool = False
    weights: str = "imagenet"
    calibration: Path | None = None
    samples: int = DEFAULT_SAMPLES
    labels: Path | None = None
    io: InputOutput = "uint8"
    evaluate: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    max_disagreement: float = MAX_DISAGREEMENT
    narrow_ranges: bool = True
    bias_correction: bool = True
    license: str | None = None
    author: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        model: the int8 ``.tflite`` with metadata; use it only if `gate` has passed.
        gate: the result of the gate.
        facts: the provenance of the model.
    """

    model: bytes
    gate: GateResult
    facts: dict[str, Any]


def convert(request: Request, report: Report) -> Conversion:
    """Convert what `request` specifies, and report each finding on the way.

    Raises:
        SetupError: a file, the labels, the photos or a package cannot be used; the subclass says which.
    """
    require_keras()
    split = split_photos(request.calibration, request.evaluate)
    classifier = _load(request)
    geometry = check_classifier(classifier.model, classifier.source, request.resolution)
    report(f"{classifier.source}: {classifier.architecture}, {geometry.height}×{geometry.width}, {classifier.loader}")
    given = given_labels(request.labels, request.keras, geometry.classes)
    function = trace(classifier.model, geometry)
    normalization = _normalization(request, classifier, geometry, given, function, report)
    preprocessing = Preprocessing(normalization.mean, normalization.std, "crop", CROP_FRACTION, "bicubic")
    report(f"normalization: {normalization.source}")
    preprocessor = float_preprocessor(geometry.height, geometry.width, preprocessing)
    known = given or _known_labels(classifier, geometry, function, preprocessor)
    labels = require_labels(known, geometry.classes, classifier.source)
    report(f"labels: {labels.source}")
    samples, held_out, targets = _photos(request, split, preprocessor, labels, report)
    float_model = convert_float32(function)
    stock = convert_int8(function, samples, io=request.io)
    model, refinement = _refine(request, stock, float_model, samples)
    tensors = [crop.tensor for crop in held_out]
    gate = evaluate_gate(
        run_function(function, tensors),
        float_model,
        model,
        tensors,
        photos=len({crop.photo for crop in held_out}),
        targets=targets,
        max_disagreement=request.max_disagreement,
    )
    facts = provenance_facts(classifier, normalization, labels, split, samples, refinement)
    own = GivenDetails(request.name, request.description, request.author, request.license)
    return Conversion(describe_model(model, own, classifier, labels, preprocessing, facts, gate), gate, facts)


def gate_advice(conversion: Conversion, request: Request) -> tuple[str, ...]:
    """Suggest what to try after the gate has refused a model."""
    gate, found = conversion.gate, []
    if request.calibration is None:
        found.append("calibrate on photos like those the model will be used on: --calibration DIR")
    found.append(f"calibrate on more crops of more photos: --samples {request.samples * 3}")
    if not (request.narrow_ranges and request.bias_correction):
        found.append("enable range narrowing and bias correction")
    if gate.float_disagreement > gate.max_disagreement:
        found.append("the float32 TFLite model differs from Keras too: the cause is the graph, not the photos")
    if any(layer.operator == "HARD_SWISH" for layer in gate.worst_layers()):
        found.append("hard-swish quantizes poorly: use the --minimalistic variant or another architecture")
    found.append("check the normalization on labelled photos: --evaluate DIR")
    return tuple(found)


def _load(request: Request) -> KerasClassifier:
    if request.keras is not None:
        return load_keras_file(request.keras)
    if request.arch is None:
        raise NormalizationError("there is nothing to convert: give --keras FILE or --arch NAME")
    return build_classifier(
        request.arch,
        alpha=request.alpha,
        resolution=request.resolution or 224,
        minimalistic=request.minimalistic,
        weights=request.weights,
        classes=len(read_labels(request.labels)) if request.labels else None,
    )


def _normalization(
    request: Request,
    classifier: KerasClassifier,
    geometry: Geometry,
    labels: Labels | None,
    function: Any,
    report: Report,
) -> Normalization:
    result = None
    if request.evaluate is not None:
        result = _sweep(request.evaluate, geometry, labels, function)
        for preset, score in result.scores:
            report(f"  {score:6.1%} of {result.photos} labelled photos with {preset.source}")
    if request.mean is not None and request.std is not None:
        mean, std = per_channel(request.mean, "--mean"), per_channel(request.std, "--std", positive=True)
        found = Normalization(mean, std, "the command line")
    else:
        try:
            found = find_normalization(classifier.model, classifier.match, classifier.source)
        except NormalizationError:
            if result is None or not result.decides:
                raise
            return result.best._replace(source=f"{result.best.source}, the best on {request.evaluate}")
    if result is not None and result.decides and (result.best.mean, result.best.std) != (found.mean, found.std):
        report(f"note: accuracy is highest with {result.best.source}, not with {found.source}: check --mean and --std")
    return found


def _sweep(folder: Path, geometry: Geometry, labels: Labels | None, function: Any) -> SweepResult:
    names = labels or (imagenet_labels() if geometry.classes == IMAGENET_OUTPUTS else None)
    photos = find_photos(folder)[:_SWEEP_PHOTOS]
    targets = photo_targets(photos, require_labels(names, geometry.classes, str(folder)).names, folder)
    unscaled = Preprocessing((0.0,) * 3, (1.0,) * 3, "crop", CROP_FRACTION, "bicubic")
    preprocessor = float_preprocessor(geometry.height, geometry.width, unscaled)
    pixels = [preprocessor.pixels(_open(photo, preprocessor)) for photo in photos]
    return sweep(lambda tensor: run_function(function, [tensor])[0], pixels, targets)


def _open(photo: Path, preprocessor: Preprocessor) -> Any:
    return load_image(photo, min_height=preprocessor.min_height, min_width=preprocessor.min_width)


def _known_labels(
    classifier: KerasClassifier, geometry: Geometry, function: Any, preprocessor: Preprocessor
) -> Labels | None:
    if geometry.classes != IMAGENET_OUTPUTS:
        return None

    def classify(photo: Path) -> FloatArray:
        tensor = preprocessor(_open(photo, preprocessor)).astype(np.float32, copy=False)
        scores: FloatArray = run_function(function, [tensor])[0]
        return scores

    if classifier.imagenet:
        return imagenet_labels()
    if knows_imagenet(classify):
        return imagenet_labels()._replace(source="ImageNet, recognized by well-known photos")
    return None


def _photos(
    request: Request, split: PhotoSplit, preprocessor: Preprocessor, labels: Labels, report: Report
) -> tuple[list[FloatArray], list[Crop], list[int] | None]:
    """Return the calibration crops, the held-out crops, and the classes of the latter if they are labelled."""
    samples = calibration_crops(split.calibration, preprocessor, request.samples)
    report(f"calibrating on {len(samples)} crops of {min(len(samples), len(split.calibration))} photos")
    if split.bundled:
        report("note: these are generic photos; photos of your own subjects calibrate better: --calibration DIR")
    if request.evaluate is None:
        return samples, held_out_crops(split.held_out, preprocessor), None
    evaluated = split.held_out[:_MAX_EVALUATED]
    held_out = held_out_crops(evaluated, preprocessor, wanted=len(evaluated))
    targets = photo_targets([crop.photo for crop in held_out], labels.names, request.evaluate)
    return samples, held_out, targets


def _refine(
    request: Request, stock: bytes, float_model: bytes, samples: Sequence[FloatArray]
) -> tuple[bytes, dict[str, Any] | None]:
    if not (request.narrow_ranges or request.bias_correction):
        return stock, None
    refined = refine(stock, float_model, samples, ranges=request.narrow_ranges, biases=request.bias_correction)
    return refined.model, refined.figures()
