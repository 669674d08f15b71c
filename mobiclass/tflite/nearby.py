"""The label file that lies beside a model which has no labels of its own, as exporters put it there.

It counts only where it can be nobody else's: it fits the outputs, no other label file there says otherwise, and no
other model is in that folder. Otherwise it is named, so that a person can decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from mobiclass.errors import LabelsError
from mobiclass.labels import Labels, read_labels
from mobiclass.tflite.scores import fit_labels

_MODEL_SUFFIXES: Final = (".tflite", ".lite")
_TWIN: Final = "_edgetpu"
_OWN_ENDINGS: Final = ("_labels", "-labels", ".labels", "_label", "_labelmap", "_classes", "_class_names")
_NAMES: Final = (
    "labels", "label", "labelmap", "label_map", "labels_map", "dict", "classes", "class_names", "class_labels",
    "class_indices", "class_index", "id2label", "imagenet_labels", "imagenet_class_index",
)  # fmt: skip
_SUFFIXES: Final = (".txt", ".json", ".csv", ".pbtxt", ".yaml", ".yml")
_UNSURE_NAMES: Final = ("data.yaml", "data.yml", "metadata.yaml", "config.json", "metadata.json", "model_metadata.json")


class NearbyLabels(NamedTuple):
    """A label file beside a model that no stronger source gives labels.

    Attributes:
        path: the file.
        unused_because: why it was not used; ``None`` where it was.
    """

    path: Path
    unused_because: str | None


def find_nearby_labels(model: Path, outputs: int) -> tuple[Labels | None, NearbyLabels | None]:
    """Look beside `model` for the labels of its `outputs`.

    Returns:
        The labels, if one file can be used; and that file, or the one that might have been, if any.
    """
    names = _files_in(model.parent)
    fitting: list[tuple[Path, Labels]] = []
    misfit: NearbyLabels | None = None
    for name, is_sure in _candidates(model, names):
        path = model.with_name(name)
        try:
            fitting.append((path, fit_labels(read_labels(path), outputs, model.name)))
        except LabelsError as error:
            if is_sure and misfit is None:
                misfit = NearbyLabels(path, str(error).removeprefix(f"{path}: "))
    if not fitting:
        return None, misfit
    path, labels = fitting[0]
    if others := [name for name in names if _is_other_model(name, model)]:
        return None, NearbyLabels(path, f"another model, {sorted(others)[0]}, lies there too")
    for other, different in fitting[1:]:
        if different.names != labels.names:
            return None, NearbyLabels(path, f"{other.name} lies there too and says otherwise")
    return labels, NearbyLabels(path, None)


def _candidates(model: Path, names: list[str]) -> Iterator[tuple[str, bool]]:
    """Give the files that may hold the labels, the likeliest first, and whether each is a label file by its name."""
    there = {name.lower(): name for name in names}
    stems = dict.fromkeys(stem.lower() for stem in (_stem(model.name), _untwinned(model.name)))
    own = (f"{stem}{ending}" for stem in stems for ending in _OWN_ENDINGS)
    for stem in dict.fromkeys((*own, *_NAMES)):
        for suffix in _SUFFIXES:
            if name := there.get(f"{stem}{suffix}"):
                yield name, True
    for wanted in (*(f"{stem}.txt" for stem in stems), *_UNSURE_NAMES):
        if name := there.get(wanted):
            yield name, False


def _files_in(folder: Path) -> list[str]:
    """List the regular files in `folder` that may be label files or models; none where it cannot be listed."""
    suffixes = (*_SUFFIXES, *_MODEL_SUFFIXES)
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.name.lower().endswith(suffixes) and entry.is_file()]
    except OSError:
        return []


def _is_other_model(name: str, model: Path) -> bool:
    return name.lower().endswith(_MODEL_SUFFIXES) and _untwinned(name) != _untwinned(model.name)


def _untwinned(name: str) -> str:
    """Name a model without what tells the one that is compiled for an Edge TPU from the one that it was made from."""
    return _stem(name).removesuffix(_TWIN)


def _stem(name: str) -> str:
    path = PurePath(name)
    return path.stem if path.suffix.lower() in _MODEL_SUFFIXES else name
