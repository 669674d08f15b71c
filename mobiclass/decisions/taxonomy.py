"""Groups of classes: ImageNet's, from WordNet, and those of a table ``label,parent`` beside or in a model."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass._system import read_text_file
from mobiclass.errors import LabelsError
from mobiclass.hub import data_folder
from mobiclass.labels import first_imagenet_index
from mobiclass.tflite import ModelInfo, read_zip_members

MEMBER_NAME: Final = "taxonomy.csv"
"""The table in a model's zip; beside ``X.tflite`` it is ``X.taxonomy.csv``, which is stronger."""

_IMAGENET_FILE: Final = "imagenet_taxonomy.tsv"
_MAX_BYTES: Final = 16 << 20
_MAX_MEMBERS: Final = 1_000_000
"""Of all groups together: a table that says in a few lines that every group is in the next would fill the memory."""

_HEADER: Final = ("label", "parent")


class Group(NamedTuple):
    """Some classes that have a name together.

    Attributes:
        name: such as ``domestic cat``.
        classes: their output indices, ascending; at least two.
        wnid: its WordNet id; ``None`` for a group of somebody's own.
    """

    name: str
    classes: tuple[int, ...]
    wnid: str | None = None


class Taxonomy:
    """The groups of a model's classes.

    Attributes:
        groups: the smallest first.
    """

    def __init__(self, groups: tuple[Group, ...]) -> None:
        self.groups = groups

    @cached_property
    def by_name(self) -> dict[str, Group]:
        """The groups by name and by WordNet id, in lower case."""
        named = {group.name.casefold(): group for group in self.groups}
        return named | {group.wnid: group for group in self.groups if group.wnid}


def model_taxonomy(model: ModelInfo) -> Taxonomy | None:
    """Find the groups of a model's classes: in ``X.taxonomy.csv`` beside it, in its own file, or those of ImageNet.

    Raises:
        LabelsError: a table is spoilt, or names no class of the model.
        ModelError: the zip appended to the model is damaged.
    """
    if model.labels is None:
        return None
    if (table := sidecar_taxonomy(model)) is not None:
        return read_taxonomy(table.decode("utf-8"), model.labels, str(_beside(model)))
    file = str(model.path)
    if embedded := read_zip_members(model.content, file, {MEMBER_NAME}).get(MEMBER_NAME):
        return read_taxonomy(embedded.decode("utf-8-sig", "replace"), model.labels, f"{file} ({MEMBER_NAME})")
    first = first_imagenet_index(model.labels)
    return None if first is None else imagenet_taxonomy(first)


def sidecar_taxonomy(model: ModelInfo) -> bytes | None:
    """Read ``X.taxonomy.csv`` beside the model ``X.tflite``, in UTF-8; ``None`` where there is none.

    Raises:
        LabelsError: it cannot be read.
    """
    file = _beside(model)
    try:
        is_there = file.is_file()
    except OSError:  # the model's name leaves no room for a longer one
        return None
    return _text_of(file).encode() if is_there else None


def _beside(model: ModelInfo) -> Path:
    return model.path.with_name(f"{model.name}.taxonomy.csv")


def imagenet_taxonomy(first: int = 0, file: Path | None = None) -> Taxonomy:
    """Read the groups of ImageNet's classes; the first of these is the output `first` of the model.

    A line is a WordNet id (nothing for a group that WordNet does not have), a name, and the classes as ranges:
    ``n02121808<TAB>domestic cat<TAB>281-285``.

    Raises:
        LabelsError: the file is missing or spoilt.
    """
    file = file or data_folder() / _IMAGENET_FILE
    groups = []
    for number, line in enumerate(_text_of(file).splitlines(), 1):
        try:
            wnid, name, ranges = line.split("\t")
            classes: list[int] = []
            for each in ranges.split(","):
                start, dash, end = each.partition("-")
                if dash:
                    classes += range(first + int(start), first + int(end) + 1)
                else:
                    classes.append(first + int(start))
        except ValueError as error:
            raise LabelsError(f"{file}:{number}: expected a WordNet id, a name and ranges of classes") from error
        groups.append(Group(name, tuple(classes), wnid or None))
    return Taxonomy(tuple(groups))


