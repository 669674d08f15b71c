"""The 1000 classes of ImageNet (ILSVRC 2012): WordNet id and English name, in the order of the models' outputs.

It reads `models/imagenet_classes.tsv` and checks it; where the names come from is told in `models/README.md`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass.errors import LabelsError

CLASSES_FILE: Final = Path(__file__).resolve().parents[1] / "models" / "imagenet_classes.tsv"

_NUM_CLASSES: Final = 1000
_WNID: Final = re.compile(r"n\d{8}")


class ImagenetClass(NamedTuple):
    """A class: its WordNet id (``n02124075``) and its name (``Egyptian cat``)."""

    wnid: str
    label: str


def read_classes(path: Path = CLASSES_FILE) -> tuple[ImagenetClass, ...]:
    """Read the classes from lines of ``wnid<TAB>label``.

    Returns:
        The 1000 classes; the position of a class is its output index, which is the rank of its wnid.

    Raises:
        LabelsError: the file is missing, or its lines are not 1000 sorted wnids with distinct names.
    """
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
    names = [entry.label.casefold() for entry in classes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LabelsError(f"{path}: names that stand for two classes: {', '.join(twice)}")
