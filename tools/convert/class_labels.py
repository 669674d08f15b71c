"""Determines the labels of a Keras classifier's outputs, and the classes of labelled photos.

A given label list or one beside the model is used; ImageNet's labels only for the ImageNet weights, or for a model that
classifies well-known photos accordingly. It never guesses labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.errors import LabelsError
from mobiclass.labels import read_classes, read_labels
from tools.errors import CalibrationError, DependencyError
from tools.quantization import bundled_photos

IMAGENET_OUTPUTS: Final = 1000
_WNID: Final = re.compile(r"n\d{8}")

# The ImageNet classes of three photos of scikit-image: any cat; cup or espresso; missile or shuttle.
_KNOWN_PHOTOS: Final = {
    "chelsea.png": frozenset(range(281, 288)),
    "coffee.png": frozenset({504, 925, 967, 968, 969}),
    "rocket.jpg": frozenset({657, 744, 812}),
}
_MIN_RECOGNIZED: Final = 2  # of the three in the top 5; by chance that happens to one model in a thousand


class Labels(NamedTuple):
    """One label per output, and their source."""

    names: tuple[str, ...]
    source: str


def given_labels(labels: Path | None, keras_file: Path | None, outputs: int) -> Labels | None:
    """Read the given label list, or one beside the Keras file whose length matches.

    Raises:
        LabelsError: the given list cannot be read or has another length.
    """
    if labels is not None:
        names = read_labels(labels).fit(outputs, "the model").names
        _check_lines(names, labels)
        return Labels(names, labels.name)
    if keras_file is None:
        return None
    for path in (keras_file.with_name(f"{keras_file.stem}.labels.txt"), keras_file.with_name("labels.txt")):
        if path.is_file() and (found := _fitting(path, outputs)):
            _check_lines(found, path)
            return Labels(found, f"{path.name} beside the model")
    return None


def _fitting(path: Path, outputs: int) -> tuple[str, ...] | None:
    try:
        return read_labels(path).fit(outputs, "the model").names
    except LabelsError:
        return None


def imagenet_labels() -> Labels:
    """Return the labels of ImageNet's classes."""
    return Labels(tuple(entry.label for entry in read_classes()), "ImageNet")


def knows_imagenet(classify: Callable[[Path], npt.NDArray[np.float32]]) -> bool:
    """Test on well-known photos whether the outputs of a model are ImageNet's classes, in ImageNet's order.

    Args:
        classify: returns the scores (1000,) of a photo.
    """
    try:
        photos = {photo.name: photo for photo in bundled_photos()}
    except (DependencyError, CalibrationError):
        return False
    recognized = 0
    for name, classes in _KNOWN_PHOTOS.items():
        best = np.argsort(-classify(photos[name]))[:5]
        recognized += bool(classes & {int(index) for index in best})
    return recognized >= _MIN_RECOGNIZED


def photo_targets(photos: Sequence[Path], labels: Sequence[str], folder: Path) -> list[int]:
    """Return the class index of each photo from the name of its folder: a label, or an ImageNet wnid.

    Raises:
        LabelsError: the name of a folder matches no class, or several.
    """
    classes: dict[str, int | None] = {}
    for index, label in enumerate(labels):
        classes[label.casefold()] = None if label.casefold() in classes else index
    if any(_WNID.fullmatch(photo.parent.name) for photo in photos):
        wnids = read_classes()
        if [entry.label for entry in wnids] == list(labels):
            classes |= {entry.wnid: index for index, entry in enumerate(wnids)}
    targets = []
    for photo in photos:
        target = classes.get(photo.parent.name.casefold())
        if target is None:
            raise LabelsError(
                f"{folder}: {photo.parent.name!r} is not the name of a class of this model; labelled photos must "
                "be in DIR/<class>/<image>, with the class as in the label list"
            )
        targets.append(target)
    return targets


def require_labels(labels: Labels | None, outputs: int, source: str) -> Labels:
    """Require labels for the outputs.

    Raises:
        LabelsError: there are none; the message says how to give them.
    """
    if labels is None:
        raise LabelsError(
            f"{source}: the labels of its {outputs} outputs are unknown; give --labels FILE with one label per line"
        )
    return labels


def _check_lines(names: tuple[str, ...], path: Path) -> None:
    for number, name in enumerate(names, start=1):
        if "\n" in name or "\r" in name or "\0" in name:
            raise LabelsError(f"{path}:{number}: the label contains a line break or a NUL")
