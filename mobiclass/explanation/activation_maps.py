"""Where in a photo the evidence for a class is, as a map over what the model sees.

A network that ends in a global average pooling and a dense layer adds up a logit from the cells of its last feature
map: the share of each is known in closed form (class activation maps, Zhou et al., "Learning Deep Features for
Discriminative Localization", 2016). Of any other network parts of the photo are covered in turn, and the map says what
that costs the score (occlusion, Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.classifier import Classifier
from mobiclass.errors import ModelError
from mobiclass.images import Preprocessor, RgbImage
from mobiclass.predictions import scores_from_output
from mobiclass.runtime import Session, open_session
from mobiclass.tflite import dequantize, find_head, head_weights, override_facts

_GRID: Final = 8  # cells a side for occlusion
_COVERED: Final = 2  # cells a side that are covered at once; fewer hide too little to matter


class ActivationMap(NamedTuple):
    """What speaks for a class, and against it, and where.

    Attributes:
        values: float32 (rows, columns) over what the model sees of the photo, from its upper left corner; positive
            speaks for the class.
        unit: what the values are, in words.
    """

    values: npt.NDArray[np.float32]
    unit: str


class Explainer:
    """Makes activation maps with the model of a classifier, which stays as it is."""

    def __init__(self, classifier: Classifier) -> None:
        """Prepare the model: where its graph allows it, it is loaded once more with its feature map as an output.

        Raises:
            SetupError: the runtime cannot load it again.
        """
        self._session = classifier.session
        self._features: _Features | None = _open_features(classifier.session)

    @property
    def preprocessor(self) -> Preprocessor:
        """What makes the model's input, and knows which part of a photo that is."""
        return self._session.preprocessor

    @property
    def method(self) -> str:
        """How the maps are made: ``activation map`` or ``occlusion``."""
        return "activation map" if self._features else "occlusion"

    def explain(self, image: RgbImage, weights: Mapping[int, float]) -> ActivationMap:
        """Find what in `image` speaks for one class, or for a group of them.

        Args:
            image: an upright RGB image.
            weights: the classes' indices, and how much each counts: 1 for a single class, and for a group the scores
                of its classes.

        Raises:
            ModelError: the model cannot be run.
        """
        total = sum(weights.values())
        shares = {index: weight / total if total else 1 / len(weights) for index, weight in weights.items()}
        if self._features:
            return self._features.explain(image, shares)
        return _occlude(self._session, image, shares)


class _Features(NamedTuple):
    """A session that gives the last feature map too, and the weights that make logits of it.

    Attributes:
        weights: float32 (C, D), centred over the classes: a softmax sees no more than differences.
        channels_first: whether the map is (1, D, rows, columns) instead of (1, rows, columns, D).
    """

    session: Session
    weights: npt.NDArray[np.float32]
    channels_first: bool

    def explain(self, image: RgbImage, shares: Mapping[int, float]) -> ActivationMap:
        session = self.session
        _, raw = session.interpreter.invoke_with_extra(session.preprocessor(image))
        assert session.extra is not None
        features = dequantize(raw, session.extra.quantization)[0]
        if self.channels_first:
            features = np.moveaxis(features, 0, 2)
        towards = np.zeros(self.weights.shape[1], np.float32)
        for index, share in shares.items():
            towards += share * self._of_class(index)
        cells = features.shape[0] * features.shape[1]
        return ActivationMap(np.asarray(features @ towards / cells, np.float32), "share of the logit")

    def _of_class(self, index: int) -> npt.NDArray[np.float32]:
        """Give the weights of a class (D,); a binary head's one output is the second class, and against the first."""
        own: npt.NDArray[np.float32] = self.weights[0] * np.float32(1 if index else -1)
        return own if len(self.weights) == 1 else np.asarray(self.weights[index])


def _open_features(session: Session) -> _Features | None:
    """Load the model of `session` with its feature map as a further output; ``None`` where it has none that can be."""
    model, file = session.model, str(session.model.path)
    if model.edgetpu_compiled:
        return None
    try:
        head = find_head(model.content, file, output_place=model.output_place)
        if head.pooled_from is None or not head.classes:
            return None
        weights, _ = head_weights(model.content, head, file)
    except ModelError:
        return None
    if len(weights) > 1 and model.output_kind in ("probabilities", "logits"):
        weights = weights - weights.mean(axis=0)
    opened, _ = open_session(model, session.run._replace(device="cpu"), override_facts(), extra="feature map")
    assert opened.extra is not None
    return _Features(opened, weights, channels_first=opened.extra.shape[3] != head.width)


def _occlude(session: Session, image: RgbImage, shares: Mapping[int, float]) -> ActivationMap:
    """Cover parts of what the model sees with its mean colour, and map what that takes from the score."""
    model, preprocessor = session.model, session.preprocessor
    kind = model.output_kind
    assert kind is not None  # the session has found out

    def score(pixels: npt.NDArray[np.uint8]) -> float:
        raw = session.interpreter.invoke(preprocessor.tensor(pixels))
        scores = scores_from_output(raw, model.output.quantization, kind)
        return float(sum(scores[index] for index in shares))

    pixels = preprocessor.pixels(image)
    mean = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    whole = score(pixels)
    rows, columns = (np.linspace(0, side, _GRID + 1).round().astype(int) for side in pixels.shape[:2])
    lost, times = np.zeros((_GRID, _GRID)), np.zeros((_GRID, _GRID))
    for first_row in range(1 - _COVERED, _GRID):
        for first_column in range(1 - _COVERED, _GRID):
            down = slice(max(0, first_row), first_row + _COVERED)
            across = slice(max(0, first_column), first_column + _COVERED)
            covered = pixels.copy()
            covered[_span(rows, down), _span(columns, across)] = mean
            lost[down, across] += whole - score(covered)
            times[down, across] += 1
    return ActivationMap(np.asarray(lost / times, np.float32), "score lost where covered")


def _span(edges: npt.NDArray[np.int_], cells: slice) -> slice:
    return slice(int(edges[cells.start]), int(edges[min(cells.stop, _GRID)]))
