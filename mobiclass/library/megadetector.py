"""Rows as a results file of MegaDetector, which Timelapse and other programs for camera traps import.

The format is that of boxes with classes. A classifier sees the whole photo, so that each photo has one box around all
of it, of the category ``whole image``: nothing was detected, and no reader should take it for an animal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, TextIO

from mobiclass.library.answers import answer
from mobiclass.results import Row

_FORMAT_VERSION: Final = "1.5"
_CATEGORY: Final = "1"  # 0 is kept for what is empty
_CATEGORY_NAME: Final = "whole image"
_DETECTOR: Final = "none: mobiclass classifies whole images"
_BOX: Final = [0.0, 0.0, 1.0, 1.0]
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def write_megadetector(rows: Iterable[Row], stream: TextIO) -> None:
    """Write `rows` as one JSON object, as they come; a photo whose answer is unknown has no box.

    The names of classes follow the photos, because they are not known before.
    """
    classes: dict[str, str] = {}
    models: dict[str, None] = {}
    separator = '{"images": [\n'
    for row in rows:
        stream.write(separator + _JSON.encode(_image(row, classes)))
        separator = ",\n"
        models[str(row.get("model") or "unknown model")] = None
    if separator.startswith("{"):
        stream.write(separator)
    rest = {
        "detection_categories": {_CATEGORY: _CATEGORY_NAME},
        "classification_categories": {number: label for label, number in classes.items()},
        "info": {"format_version": _FORMAT_VERSION, "detector": _DETECTOR, "classifier": ", ".join(models)},
    }
    stream.write(f"\n],\n{_JSON.encode(rest).removeprefix('{')}\n")


def _image(row: Row, classes: dict[str, str]) -> dict[str, Any]:
    image: dict[str, Any] = {"file": row["path"].replace("\\", "/")}
    if row["error"]:
        return image | {"failure": f"{row['error'].get('kind')}: {row['error'].get('message')}", "detections": None}
    found = answer(row)
    if found.kind == "unknown":
        return image | {"detections": []}
    scores = {each["label"] or f"class {each['index']}": each["score"] for each in row["predictions"]}
    scores.setdefault(found.label, found.score)  # a group
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return image | {
        "detections": [
            {
                "category": _CATEGORY,
                "conf": float(found.score),
                "bbox": _BOX,
                "classifications": [[_number(label, classes), float(score)] for label, score in ranked],
            }
        ]
    }


def _number(label: str, classes: dict[str, str]) -> str:
    """Give the number of a class; names may not be blank."""
    return classes.setdefault(label if label.strip() else "(no name)", str(len(classes)))