def read_taxonomy(text: str, labels: Sequence[str], file: str) -> Taxonomy:
    """Read a table ``label,parent``: a line for each label, and for each group that belongs to a larger one.

    A label may stand in several lines, for several groups. A group of one class has no use and is left out.

    Args:
        text: the table; a header ``label,parent`` may come first.
        labels: those of the model.
        file: names the table in messages.

    Raises:
        LabelsError: a line is not a label and a parent, a group contains itself or has the name of a label, or none of
            the labels is the model's.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        places[label].append(index)
    children: dict[str, dict[str, int]] = defaultdict(dict)
    for number, label, parent in _lines(text, file):
        if parent in places:
            raise LabelsError(f"{file}:{number}: {parent!r} is a label of the model and cannot be a group")
        if (first := children[parent].setdefault(label, number)) != number:
            raise LabelsError(f"{file}:{number}: {label!r} is in {parent!r} already, by line {first}")
    if children and not any(label in places for members in children.values() for label in members):
        example = next(iter(next(iter(children.values()))))
        raise LabelsError(f"{file}: none of its labels is one of the model's, {example!r} for one")
    for members in children.values():
        for label, number in members.items():
            if label not in places and label not in children:
                raise LabelsError(
                    f"{file}:{number}: {label!r} is neither a label of the model nor a group of the table"
                )
    found = _classes_of_groups(children, places, file)
    groups = [Group(name, tuple(sorted(found[name]))) for name in children if len(found[name]) > 1]
    return Taxonomy(tuple(sorted(groups, key=lambda group: (len(group.classes), group.name))))


def read_parents(file: Path) -> dict[str, str]:
    """Read a table ``label,parent`` without a model: the first parent of each label.

    Raises:
        LabelsError: it cannot be read, or a line is not a label and a parent.
    """
    parents: dict[str, str] = {}
    for _, label, parent in _lines(_text_of(file), str(file)):
        parents.setdefault(label, parent)
    return parents


def _classes_of_groups(
    children: dict[str, dict[str, int]], places: dict[str, list[int]], file: str
) -> dict[str, frozenset[int]]:
    """Work out the classes of all groups, without recursion: a hostile table may be very deep."""
    found: dict[str, frozenset[int]] = {}
    members = 0
    waiting, open_groups = [*children], set()
    while waiting:
        name = waiting[-1]
        if name in found:
            waiting.pop()
            continue
        inner = [label for label in children[name] if label in children]
        if name not in open_groups:
            open_groups.add(name)
            if ahead := [label for label in inner if label not in found]:
                if again := next((label for label in ahead if label in open_groups), None):
                    raise LabelsError(f"{file}:{children[name][again]}: the group {again!r} contains itself")
                waiting += ahead
                continue
        if again := next((label for label in inner if label not in found), None):
            raise LabelsError(f"{file}:{children[name][again]}: the group {again!r} contains itself")
        own = frozenset(index for label in children[name] for index in places.get(label, ()))
        found[name] = own.union(*(found[label] for label in inner))
        members += len(found[name])
        if members > _MAX_MEMBERS:
            raise LabelsError(f"{file}: its groups have more than {_MAX_MEMBERS:,} classes in all, which is too many")
    return found


def _lines(text: str, file: str) -> list[tuple[int, str, str]]:
    import csv  # ImageNet's groups need none

    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    lines: list[tuple[int, str, str]] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (not lines and tuple(cell.lower() for cell in cells) == _HEADER):
                continue
            if len(cells) != 2 or not all(cells):
                raise LabelsError(f"{file}:{reader.line_num}: expected label,parent")
            if cells[0] == cells[1]:
                raise LabelsError(f"{file}:{reader.line_num}: the group {cells[0]!r} contains itself")
            lines.append((reader.line_num, cells[0], cells[1]))
    except csv.Error as error:
        raise LabelsError(f"{file}:{reader.line_num}: {error}") from error
    return lines


def _text_of(file: Path) -> str:
    try:
        return read_text_file(file, _MAX_BYTES)
    except ValueError as error:
        raise LabelsError(f"{file}: the groups {error}") from error
