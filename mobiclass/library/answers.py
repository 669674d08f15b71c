"""What a row answers, and where its photo is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass.results import Row, path_bytes

UNKNOWN: Final = "unknown"


class Answer(NamedTuple):
    """The answer of a row.

    Attributes:
        label: the decision's, or where none was made the best prediction's.
        score: 0 to 1.
        kind: ``class``, ``group`` or ``unknown``; a row without any prediction is unknown.
    """

    label: str
    score: float
    kind: str


def answer(row: Row) -> Answer:
    """Give the answer of a row without an error."""
    if decision := row.get("decision"):
        return Answer(decision["label"], float(decision["score"]), decision["kind"])
    if not row["predictions"]:
        return Answer(UNKNOWN, 0.0, "unknown")
    best = row["predictions"][0]
    return Answer(best["label"] or f"class {best['index']}", float(best["score"]), "class")


def photo_path(row: Row, root: Path | None = None) -> Path:
    """Give the path of a row's photo: of a camera's that of the image it saved; relative ones start in `root`."""
    name = row["image"] if row.get("image") else os.fsdecode(path_bytes(row))
    return Path(root or "", name)


def is_same_file(row: Row, stat: os.stat_result) -> bool | None:
    """Whether a file is as it was when `row` was written; ``None`` where the row does not say."""
    if row.get("bytes") is None or row.get("mtime_ns") is None:
        return None
    return (row["bytes"], row["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns)
