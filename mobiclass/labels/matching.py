"""A class that is named in text (a folder's name, an entry of a map) to a model's output index.

By wnid, label or index, tried in this order, and never by the order of the texts; a label or a text may begin with a
number that the other has not. What fits several classes or none is said so, with what is near; nothing is guessed.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from mobiclass.labels.imagenet import first_imagenet_index, read_classes
from mobiclass.labels.text import folded, synonyms

_WNID: Final = re.compile(r"(?P<wnid>n[0-9]{8})(?:[\s._-]+(?P<rest>.+))?", re.DOTALL)
_NUMBERED: Final = re.compile(r"[0-9]+[\s.:,_-]+(?P<rest>.*[^\W\d_].*)", re.DOTALL)
_INDEX: Final = re.compile(r"(?P<word>class[\s_-]*)?0*(?P<index>[0-9]{1,9})", re.IGNORECASE)
_NEAR: Final = 3
_NEAR_CUTOFF: Final = 0.6
_MAX_NEAR_CHARACTERS: Final = 200
_MAX_SHOWN_CHARACTERS: Final = 40

MatchedBy: TypeAlias = Literal["label", "wnid", "index"]


@dataclass(frozen=True, slots=True)
class Match:
    """The class that was meant, and by what it was found."""

    index: int
    by: MatchedBy


@dataclass(frozen=True, slots=True)
class Miss:
    """Why no one class is meant; `near` are those that may be, as ``label (index)``: if `ambiguous`, one of them is."""

    reason: str
    near: tuple[str, ...] = ()
    ambiguous: bool = False


class ClassNames:
    """The names that a model's classes go by.

    Attributes:
        classes: the number of the model's classes.
    """

    def __init__(
        self, labels: tuple[str, ...] | None, classes: int, wnids: tuple[str | None, ...] | None = None
    ) -> None:
        """Take the `labels` of a model with that many `classes`, and their `wnids` where its list has them.

        Raises:
            LabelsError: the file of ImageNet's classes, which comes with mobiclass, is missing or spoilt.
        """
        self._labels = labels
        self.classes = classes
        self._exact: dict[str, set[int]] = defaultdict(set)
        self._spaced: dict[str, set[int]] = defaultdict(set)
        self._first_synonym: dict[str, set[int]] = defaultdict(set)
        self._folded: dict[str, set[int]] = defaultdict(set)
        self._unnumbered: dict[str, set[int]] = defaultdict(set)
        self._wnids: dict[str, set[int]] = defaultdict(set)
        self._numbered_classes: dict[int, set[int]] = defaultdict(set)  # "Class 1", by the number in their names
        for index, label in enumerate(labels or ()):
            if not label.strip():
                continue
            self._exact[_composed(label)].add(index)
            self._spaced[_with_spaces(label)].add(index)
            synonym, comma, _ = label.partition(",")
            if comma:
                self._first_synonym[folded(synonym)].add(index)
            for name in synonyms(label):
                self._folded[name].add(index)
            if numbered := _NUMBERED.fullmatch(label):
                self._unnumbered[folded(numbered["rest"])].add(index)
            generic = _INDEX.fullmatch((numbered["rest"] if numbered else label).strip())
            if generic and generic["word"]:
                self._numbered_classes[int(generic["index"])].add(index)
            if wnid := _WNID.fullmatch(label.strip()):
                self._wnids[wnid["wnid"]].add(index)
        for index, wnid_of_class in enumerate(wnids or ()):
            if wnid_of_class:
                self._wnids[wnid_of_class].add(index)
        self._imagenet_names: dict[str, set[int]] = defaultdict(set)
        if labels is not None and (first := first_imagenet_index(labels)) is not None:
            self._add_imagenet(first, wnids)

    def find(self, text: str, *, suggest: bool = True) -> Match | Miss:
        """Find the class that `text` names; with `suggest`, a miss says what is near, which takes milliseconds."""
        for found in (self._by_wnid(text), self._by_label(text), self._by_index(text)):
            if found is not None:
                return found
        return Miss("no class", self._near(text) if suggest else ())

    def at(self, index: int) -> Match | Miss:
        """Find the class at `index`."""
        if index >= self.classes:
            return Miss(f"no index of the model's, which go from 0 to {self.classes - 1}")
        return Match(index, "index")

    def label(self, index: int) -> str | None:
        """Give the label of a class; ``None`` where the model has no labels."""
        return self._labels[index] if self._labels else None

    def name(self, index: int) -> str:
        """Name a class: its label, or its index where it has none."""
        return self.label(index) or f"class {index}"

    def distinct_name(self, index: int) -> str:
        """Name a class as no other is named: with its index where another has its label."""
        name = self.name(index)
        return f"{name} ({index})" if len(self._exact.get(_composed(name), ())) > 1 else name

    def _add_imagenet(self, first: int, wnids: tuple[str | None, ...] | None) -> None:
        """Let ImageNet's wnids and names stand for the classes, whose first is at `first`, but for its own `wnids`."""
        for index, (wnid, name) in enumerate(read_classes(), start=first):
            if wnids and wnids[index] not in (None, wnid):
                continue
            elsewhere = self._folded.get(folded(name), set())
            if elsewhere and index not in elsewhere:
                continue  # the list has that class at another place: its wnid would lead to a wrong one
            self._wnids[wnid].add(index)
            self._imagenet_names[folded(name)].add(index)

    def _by_wnid(self, text: str) -> Match | Miss | None:
        if not (match := _WNID.fullmatch(text)):
            return None
        indices = self._wnids.get(match["wnid"], set())
        if not indices:
            # No `near`: an id that differs in a digit names something else entirely.
            return self._by_label(text) or Miss(self._why_no_wnid())
        rest = self._by_label(match["rest"]) if match["rest"] else None
        if isinstance(rest, Match) and rest.index not in indices:
            return self._ambiguous({*indices, rest.index}, "its wnid and its name are different classes")
        return self._one_of(indices, "wnid")

    def _why_no_wnid(self) -> str:
        if self._labels is None:
            return "a wnid, and the model has no labels by which its classes could be known: give them"
        return (
            "a wnid that is not among the model's classes"
            if self._wnids
            else "a wnid, and the labels are not ImageNet's"
        )

    def _by_label(self, text: str) -> Match | Miss | None:
        names = [text]
        if numbered := _NUMBERED.fullmatch(text):
            names.append(numbered["rest"])
        for name in names:
            if indices := self._labelled(name):
                return self._one_of(indices, "label")
        for name in names:
            if indices := self._unnumbered.get(folded(name), set()):
                return self._one_of(indices, "label")
        return None

    def _labelled(self, name: str) -> set[int]:
        """Find the classes that `name` may be, from the strictest reading that finds any."""
        key = folded(name)
        for written in (self._exact.get(_composed(name)), self._spaced.get(_with_spaces(name))):
            if written:
                # A label in full; but the first of another's synonyms weighs as much: "maillot", "maillot, tank suit".
                return written | self._first_synonym.get(key, set())
        if indices := self._folded.get(key) or self._imagenet_names.get(key):
            return indices
        parts = map(folded, name.split(","))
        return {index for part in parts for index in self._folded.get(part, ())}

    def _by_index(self, text: str) -> Match | Miss | None:
        if not (match := _INDEX.fullmatch(text)):
            return None
        number = int(match["index"])
        if match["word"] and self._numbered_classes:  # a label's number, which need not be its index
            indices = self._numbered_classes.get(number, set())
            return self._one_of(indices, "label") if indices else None
        return self.at(number)

    def _one_of(self, indices: Collection[int], by: MatchedBy) -> Match | Miss:
        return Match(next(iter(indices)), by) if len(indices) == 1 else self._ambiguous(indices, "ambiguous")

    def _ambiguous(self, indices: Collection[int], reason: str) -> Miss:
        return Miss(reason, tuple(self._described(index) for index in sorted(indices)), ambiguous=True)

    def _near(self, text: str) -> tuple[str, ...]:
        if numbered := _NUMBERED.fullmatch(text):
            text = numbered["rest"]
        wanted = folded(text.partition(",")[0])[:_MAX_NEAR_CHARACTERS]
        names = difflib.get_close_matches(wanted, {**self._folded, **self._imagenet_names}, n=9, cutoff=_NEAR_CUTOFF)
        indices = {index: None for name in names for index in (self._folded.get(name) or self._imagenet_names[name])}
        return tuple(self._described(index) for index in list(indices)[:_NEAR])

    def _described(self, index: int) -> str:
        name = self.name(index)
        if len(name) > _MAX_SHOWN_CHARACTERS:  # a list of synonyms: the first says it
            name = f"{name.partition(',')[0][:_MAX_SHOWN_CHARACTERS]}…"
        return f"{name} ({index})"


def _composed(text: str) -> str:
    """Write accents as one character: file systems may have them as two."""
    return unicodedata.normalize("NFC", text)


def _with_spaces(text: str) -> str:
    """Take underscores for the spaces that they often stand for in file names."""
    return " ".join(_composed(text).replace("_", " ").split())
