"""The 1000 classes of ImageNet (ILSVRC 2012): WordNet id and English name, in the order of the models' outputs.

It reads `models/imagenet_classes.tsv` and checks it (where the names come from is told in `models/README.md`), and
recognizes the label lists that have these classes.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass.errors import LabelsError
from mobiclass.hub import data_folder
from mobiclass.labels.text import synonyms

_FILE_NAME: Final = "imagenet_classes.tsv"
_NUM_CLASSES: Final = 1000
# Lists differ in the names that they prefer: Coral's has 93 % of ours, imagenet-simple-labels some 75 %. A list that is
# shifted or sorted has next to none at the same place.
_ENOUGH_ALIKE: Final = 0.6
# Of the labels of the file, joined by line ends: the built-in model's, which need not be compared one by one. A
# cryptographic digest would take longer to load than all else here.
_OWN_LABELS_CRC32: Final = 3714278803
_WNID: Final = re.compile(r"n\d{8}")


class ImagenetClass(NamedTuple):
    """A class: its WordNet id (``n02124075``) and its name (``Egyptian cat``)."""

    wnid: str
    label: str


def read_classes(path: Path | None = None) -> tuple[ImagenetClass, ...]:
    """Read the classes from lines of ``wnid<TAB>label``, by default those of the file that comes with mobiclass.

    Returns:
        The 1000 classes; the position of a class is its output index, which is the rank of its wnid.

    Raises:
        LabelsError: the file is missing, or its lines are not 1000 sorted wnids with distinct names.
    """
    path = path or data_folder() / _FILE_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelsError(f"{path}: the classes cannot be read ({error})") from error
    classes = []
    for number, line in enumerate(lines, start=1):
        wnid, separator, label = line.partition("\t")
        if not separator or not _WNID.fullmatch(wnid) or label != label.strip() or not label or "\t" in label:
            raise LabelsError(f"{path}:{number}: expected a wnid, a tab and a name, not {line!r}")
        classes.append(ImagenetClass(wnid, label))
    _check(path, classes)
    return tuple(classes)


def _check(path: Path, classes: list[ImagenetClass]) -> None:
    wnids = [entry.wnid for entry in classes]
    if len(classes) != _NUM_CLASSES or wnids != sorted(set(wnids)):
        raise LabelsError(f"{path}: expected {_NUM_CLASSES} lines in the order of their wnids, each once")
    names = Counter(entry.label.casefold() for entry in classes)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise LabelsError(f"{path}: names that stand for two classes: {', '.join(twice)}")


@lru_cache(maxsize=8)
def first_imagenet_index(labels: tuple[str, ...]) -> int | None:
    """Find the index of ImageNet's first class in a model's `labels`; ``None`` where they are not ImageNet's.

    The labels must be 1000, or 1001 with a class of another kind at either end, and six in ten of them must be names or
    wnids of the class that stands at the same place in ImageNet's order: their number alone says nothing.

    Raises:
        LabelsError: the file of ImageNet's classes is missing or spoilt.
    """
    if len(labels) not in (_NUM_CLASSES, _NUM_CLASSES + 1):
        return None
    if len(labels) == _NUM_CLASSES and zlib.crc32("\n".join(labels).encode()) == _OWN_LABELS_CRC32:
        return 0
    classes = read_classes()
    for first in range(len(labels) - _NUM_CLASSES, -1, -1):  # a background class mostly comes first
        pairs = [*zip(classes, labels[first : first + _NUM_CLASSES], strict=True)]
        if sum(entry.label == label for entry, label in pairs) >= _ENOUGH_ALIKE * _NUM_CLASSES:
            return first  # without a look at synonyms, which takes longer
        alike = sum(
            label == entry.wnid or not synonyms(entry.label).isdisjoint(synonyms(label)) for entry, label in pairs
        )
        if alike >= _ENOUGH_ALIKE * _NUM_CLASSES:
            return first
    return None
