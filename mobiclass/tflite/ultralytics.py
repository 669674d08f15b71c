"""What Ultralytics' exporter writes into a model: a dictionary with ``names``, ``imgsz`` and ``task``.

Depending on its version it is Python's or JSON's, and stands in a file of the appended zip that the TFLite Metadata
may call labels, or in a description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mobiclass.errors import LabelsError, ModelError
from mobiclass.labels import LabelList, labels_of_value, parse_labels
from mobiclass.tflite.facts import Facts

_CLASSIFY: Final = "classify"
_KEYS: Final = ("task", "imgsz", "stride")  # one of them stands beside the names
_MAX_CHARACTERS: Final = 4 << 20
_MAX_SIDE: Final = 4096
_YAML_TASK: Final = re.compile(r"^task:[ \t]*[\"']?([a-z]+)", re.MULTILINE)
_YAML_SIZE: Final = re.compile(
    r"^imgsz:[ \t]*(?:\[[ \t]*|\r?\n[ \t]*-[ \t]*)?([0-9]+)(?:\s*[,-]\s*([0-9]+))?", re.MULTILINE
)
# What its classifiers are trained with: [0, 1] since they have a task, and ImageNet's before (YOLOv5).
_UNIT: Final = ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
_IMAGENET: Final = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def ultralytics_facts(texts: Iterable[tuple[str, str]], file: str) -> Facts | None:
    """Find the dictionary among `texts`, each with the name of its source; `file` names the model in messages.

    Raises:
        ModelError: the model's task is another than to classify.
        LabelsError: its names are no labels.
    """
    for name, text in texts:
        found = _mapping(text) or _yaml(text, f"{file} ({name})")
        if found is not None:
            return _facts(found, name, file)
    return None


def _facts(found: Mapping[str, Any], name: str, file: str) -> Facts:
    task = found.get("task")
    if task not in (None, _CLASSIFY):
        raise ModelError(
            f"{file}: no image classifier: its metadata ({name}) say that Ultralytics made it for the task {task!r}; "
            f"only {_CLASSIFY!r} gives classes of whole images"
        )
    mean, std = _IMAGENET if task is None else _UNIT
    names = found["names"]
    labels = names if isinstance(names, LabelList) else labels_of_value(names, f"{file} ({name}: 'names')")
    return Facts(
        source=f"Ultralytics' {name}",
        labels=labels,
        resolution=_resolution(found.get("imgsz")),
        mean=mean,
        std=std,
        resize="crop",
        crop_fraction=1.0,
        interpolation="bilinear",
        description=_text(found.get("description")),
        author=_text(found.get("author")),
        license=_text(found.get("license")),
    )


def _mapping(text: str) -> dict[str, Any] | None:
    """Read a dictionary of Ultralytics' in Python's notation or in JSON's."""
    text = text.strip()
    if not text.startswith("{") or "names" not in text or len(text) > _MAX_CHARACTERS:
        return None
    import ast
    import json

    found: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
            break
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    if isinstance(found, dict) and isinstance(found.get("names"), (dict, list)) and any(key in found for key in _KEYS):
        return _with_text_keys(found)
    return None


def _with_text_keys(found: dict[Any, Any]) -> dict[str, Any]:
    names = found["names"]
    if isinstance(names, dict):
        names = {str(index): name for index, name in names.items()}
    return {**{str(key): value for key, value in found.items()}, "names": names}


def _yaml(text: str, source: str) -> dict[str, Any] | None:
    task, size = _YAML_TASK.search(text), _YAML_SIZE.search(text)
    if not task and not size:
        return None
    try:
        labels = parse_labels(text.encode(), source)
    except LabelsError:
        return None
    sides = [int(side) for side in size.groups() if side and len(side) < 6] if size else None
    return {"names": labels, "task": task[1] if task else None, "imgsz": sides}


def _resolution(size: Any) -> tuple[int, int] | None:
    """Read ``imgsz``: one side, or height and width."""
    sides = size if isinstance(size, (list, tuple)) else [size, size]
    sides = list(sides) * 2 if len(sides) == 1 else list(sides)
    if len(sides) != 2 or not all(type(side) is int and 1 < side <= _MAX_SIDE for side in sides):
        return None
    return sides[0], sides[1]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
