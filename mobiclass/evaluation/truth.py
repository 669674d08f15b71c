"""The class of each class folder's photos, as a model's output index; every folder must match."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from mobiclass.decisions import UNKNOWN
from mobiclass.errors import ClassesError
from mobiclass.evaluation.class_map import ClassMap
from mobiclass.labels import ClassNames, Match, MatchedBy, Miss, synonyms
from mobiclass.tflite import ModelInfo

_MAX_TOLD: Final = 100
_OTHER_THINGS: Final = (UNKNOWN, "none")


@dataclass(frozen=True, slots=True)
class Truth:
    """The classes of the folders, for one model.

    Attributes:
        indices: the output index of each folder's class.
        matched_by: how many folders were matched by label, wnid and index.
        left_out: the folders that the map excludes.
        unknown: the folders of the map that do not exist.
        others: the folders of photos of other things, which no class is the truth of.
    """

    indices: dict[str, int]
    matched_by: Counter[MatchedBy]
    left_out: tuple[str, ...]
    unknown: tuple[str, ...]
    _by_index: frozenset[str]
    _names: ClassNames = field(repr=False)
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All folders whose photos are evaluated."""
        return (*self.indices, *self.others)

    def field(self, folder: str) -> dict[str, Any]:
        """Make the field ``truth`` of a photo's row, in the form of a prediction; of other things without an index."""
        if folder in self.others:
            return {"index": None, "label": UNKNOWN}
        index = self.indices[folder]
        return {"index": index, "label": self.label(index)}

    def name(self, index: int) -> str:
        return self._names.name(index)

    def distinct_name(self, index: int) -> str:
        """Return a name that no other class has: with the index if another class has the same label."""
        return self._names.distinct_name(index)

    def label(self, index: int) -> str | None:
        return self._names.label(index)

    @property
    def folders(self) -> dict[int, list[str]]:
        """The folders of each class, by its index."""
        folders = defaultdict(list)
        for folder, index in self.indices.items():
            folders[index].append(folder)
        return folders

    def contradictions(self, other: Truth) -> list[str]:
        """List the folders whose number is an index of differently named classes in this model and another."""
        found = []
        for folder in sorted(self._by_index & other._by_index):
            index, index_there = self.indices[folder], other.indices[folder]
            label, label_there = self._names.label(index), other._names.label(index_there)
            if self._names.classes == other._names.classes and (label is None or label_there is None):
                continue  # as many classes, and no label that contradicts
            if label is None or label_there is None or synonyms(label).isdisjoint(synonyms(label_there)):
                found.append(f"{folder!r}: {self.name(index)!r} in one, {other.name(index_there)!r} in the other")
        return found


def names_of_other_things(names: Collection[str], labels: Collection[str] | None) -> tuple[str, ...]:
    """Find the names that stand for photos of other things: ``unknown`` and ``none``, unless a label is called so."""
    called = {label.casefold() for label in labels or ()}
    return tuple(name for name in names if name.casefold() in _OTHER_THINGS and name.casefold() not in called)


def match_folders(
    folders: Collection[str],
    model: ModelInfo,
    class_map: ClassMap | None = None,
    *,
    others: Collection[str] = (),
    map_option: str = "--map",
    unit: str = "folders",
) -> Truth:
    """Match the names of class folders, or what `class_map` says they are, to the classes of `model`.

    Args:
        folders: the names of the folders, or the labels of a table of photos.
        model: the model.
        class_map: what the folders in it are.
        others: those of the folders that hold photos of other things; see `names_of_other_things`.
        map_option: the option that messages recommend for that.
        unit: what the names are, for messages.

    Raises:
        ClassesError: a folder is no class or is ambiguous; its `details` say so for every such folder, with similar
            labels.
        LabelsError: the file of ImageNet's classes, which comes with mobiclass, is missing or damaged.
    """
    class_map = class_map or {}
    names = ClassNames(model.labels, model.classes, model.wnids)
    matches: dict[str, Match] = {}
    misses: list[str] = []
    left_out: list[str] = []
    for folder in folders:
        if folder in others and folder not in class_map:
            continue
        wanted = class_map.get(folder, folder)
        if wanted is None:
            left_out.append(folder)
            continue
        found = names.at(wanted) if isinstance(wanted, int) else names.find(wanted, suggest=len(misses) < _MAX_TOLD)
        if isinstance(found, Match):
            matches[folder] = found
        else:
            misses.append(_described(folder, wanted, found))
    if misses:
        raise ClassesError(
            f"{len(misses)} of {len(folders)} {unit} are no classes of {model.name}, or are ambiguous; name each by "
            f"its label, wnid or index, or map it with {map_option} FILE (one {unit[:-1]},class per line)",
            misses[:_MAX_TOLD] + ([f"… and {len(misses) - _MAX_TOLD} more"] if len(misses) > _MAX_TOLD else []),
        )
    if not matches and not left_out:
        raise ClassesError(f"there are only photos of other things, and none of the classes of {model.name}")
    if not matches:
        raise ClassesError(f"the map excludes all {len(folders)} {unit}")
    return Truth(
        indices={folder: match.index for folder, match in matches.items()},
        matched_by=Counter(match.by for match in matches.values()),
        left_out=tuple(left_out),
        unknown=tuple(folder for folder in class_map if folder not in set(folders)),
        _by_index=frozenset(folder for folder, match in matches.items() if match.by == "index"),
        _names=names,
        others=tuple(folder for folder in folders if folder in others and folder not in class_map),
    )


def _described(folder: str, wanted: str | int, miss: Miss) -> str:
    text = repr(folder) if wanted == folder else f"{folder!r}, in the map {wanted!r}"
    text += f": {miss.reason}"
    if folder.casefold() in _OTHER_THINGS:
        text += "; photos of other things are only for a model that may answer unknown, which this one does not here"
    elif miss.near:
        text += f"{': ' if miss.ambiguous else '; near are '}{', '.join(miss.near)}"
    return text
