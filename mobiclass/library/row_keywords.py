"""The keywords of a row: its labels, and the groups above them where those are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from mobiclass.library.answers import Answer, answer
from mobiclass.library.xmp import Keywords, keyword_text
from mobiclass.results import Row

_BACKGROUND_CLASSES = (0, 1)  # what may come before ImageNet's first class


class Hierarchy(Protocol):
    """Knows what a label is part of."""

    def above(self, row: Row, found: Answer) -> tuple[str, ...] | None:
        """Give the groups around an answer of `row`, the largest first; ``None`` where nothing is known of it."""


class TableHierarchy:
    """The groups of a table: of each label or group the one around it."""

    def __init__(self, parents: Mapping[str, str]) -> None:
        self._parents = parents

    def above(self, row: Row, found: Answer) -> tuple[str, ...] | None:
        groups: list[str] = []
        name = found.label
        while (parent := self._parents.get(name)) is not None and parent not in (found.label, *groups):
            groups.append(parent)
            name = parent
        return tuple(reversed(groups)) or (() if found.kind == "group" else None)


class ImagenetHierarchy:
    """The groups of ImageNet's classes, for rows of models that have these.

    A model of one's own may have a label that ImageNet has too: the index must be the class's as well.
    """

    def above(self, row: Row, found: Answer) -> tuple[str, ...] | None:
        groups = _imagenet()
        for place in row["predictions"]:
            for background in _BACKGROUND_CLASSES:
                index = place["index"] - background
                if not (0 <= index < len(groups.labels) and groups.labels[index] == place["label"]):
                    continue
                if found.kind == "group":
                    return groups.above_group.get(found.label, ())
                if place["label"] == found.label:
                    return groups.above_class.get(index)
        return () if found.kind == "group" else None


class _Imagenet(NamedTuple):
    labels: list[str]
    above_class: dict[int, tuple[str, ...]]
    above_group: dict[str, tuple[str, ...]]


@cache
def _imagenet() -> _Imagenet:
    from mobiclass.decisions import imagenet_taxonomy
    from mobiclass.labels import read_classes

    groups = [(group.name, frozenset(group.classes)) for group in imagenet_taxonomy().groups]  # the smallest first

    def around(classes: frozenset[int]) -> tuple[str, ...]:
        names: list[str] = []
        for name, members in groups:
            if classes < members:
                names.append(name)
                classes = members
        return tuple(reversed(names))

    labels = [entry.label for entry in read_classes()]
    above_class = {index: names for index in range(len(labels)) if (names := around(frozenset((index,))))}
    return _Imagenet(labels, above_class, {name: around(members) for name, members in groups})


def read_hierarchy(taxonomy: Path | None) -> Hierarchy:
    """Read the groups of a table ``label,parent``; without one, ImageNet's are known.

    Raises:
        LabelsError: the table cannot be read.
    """
    if taxonomy is None:
        return ImagenetHierarchy()
    from mobiclass.decisions import read_parents

    return TableHierarchy(read_parents(taxonomy))


def row_answers(row: Row, *, top: int | None = None, min_score: float = 0.0) -> list[Answer]:
    """Give what a row without an error answers; nothing where that is unknown.

    Args:
        row: the row.
        top: how many of the predictions count; by default the decision, or the best prediction where there is none.
        min_score: an answer with a lower score (0–1) is left out.
    """
    if top is None:
        answers = [answer(row)]
    else:
        answers = [answer({"predictions": [prediction]}) for prediction in row["predictions"][:top]]
    return [found for found in answers if found.kind != "unknown" and found.score >= min_score]


def row_keywords(row: Row, answers: Iterable[Answer], hierarchy: Hierarchy) -> Keywords:
    """Make keywords of the `answers` of `row`, and hierarchical ones of those whose groups are known."""
    subject: dict[str, None] = {}
    hierarchical: dict[str, None] = {}
    for found in answers:
        keyword = keyword_text(found.label)
        if not keyword:
            continue
        subject[keyword] = None
        above = hierarchy.above(row, found)
        if above is not None:
            hierarchical["|".join(_level(name) for name in (*above, found.label))] = None
    return Keywords(tuple(subject), tuple(hierarchical))


def _level(name: str) -> str:
    """Make `name` one level of a hierarchical keyword, in which a bar separates them."""
    return keyword_text(name.replace("|", "/"))
