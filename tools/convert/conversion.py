"""The steps from a Keras classifier to a checked int8 TFLite model with metadata, composed.

It returns bytes and writes no files (`command` does). Every step is a module's; what is cheap and can go wrong comes
before what takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mobiclass.images import Preprocessor, load_image
from mobiclass.tflite import Preprocessing, TensorSpec, per_channel, read_labels
from tools.convert.class_labels import (
    IMAGENET_OUTPUTS,
    Labels,
    given_labels,
    imagenet_labels,
    knows_imagenet,
    photo_targets,
    require_labels,
)
from tools.convert.gate import MAX_DISAGREEMENT, GateResult, judge
from tools.convert.model_description import OwnWords, architecture_name, describe_model, origin_facts
from tools.convert.photo_sets import (
    DEFAULT_SAMPLES,
    Crop,
    PhotoSplit,
    calibration_crops,
    find_photos,
    judging_crops,
    split_photos,
)
from tools.errors import CalibrationError, NormalizationError
from tools.keras_models import (
    Geometry,
    KerasClassifier,
    Normalization,
    SweepResult,
    build_classifier,
    check_classifier,
    find_normalization,
    load_keras_file,
    require_keras,
    run_function,
    sweep,
    trace,
)
from tools.quantization import InputOutput, convert_float32, convert_int8

FloatArray = npt.NDArray[np.float32]
Say = Callable[[str], None]

CROP_FRACTION: Final = 0.875
_SWEEP_PHOTOS: Final = 100
_MAX_EVALUATED: Final = 500  # whose tensors are held at once: 300 MB at 224 pixels; the order mixes the classes


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be converted, and how; the fields are the options of ``python -m tools.convert``."""

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
    """What came of it.

    Attributes:
        model: the int8 ``.tflite`` with metadata; to be handed over only where `gate` has passed.
        gate: what the gate found.
        facts: where the model comes from, for people.
    """

    model: bytes
    gate: GateResult
    facts: dict[str, Any]


def convert(request: Request, say: Say) -> Conversion:
    """Convert what `request` asks for; `say` is told what was found on the way.

    Raises:
        SetupError: a file, the labels, the photos or a package is at fault; the subclass says which.
    """
    require_keras()
    split = split_photos(request.calibration, request.evaluate)
    classifier = _load(request)
    geometry = check_classifier(classifier.model, classifier.source, request.resolution)
    say(
        f"{classifier.source}: {architecture_name(classifier)}, {geometry.height}×{geometry.width}, {classifier.loader}"
    )
    given = given_labels(request.labels, request.keras, geometry.classes)
    function = trace(classifier.model, geometry)
    normalization = _normalization(request, classifier, geometry, given, function, say)
    preprocessing = Preprocessing(normalization.mean, normalization.std, "crop", CROP_FRACTION, "bicubic")
    say(f"normalization: {normalization.source}")
    preprocessor = Preprocessor(_float_input(geometry), preprocessing)
    known = given or _known_labels(classifier, geometry, function, preprocessor)
    labels = require_labels(known, geometry.classes, classifier.source)
    say(f"labels: {labels.source}")
    samples, judges, targets = _photos(request, split, preprocessor, labels, say)
    float_model = convert_float32(function)
    stock = convert_int8(function, samples, io=request.io)
    model, refinement = _refine(request, stock, float_model, samples)
    tensors = [crop.tensor for crop in judges]
    gate = judge(
        run_function(function, tensors),
        float_model,
        model,
        tensors,
        photos=len({crop.photo for crop in judges}),
        targets=targets,
        max_disagreement=request.max_disagreement,
    )
    facts = origin_facts(classifier, normalization, labels, split, samples, refinement)
    own = OwnWords(request.name, request.description, request.author, request.license)
    return Conversion(describe_model(model, own, classifier, labels, preprocessing, facts, gate), gate, facts)


def gate_advice(conversion: Conversion, request: Request) -> tuple[str, ...]:
    """Say what to try where the gate refuses."""
    gate, found = conversion.gate, []
    if request.calibration is None:
        found.append("calibrate on photos like those that the model will see: --calibration DIR")
    found.append(f"calibrate on more crops, of more photos: --samples {request.samples * 3}")
    if not (request.narrow_ranges and request.bias_correction):
        found.append("leave narrower ranges and bias correction on")
    if gate.float_disagreement > gate.max_disagreement:
        found.append("the float32 TFLite differs from Keras as well: the graph is at fault, not the photos")
    if any(layer.operator == "HARD_SWISH" for layer in gate.worst_layers()):
        found.append("hard-swish quantizes badly: take the --minimalistic variant, or another architecture")
    found.append("check the normalization with labelled photos: --evaluate DIR")
    return tuple(found)


