"""`Classifier`: from a photo to its top-k labels."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.choices import Channels, Layout, OutputKind, Resize, RunOptions, RuntimeChoice
from mobiclass.decisions import Choice, Decision, DecisionOptions, decider_for
from mobiclass.errors import DelegateError, ImageError, ModelError
from mobiclass.hub import find_model
from mobiclass.images import Classifiable, RgbImage, upright_image
from mobiclass.labels import read_labels
from mobiclass.predictions import Prediction, predictions_from_output, scores_from_output
from mobiclass.runtime import Runtime, Session, open_session
from mobiclass.tflite import ModelInfo, dequantize, override_facts, read_model

if TYPE_CHECKING:
    from mobiclass.runtime import ExtraKind, Fallback

_IN_MEMORY: Final = "-"  # the path of an image without one, as of one on standard input


class Timing(NamedTuple):
    """Where the time of one image went, in milliseconds."""

    decode_ms: float
    preprocess_ms: float
    invoke_ms: float
    postprocess_ms: float


class ImageResult(NamedTuple):
    """The result of one image.

    Attributes:
        path: the image's path as given; ``-`` for an image in memory.
        predictions: best first; empty if there is an error.
        error: why the image could not be classified, or ``None``.
        device: where the model ran: ``cpu`` or ``edgetpu…``.
        fallback: why the CPU took over from an accelerator, or ``None``.
        timing: ``None`` if there is an error.
        model: the model that ran.
        decision: the answer; ``None`` where none was asked for, or there is an error.
    """

    path: str
    predictions: tuple[Prediction, ...]
    error: ImageError | None
    device: str
    fallback: str | None
    timing: Timing | None
    model: ModelInfo
    decision: Decision | None = None


class Classifier:
    """A loaded image classifier.

    When an accelerator fails for good and a fallback on the CPU takes over, the attributes change; every `ImageResult`
    says which model and device it is from.

    Threads may share a classifier, but on the CPU they take turns; `clone` makes one for each.
    """

    def __init__(
        self, session: Session, fallback: Fallback | None = None, decisions: DecisionOptions | None = None
    ) -> None:
        """Classify with `session`, and with `fallback` once that raises a `DelegateError`; see `load`."""
        self._session = session
        self._fallback = fallback
        self._decisions = decisions or DecisionOptions(decide=False)
        self._choices: dict[ModelInfo, Choice] = {}
        self._lock = threading.Lock()

    @property
    def session(self) -> Session:
        """The model on its device: its interpreter and its preprocessor."""
        return self._session

    @property
    def model(self) -> ModelInfo:
        """What is known about the model, and from which source."""
        return self._session.model

    @property
    def choice(self) -> Choice:
        """What is decided about the model that is loaded."""
        return self._choice(self.model)

    @property
    def device(self) -> str:
        """Where the model runs: ``cpu`` or ``edgetpu…``."""
        return self._session.device

    @property
    def fallback(self) -> str | None:
        """Why the CPU took over from an accelerator, or ``None``."""
        return self._session.fallback

    @property
    def runtime(self) -> Runtime:
        """The TFLite runtime that runs the model."""
        return self._session.interpreter.runtime

    @property
    def num_threads(self) -> int:
        """The threads that the runtime may use."""
        return self._session.interpreter.num_threads

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
        crop_fraction: float | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        channels: Channels | None = None,
        layout: Layout | None = None,
        resolution: int | Sequence[int] | str | None = None,
        output_tensor: int | str | None = None,
        output_kind: OutputKind | None = None,
        decide: bool | None = None,
        thresholds: str | os.PathLike[str] | None = None,
        only: str | os.PathLike[str] | None = None,
        device_timeout: float = 10.0,
        notify: Callable[[str], None] | None = None,
    ) -> Classifier:
        """Load a classifier, ready to run.

        Args:
            model: a known model's name, or the path of any ``.tflite`` classifier; the built-in model by default.
            labels: a file with one label a line, or in any form that exporters write (JSON, CSV, pbtxt, YAML; with or
                without indices); the model's own labels by default.
            device: ``auto``, ``cpu`` or ``edgetpu[:usb|:pci][:N]``; ``auto`` is the Edge TPU for a model that was
                compiled for it, with the model that it was compiled from as the fallback on the CPU.
            runtime: ``auto`` (LiteRT where it is installed), ``litert`` or ``tflite``.
            num_threads: CPU threads, 1 to 256; all cores by default.
            resize: overrides the model's resize mode.
            crop_fraction: overrides the part of the image's shorter side that the centre crop keeps, up to 1.
            mean: overrides the model's normalization: one value, or one each for red, green and blue, in pixel units
                of 0–255.
            std: likewise, at least 1; a mean of 0 and a std of 1 for a model that normalizes by itself.
            channels: overrides the order of the input's channels: ``rgb`` or ``bgr``.
            layout: ``nhwc`` or ``nchw``, for an input that could be either.
            resolution: height and width in pixels (one number for both), for an input that leaves them open.
            output_tensor: which output holds the scores, by place or name; it is found where one has them.
            output_kind: overrides what that output holds: ``probabilities``, ``logits``, ``multilabel`` (a
                probability a label, as they are) or ``multilabel-logits`` (a sigmoid is applied).
            decide: whether results have a decision: the class where it is sure, else a group, else ``unknown``; by
                default where the model has rules for that, or ImageNet's labels.
            thresholds: a table ``label,score``: from which score on a class is answered, in place of the model's rules.
            only: a list with a label, a WordNet id or a group a line: no other class is predicted or answered.
            device_timeout: seconds after which an Edge TPU that does not answer has failed.
            notify: called, by any thread, with a message when an Edge TPU fails.

        Raises:
            ModelError: the model is missing, damaged or not an image classifier.
            LabelsError: the labels cannot be read or do not fit, or `thresholds` or `only` name what is not among them.
            DelegateError: the Edge TPU cannot be used.
            SetupError: the runtime is not installed.
            ValueError: an argument is out of range.
        """
        run = RunOptions(device, runtime, num_threads, device_timeout).validated()
        overrides = override_facts(
            labels=read_labels(Path(labels)) if labels is not None else None,
            resize=resize,
            crop_fraction=crop_fraction,
            mean=mean,
            std=std,
            channels=channels,
            layout=layout,
            resolution=resolution,
            output_tensor=output_tensor,
            output_kind=output_kind,
        )
        decisions = DecisionOptions.read(decide, thresholds, only)
        info = read_model(find_model(model), overrides)
        choice = decider_for(info, decisions)
        decider = choice.decider
        extra: ExtraKind | None = "features" if decider and decider.needs_features else None
        classifier = cls(*open_session(info, run, overrides, notify, extra=extra), decisions)
        # A fallback decides only where the model that was asked for does, so that all rows are alike.
        classifier._decisions = decisions._replace(decide=decider is not None)
        classifier._choices[info] = choice
        try:
            classifier._check_fallback(extra)
            classifier._check_features()
        except BaseException:
            classifier.close()
            raise
        return classifier

    def _check_fallback(self, extra: ExtraKind | None) -> None:
        """Refuse a fallback that could not decide: it would answer photos of other things as if they were none."""
        if self._fallback is None or extra is not None or self._decisions.decide is False:
            return
        for model in self.models():
            decider = self._choice(model).decider
            if decider and decider.needs_features:
                raise ModelError(
                    f"{model.path}: it takes over from {self._fallback.compiled.path}, but has a rule for unknown "
                    "photos that this has not; give both the same rules"
                )

    def _check_features(self) -> None:
        """Refuse means that are not of the model's features."""
        decider, spec = self.choice.decider, self._session.extra
        if decider and spec and decider.features != spec.values:
            raise ModelError(
                f"{self.model.path}: its rule for unknown photos is for {decider.features} features, but the model has "
                f"{spec.values}"
            )

    def clone(self) -> Classifier:
        """Make a classifier for another thread: it has its own interpreter on the CPU, and shares an accelerator."""
        clone = Classifier(self._session.clone(), self._fallback, self._decisions)
        clone._choices = self._choices  # of the same models: read once
        return clone

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models that results may come from: the loaded one, and its fallback."""
        models = [self.model]
        if self._fallback:
            models += filter(None, (self._fallback.compiled, self._fallback.model))
        return tuple(dict.fromkeys(models))

    def close(self) -> None:
        """Release the accelerator to other programs; the classifier cannot be used afterwards."""
        self._session.interpreter.close()

    def classify(
        self, image: Classifiable, *, top_k: int = 5, threshold: float = 0.0, allow_truncated: bool = False
    ) -> tuple[Prediction, ...]:
        """Classify one image.

        Args:
            image: a path, the bytes of an image file, a Pillow image, or RGB pixels (uint8, height × width × 3).
            top_k: the number of predictions, at least 1.
            threshold: predictions with a lower score (0–1) are dropped.
            allow_truncated: decode truncated files as far as they go.

        Returns:
            At most `top_k` predictions, best first; equal scores in the order of their index.

        Raises:
            ImageError: the image cannot be found, read or decoded.
            ModelError: the model cannot be run.
        """
        return self._classify(image, top_k, threshold, allow_truncated)[0]

    def classify_many(
        self,
        images: Iterable[Classifiable],
        *,
        top_k: int = 5,
        threshold: float = 0.0,
        allow_truncated: bool = False,
    ) -> Iterator[ImageResult]:
        """Classify images one by one, and yield each result in turn.

        An image that cannot be classified yields a result with an error.

        Raises:
            ModelError: the model cannot be run.
        """
        for image in images:
            path = os.fspath(image) if isinstance(image, (str, os.PathLike)) else _IN_MEMORY
            yield self.result(path, image, top_k=top_k, threshold=threshold, allow_truncated=allow_truncated)

    def result(
        self, path: str, image: Classifiable, *, top_k: int = 5, threshold: float = 0.0, allow_truncated: bool = False
    ) -> ImageResult:
        """Classify `image` as `classify` does; the result, or its error, is under the name `path`."""
        try:
            predictions, timing, ran, decision = self._classify(image, top_k, threshold, allow_truncated)
        except ImageError as error:
            ran = self._session
            return ImageResult(path, (), error, ran.device, ran.fallback, None, ran.model)
        return ImageResult(path, predictions, None, ran.device, ran.fallback, timing, ran.model, decision)

    def features(self, image: Classifiable, *, allow_truncated: bool = False) -> npt.NDArray[np.float32]:
        """Compute the features of one image, float32 (D,), with a model whose decisions need them.

        Raises:
            ImageError: the image cannot be found, read or decoded.
            ModelError: the model cannot be run.
            ValueError: nothing needs the model's features, so that they are not there.
        """
        session = self._session
        features = _invoke(session, session.preprocessor(_decode(image, session, allow_truncated)))[1]
        if features is None:
            raise ValueError("the classifier was loaded without features: its decisions need none")
        return features

    def _classify(
        self, source: Classifiable, top_k: int, threshold: float, allow_truncated: bool
    ) -> tuple[tuple[Prediction, ...], Timing, Session, Decision | None]:
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be from 0 to 1, not {threshold}")
        session = self._session
        start = perf_counter()
        image = _decode(source, session, allow_truncated)
        decoded = perf_counter()
        tensor = session.preprocessor(image)
        preprocessed = perf_counter()
        try:
            raw, features = _invoke(session, tensor)
        except DelegateError as error:
            session = self._fall_back(session, error)
            image = _decode(source, session, allow_truncated)  # at another scale, perhaps
            raw, features = _invoke(session, session.preprocessor(image))
        invoked = perf_counter()
        model = session.model
        if raw.dtype.kind == "f" and not np.isfinite(raw).all():
            raise ModelError(f"{model.path}: the model's output is NaN or infinite; the model is damaged")
        assert model.output_kind is not None  # where the graph does not tell, the session has found out
        decider, allowed, _ = self._choice(model)
        predictions = predictions_from_output(
            raw, model.output.quantization, model.output_kind, model.labels, top_k, threshold, allowed
        )
        decision = None
        if decider and predictions:
            decision = decider.decide_by_best(predictions[0].index, predictions[0].score)
        if decider and decision is None:
            scores = scores_from_output(raw, model.output.quantization, model.output_kind)
            decision = decider.decide(scores, features)
        done = perf_counter()
        times = (decoded - start, preprocessed - decoded, invoked - preprocessed, done - invoked)
        return predictions, Timing(*(round(seconds * 1000, 3) for seconds in times)), session, decision

    def _choice(self, model: ModelInfo) -> Choice:
        """Give what is decided about `model`, one of `models`."""
        if model not in self._choices:
            self._choices[model] = decider_for(model, self._decisions)
        return self._choices[model]

    def _fall_back(self, failed: Session, error: DelegateError) -> Session:
        """Let the fallback take over from `failed`, unless another thread has done so.

        Raises:
            DelegateError: there is no fallback.
            ModelError: the fallback cannot be loaded, or its rules do not fit it.
        """
        if self._fallback is None:
            raise error
        with self._lock:
            if self._session is failed:
                self._session = self._fallback.take_over(error)
                self._check_features()
            return self._session


def _invoke(
    session: Session, tensor: npt.NDArray[np.generic]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float32] | None]:
    """Run the model; returns the raw output (N,), and the features (D,) where the session gives them."""
    if session.extra is None:
        return session.interpreter.invoke(tensor), None
    raw, extra = session.interpreter.invoke_with_extra(tensor)
    return raw, dequantize(extra, session.extra.quantization).reshape(-1)[: session.extra.values]


def _decode(source: Classifiable, session: Session, allow_truncated: bool) -> RgbImage:
    """Decode `source` to an upright RGB image, at the smallest scale that suffices for the model."""
    wanted = session.preprocessor
    return upright_image(
        source, min_height=wanted.min_height, min_width=wanted.min_width, allow_truncated=allow_truncated
    )
