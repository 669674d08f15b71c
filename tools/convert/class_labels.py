"""Finds what a Keras classifier's outputs are called, and the classes of labelled photos.

A list given or lying beside the model counts; ImageNet's names are taken only for ImageNet's weights, or where the
model names well-known photos by them. It guesses no names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.errors import LabelsError
from mobiclass.labels import check_labels, read_classes
from mobiclass.tflite import read_labels
from tools.errors import CalibrationError, DependencyError
from tools.quantization import bundled_photos

IMAGENET_OUTPUTS: Final = 1000
_WNID: Final = re.compile(r"n\d{8}")

# What ImageNet's networks see on three photos of scikit-image: any cat; cup or espresso; missile or shuttle.
_KNOWN_PHOTOS: Final = {
    "chelsea.png": frozenset(range(281, 288)),
    "coffee.png": frozenset({504, 925, 967, 968, 969}),
    "rocket.jpg": frozenset({657, 744, 812}),
}
_ENOUGH: Final = 2  # of the three among the best five; by chance it happens once in a thousand models


class Labels(NamedTuple):
    """One name an output, and where they come from."""

    names: tuple[str, ...]
    source: str


def given_labels(labels: Path | None, keras_file: Path | None, outputs: int) -> Labels | None:
    """Read the list that was given, or one that lies beside the Keras file and fits.

    Raises:
        LabelsError: the given list cannot be read or does not fit.
    """
    if labels is not None:
        names = read_labels(labels)
        check_labels(names, outputs, str(labels), "the model")
        _check_lines(names, labels)
        return Labels(names, labels.name)
    if keras_file is None:
        return None
    for path in (keras_file.with_name(f"{keras_file.stem}.labels.txt"), keras_file.with_name("labels.txt")):
        if path.is_file() and len(names := read_labels(path)) == outputs:
            _check_lines(names, path)
            return Labels(names, f"{path.name} beside the model")
    return None


def imagenet_labels() -> Labels:
    """Give the names of ImageNet's classes."""
    return Labels(tuple(entry.label for entry in read_classes()), "ImageNet")


def knows_imagenet(classify: Callable[[Path], npt.NDArray[np.float32]]) -> bool:
    """Find out whether a model of 1000 outputs names well-known photos as ImageNet's classes are numbered.

    Args:
        classify: gives the scores (1000,) for a photo.
    """
    try:
        photos = {photo.name: photo for photo in bundled_photos()}
    except (DependencyError, CalibrationError):
        return False
    right = 0
    for name, classes in _KNOWN_PHOTOS.items():
        best = np.argsort(-classify(photos[name]))[:5]
        right += bool(classes & {int(index) for index in best})
    return right >= _ENOUGH


def photo_targets(photos: Sequence[Path], labels: Sequence[str], folder: Path) -> list[int]:
    """Find the class of each photo by the name of its folder, a label or a wnid of ImageNet's.

    Raises:
        LabelsError: a folder has the name of no class, or of two.
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
                f"{folder}: {photo.parent.name!r} is not the name of one class of this model; labelled photos lie "
                "in DIR/<class>/<image>, the class as in the label list"
            )
        targets.append(target)
    return targets


def _check_lines(names: tuple[str, ...], path: Path) -> None:
    for number, name in enumerate(names, start=1):
        if "\n" in name or "\r" in name or "\0" in name:
            raise LabelsError(f"{path}:{number}: the label holds a line break or a NUL")


def require_labels(labels: Labels | None, outputs: int, source: str) -> Labels:
    """Require names for the outputs.

    Raises:
        LabelsError: there are none; the message says how to give them.
    """
    if labels is None:
        raise LabelsError(
            f"{source}: nothing says what its {outputs} outputs are called; give --labels FILE with one label a line"
        )
    return labels
