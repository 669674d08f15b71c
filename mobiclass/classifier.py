"""`Classifier`: a model, its preprocessing and its interpreter, composed. From a photo to its top-k labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from mobiclass.catalog import find_model
from mobiclass.choices import Resize, RuntimeChoice, is_device
from mobiclass.errors import DelegateError, ImageError, ModelError
from mobiclass.facts import override_facts
from mobiclass.images import ImageSource, load_image
from mobiclass.interpreter import Interpreter
from mobiclass.model import ModelInfo, read_labels, read_model
from mobiclass.predictions import Prediction, predictions_from_scores, scores_from_output
from mobiclass.preprocess import Preprocessor
from mobiclass.rgb import rgb_from_array, upright_rgb
from mobiclass.runtimes import Runtime, choose_runtime

_MAX_THREADS: Final = 256  # the runtimes crash where the system gives them fewer than they ask for

Classifiable: TypeAlias = "ImageSource | Image.Image | npt.NDArray[np.uint8]"
"""A path, the bytes of an image file, a Pillow image, or RGB pixels (uint8, height × width × 3)."""


class Timing(NamedTuple):
    """Where the time of one image went, in milliseconds."""

    decode_ms: float
    preprocess_ms: float
    invoke_ms: float
    postprocess_ms: float


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of one image of many.

    Attributes:
        path: the image as it was given.
        predictions: the best first; empty where there is an error.
        error: why the image could not be classified, or ``None``.
        device: where the model ran: ``cpu`` or ``edgetpu…``.
        fallback: why the CPU stood in for an accelerator, or ``None``.
        timing: where the time went; ``None`` where there is an error.
    """

    path: str
    predictions: tuple[Prediction, ...]
    error: ImageError | None
    device: str
    fallback: str | None
    timing: Timing | None