def _load(request: Request) -> KerasClassifier:
    if request.keras is not None:
        return load_keras_file(request.keras)
    if request.arch is None:
        raise NormalizationError("nothing to convert: give --keras FILE or --arch NAME")
    return build_classifier(
        request.arch,
        alpha=request.alpha,
        resolution=request.resolution or 224,
        minimalistic=request.minimalistic,
        weights=request.weights,
        classes=len(read_labels(request.labels)) if request.labels else None,
    )


def _float_input(geometry: Geometry) -> TensorSpec:
    return TensorSpec(name="image", shape=(1, geometry.height, geometry.width, 3), dtype="float32", quantization=None)


def _normalization(
    request: Request, classifier: KerasClassifier, geometry: Geometry, labels: Labels | None, function: Any, say: Say
) -> Normalization:
    result = None
    if request.evaluate is not None:
        result = _sweep(request.evaluate, geometry, labels, function)
        for preset, score in result.scores:
            say(f"  {score:6.1%} of {result.photos} labelled photos with {preset.source}")
    if request.mean is not None and request.std is not None:
        mean, std = per_channel(request.mean, "--mean"), per_channel(request.std, "--std", positive=True)
        found = Normalization(mean, std, "the command line")
    else:
        try:
            found = find_normalization(classifier.model, classifier.match, classifier.source)
        except NormalizationError:
            if result is None or not result.decides:
                raise
            return result.best._replace(source=f"{result.best.source}, which finds most labels of {request.evaluate}")
    if result is not None and result.decides and (result.best.mean, result.best.std) != (found.mean, found.std):
        say(f"note: the labelled photos want {result.best.source}, not {found.source}: give --mean and --std if so")
    return found


def _sweep(folder: Path, geometry: Geometry, labels: Labels | None, function: Any) -> SweepResult:
    names = labels or (imagenet_labels() if geometry.classes == IMAGENET_OUTPUTS else None)
    photos = find_photos(folder)[:_SWEEP_PHOTOS]
    targets = photo_targets(photos, require_labels(names, geometry.classes, str(folder)).names, folder)
    nothing = Preprocessing((0.0,) * 3, (1.0,) * 3, "crop", CROP_FRACTION, "bicubic")
    shown = Preprocessor(_float_input(geometry), nothing)
    pixels = [shown.pixels(_open(photo, shown)) for photo in photos]
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
        return imagenet_labels()._replace(source="ImageNet's: it names well-known photos by them")
    return None


def _photos(
    request: Request, split: PhotoSplit, preprocessor: Preprocessor, labels: Labels, say: Say
) -> tuple[list[FloatArray], list[Crop], list[int] | None]:
    """Make the crops that calibrate, those that judge, and the classes of the latter where they are labelled."""
    samples = calibration_crops(split.calibration, preprocessor, request.samples)
    say(f"calibrating on {len(samples)} crops of {min(len(samples), len(split.calibration))} photos")
    if split.bundled:
        say("note: these are general photos; ones like those the model will see calibrate better: --calibration DIR")
    if request.evaluate is None:
        return samples, judging_crops(split.judges, preprocessor), None
    shown = split.judges[:_MAX_EVALUATED]
    judges = judging_crops(shown, preprocessor, wanted=len(shown))
    targets = photo_targets([crop.photo for crop in judges], labels.names, request.evaluate)
    return samples, judges, targets


def _refine(
    request: Request, stock: bytes, float_model: bytes, samples: Sequence[FloatArray]
) -> tuple[bytes, dict[str, Any] | None]:
    from tools.quantization import refine

    if not (request.narrow_ranges or request.bias_correction):
        return stock, None
    refined = refine(stock, float_model, samples, ranges=request.narrow_ranges, biases=request.bias_correction)
    return refined.model, refined.figures()


def check_request(request: Request) -> None:
    """Refuse what can be seen to be wrong without opening anything large.

    Raises:
        CalibrationError: a folder is missing.
        SetupError: another part of it is.
    """
    for folder in (request.calibration, request.evaluate):
        if folder is not None and not folder.is_dir():
            raise CalibrationError(f"{folder}: there is no such folder of photos")
