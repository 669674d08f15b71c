"""The folder of a photo: by its label, by the group that this is in, or by the day on which it was taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from mobiclass.decisions import imagenet_taxonomy, read_parents
from mobiclass.errors import ImageError
from mobiclass.images import exif_facts
from mobiclass.labels import read_classes
from mobiclass.library.answers import Answer
from mobiclass.results import Row

By: TypeAlias = Literal["label", "group", "date"]

FolderOf: TypeAlias = Callable[[Row, Answer, Callable[[], Path]], str]
"""Names the folder of a row's photo, which has this answer; the function says where the photo is, if that matters."""

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(?=T)", re.ASCII)


def folder_of(by: By, taxonomy: Path | None = None) -> FolderOf:
    """Give the function that names the folder of a photo.

    Args:
        by: ``group`` is the smallest group that a label is in, or the label where it is in none; ``date`` is the day on
            which the photo was taken, by its Exif data, else that on which the file was last changed.
        taxonomy: a table ``label,parent`` with the groups; by default those of ImageNet's classes.

    Raises:
        LabelsError: the groups cannot be read.
    """
    if by == "label":
        return lambda row, found, locate: found.label
    if by == "date":
        return lambda row, found, locate: _day(row, locate)
    parents = read_parents(taxonomy) if taxonomy else _imagenet_parents()
    return lambda row, found, locate: found.label if found.kind == "group" else parents.get(found.label, found.label)


def _imagenet_parents() -> dict[str, str]:
    """Give the smallest group of each of ImageNet's labels that is in one."""
    labels = [entry.label for entry in read_classes()]
    parents: dict[str, str] = {}
    for group in imagenet_taxonomy().groups:  # the smallest first
        for index in group.classes:
            parents.setdefault(labels[index], group.name)
    return parents


def _day(row: Row, locate: Callable[[], Path]) -> str:
    if day := _DAY.match(str(row.get("captured"))):
        return day[0]
    photo = locate()
    try:
        if captured := exif_facts(photo).captured:
            return captured.partition("T")[0]
        return f"{datetime.fromtimestamp(photo.stat().st_mtime):%Y-%m-%d}"
    except (ImageError, OSError, ValueError, OverflowError):
        return "no date"