class Classifier:
    """An image classifier, loaded.

    Threads may share one, but on the CPU they would wait for each other: see `for_another_thread`.

    Attributes:
        model: what is known of the model, and from which source.
        runtime: the TFLite runtime that runs it.
        device: where it runs.
        fallback: why the CPU stands in for an accelerator, or ``None``.
        num_threads: the threads that the runtime may use.
    """

    def __init__(
        self, model: ModelInfo, interpreter: Interpreter, *, device: str = "cpu", fallback: str | None = None
    ) -> None:
        """Compose the parts; `Classifier.load` finds them."""
        self.model = model
        self.device = device
        self.fallback = fallback
        self._interpreter = interpreter
        self._preprocessor = Preprocessor(model.input, model.preprocessing)

    @property
    def runtime(self) -> Runtime:
        """The TFLite runtime that runs the model."""
        return self._interpreter.runtime

    @property
    def num_threads(self) -> int:
        """The threads that the runtime may use."""
        return self._interpreter.num_threads

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        labels: str | os.PathLike[str] | None = None,
        device: str = "auto",
        runtime: RuntimeChoice = "auto",
        num_threads: int | None = None,
        resize: Resize | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
    ) -> Classifier:
        """Load a classifier, ready to run.

        Args:
            model: a known model's name, or the path of any ``.tflite`` classifier; the built-in one by default.
            labels: a file with one label a line; the model's own labels by default.
            device: ``auto``, ``cpu`` or ``edgetpu[:usb|:pci][:N]``; ``auto`` takes the Edge TPU for a model that
                was compiled for it, and the CPU otherwise.
            runtime: ``auto`` (LiteRT where it is installed), ``litert`` or ``tflite``.
            num_threads: threads for the CPU; all cores by default.
            resize: overrides how the model says that images meet its input.
            mean: overrides the model's normalization: one value or one a channel, in pixel units of 0–255.
            std: likewise.

        Raises:
            ModelError: the model is missing, damaged or no image classifier.
            LabelsError: the labels cannot be read or do not fit.
            DelegateError: the Edge TPU cannot be used.
            SetupError: the runtime is not installed.
            ValueError: an argument is impossible.
        """
        overrides = override_facts(
            labels=read_labels(Path(labels)) if labels is not None else None,
            labels_file=os.fspath(labels) if labels is not None else None,
            resize=resize,
            mean=mean,
            std=std,
        )
        if num_threads is not None and not 1 <= num_threads <= _MAX_THREADS:
            raise ValueError(f"num_threads must be from 1 to {_MAX_THREADS}, not {num_threads}")
        if runtime not in get_args(RuntimeChoice):
            raise ValueError(f"runtime must be one of {', '.join(get_args(RuntimeChoice))}, not {runtime!r}")
        info = read_model(find_model(model), overrides)
        chosen = choose_runtime(runtime)
        try:
            delegate = _delegate(info, device, chosen)
        except DelegateError as error:
            sibling = _cpu_sibling(info)
            if device != "auto" or sibling is None:
                raise
            info = read_model(sibling, overrides)
            interpreter = Interpreter(info, runtime=chosen, num_threads=num_threads)
            return cls(info, interpreter, device="cpu", fallback=str(error))
        interpreter = Interpreter(info, runtime=chosen, num_threads=num_threads, delegate=delegate)
        return cls(info, interpreter, device="cpu" if delegate is None else device.replace("auto", "edgetpu"))

    def for_another_thread(self) -> Classifier:
        """Make the classifier of one more worker: with an interpreter of its own, but on the same accelerator."""
        if self.device != "cpu":
            return self
        interpreter = Interpreter(self.model, runtime=self.runtime, num_threads=self.num_threads)
        return Classifier(self.model, interpreter, device=self.device, fallback=self.fallback)

    def classify(
        self, image: Classifiable, *, top_k: int = 5, threshold: float = 0.0, allow_truncated: bool = False
    ) -> tuple[Prediction, ...]:
        """Classify one image.

        Args:
            image: a path, the bytes of an image file, a Pillow image, or RGB pixels (uint8, height × width × 3).
            top_k: the number of predictions, at least 1.
            threshold: predictions with a lower score (0–1) are dropped.
            allow_truncated: take what there is of a file that was cut short.

        Returns:
            The best predictions, best first; equal scores go by index.

        Raises:
            ImageError: the image cannot be found, read or decoded.
            ModelError: the model cannot be run.
        """
        return self._classify(image, top_k, threshold, allow_truncated)[0]

    def classify_many(
        self,
        images: Iterable[str | os.PathLike[str]],
        *,
        top_k: int = 5,
        threshold: float = 0.0,
        allow_truncated: bool = False,
    ) -> Iterator[ImageResult]:
        """Classify files one after the other, and give a result for each, in order, as it comes.

        A file that cannot be classified gives a result with an error, and the others go on.

        Raises:
            ModelError: the model cannot be run: no image could be.
        """
        for image in images:
            yield self.result(
                os.fspath(image), image, top_k=top_k, threshold=threshold, allow_truncated=allow_truncated
            )

    def result(
        self, path: str, image: Classifiable, *, top_k: int = 5, threshold: float = 0.0, allow_truncated: bool = False
    ) -> ImageResult:
        """Classify `image` as `classify` does, and give the outcome, good or bad, under the name `path`."""
        try:
            predictions, timing = self._classify(image, top_k, threshold, allow_truncated)
        except ImageError as error:
            return ImageResult(path, (), error, self.device, self.fallback, None)
        return ImageResult(path, predictions, None, self.device, self.fallback, timing)

    def _classify(
        self, source: Classifiable, top_k: int, threshold: float, allow_truncated: bool
    ) -> tuple[tuple[Prediction, ...], Timing]:
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be from 0 to 1, not {threshold}")
        start = perf_counter()
        image = self._upright_rgb(source, allow_truncated)
        decoded = perf_counter()
        tensor = self._preprocessor(image)
        preprocessed = perf_counter()
        raw = self._interpreter.invoke(tensor)
        invoked = perf_counter()
        scores = scores_from_output(raw, self.model.output.quantization, self.model.output_kind)
        if raw.dtype.kind == "f" and not np.isfinite(scores).all():
            raise ModelError(f"{self.model.path}: the model's output is not a number; the model is damaged")
        predictions = predictions_from_scores(scores, self.model.labels, top_k, threshold)
        done = perf_counter()
        times = (decoded - start, preprocessed - decoded, invoked - preprocessed, done - invoked)
        return predictions, Timing(*(round(seconds * 1000, 3) for seconds in times))

    def _upright_rgb(self, source: Classifiable, allow_truncated: bool) -> Image.Image:
        if isinstance(source, (str, bytes, os.PathLike)):
            return load_image(
                source,
                min_height=self._preprocessor.min_height,
                min_width=self._preprocessor.min_width,
                allow_truncated=allow_truncated,
            )
        try:
            return upright_rgb(source) if isinstance(source, Image.Image) else rgb_from_array(np.asarray(source))
        except (OSError, SyntaxError, ValueError) as error:
            raise ImageError(str(error), kind="unsupported") from error


def _delegate(model: ModelInfo, device: str, runtime: Runtime) -> Any:
    """Load the delegate that `device` and `model` call for; ``None`` for the CPU."""
    if not is_device(device):
        raise ValueError(f"device must be auto, cpu or edgetpu[:usb|:pci][:N], not {device!r}")
    if not model.edgetpu_compiled:
        if device in ("auto", "cpu"):
            return None
        raise DelegateError(
            f"{model.path} is not compiled for the Edge TPU and would run on the CPU: compile it with "
            f"`edgetpu_compiler {model.path.name}`, or use --device cpu"
        )
    if device == "cpu":
        sibling = _cpu_sibling(model)
        raise DelegateError(
            f"{model.path} is compiled for the Edge TPU and cannot run on the CPU: use "
            f"{f'--model {sibling}' if sibling else 'the .tflite that it was compiled from'}, or install libedgetpu "
            "and plug an Edge TPU in"
        )
    from mobiclass.edgetpu import load_delegate

    return load_delegate(runtime, "edgetpu" if device == "auto" else device)


def _cpu_sibling(model: ModelInfo) -> Path | None:
    """Find ``X.tflite`` beside ``X_edgetpu.tflite``."""
    if not model.name.endswith("_edgetpu"):
        return None
    sibling = model.path.with_name(f"{model.name.removesuffix('_edgetpu')}.tflite")
    return sibling if sibling.is_file() else None
