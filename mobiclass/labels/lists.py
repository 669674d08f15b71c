"""A label list, read from a file, and how it is fitted to a model's outputs.

A file can often be read in more than one way: ``0 cat`` may be the class at index 0 or a class of that name. Which
reading holds is known only with the number of outputs, so a `LabelList` keeps the readings, the likeliest first, and
`LabelList.fit` decides. Nothing is guessed: numbers count as indices only where all of them do, a list of another
length than the outputs is an error, and so is one that two readings would place differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mobiclass.errors import LabelsError

BACKGROUND: Final = "background"
_BACKGROUND_NAMES: Final = frozenset({BACKGROUND, "__background__", "_background_", "unused background"})
_WNID_AND_NAME: Final = r"(?s)(?P<wnid>n[0-9]{8})(?:[\s,:;|]+(?P<name>\S.*))?"
_FROM_ONE: Final = "numbered from 1"
_FARTHEST: Final = 10  # how far indices may go beyond twice their count in a list with gaps
_ENOUGH_DISTINCT: Final = 0.9  # of the names without their numbers; ImageNet's 1000 have two pairs


class Labels(NamedTuple):
    """The labels of a model.

    Attributes:
        names: one name an output, in the order of the outputs; an output without a name has an empty one.
        wnids: the WordNet id of each, where the list has them.
        note: what a person should know of how the list was read.
    """

    names: tuple[str, ...]
    wnids: tuple[str | None, ...] | None = None
    note: str | None = None


# Neither compared nor printed: what a dataclass makes for that is half a millisecond a class of every start.
@dataclass(eq=False, repr=False)
class Reading:
    """One way to understand a label file.

    Attributes:
        form: what the file is in this reading, for messages: ``a JSON object of index to name``.
        names: the names, in the order of the file.
        indices: the index that the file gives to each; ``None`` where the order is all there is.
        counts_from_one: whether the format numbers classes from 1 and keeps 0 for a background class.
    """

    form: str
    names: tuple[str, ...]
    indices: tuple[int, ...] | None = None
    counts_from_one: bool = False

    def place(self, outputs: int) -> Labels | None:
        """Give each output its name; ``None`` where this reading does not fit that many outputs.

        Raises:
            LabelsError: it may fit, but in two ways; the message has no file name.
        """
        if self.indices is None:
            return _labels(self.names) if len(self.names) == outputs else None
        lowest, ascending = _consecutive(self.indices), _is_ascending(self.indices)
        if lowest == 0 and len(self.names) == outputs:
            return _labels(self._in_order())
        if lowest == 1 and len(self.names) == outputs:
            # Shifting a list is never done on a guess: here the file's order or the format itself says the same.
            if ascending or self.counts_from_one:
                return _labels(self._in_order(), _FROM_ONE)
            raise LabelsError(
                f"{self.form} whose indices go from 1 to {outputs}, while those of the model go from 0 to "
                f"{outputs - 1}; number the labels from 0"
            )
        if lowest == 1 and len(self.names) == outputs - 1 and self.counts_from_one:
            return _labels((BACKGROUND, *self._in_order()), f"0 is the {BACKGROUND}")
        return None

    def misfit(self, outputs: int, model: str) -> str:
        """Say why this reading does not fit the `outputs` of `model`."""
        message = f"{self.form} with {_entries(len(self.names))} does not fit the {outputs} outputs of {model}"
        if self.indices is None:
            return message
        if _consecutive(self.indices) == 1 and len(self.names) == outputs - 1:
            return f"{message}; index 0 has no label: if it is a {BACKGROUND!r} class, add it to the list"
        if len(self.names) <= outputs or max(self.indices) != len(self.names) - 1:
            message += f" (its indices go from {min(self.indices)} to {max(self.indices)})"
        return f"{message}; give the list that the model was trained with"

    def _in_order(self) -> tuple[str, ...]:
        return tuple(name for _, name in sorted(zip(self.indices or (), self.names, strict=True)))


@dataclass(eq=False, repr=False)
class NumberedLines(Reading):
    """Lines that all begin with a number of their own, which may be an index or a part of the name.

    Attributes:
        lines: the lines as they stand.
        part_of_name: whether the number is joined to the name as in names of folders: ``001.kelpie``.
    """

    lines: tuple[str, ...] = ()
    part_of_name: bool = False

    def place(self, outputs: int) -> Labels | None:
        """Give each output its name, unless the numbers are no indices; see `Reading.place`."""
        indices = self.indices or ()
        if len(indices) != outputs or _consecutive(indices) not in (0, 1):
            return None
        ascending = _is_ascending(indices)
        if self.part_of_name or not _mostly_distinct(self.names):
            # In order, number and place agree. Sorted as text they are names of folders, which Keras sorts like that.
            if ascending or (self.part_of_name and _is_ascending(self.lines)):
                return None
            raise self._ambiguous()
        if not ascending and _is_ascending(self.lines):
            raise self._ambiguous()
        return Reading.place(self, outputs)

    def _ambiguous(self) -> LabelsError:
        return LabelsError(
            f"its lines begin with the numbers from {min(self.indices or (0,))} to {max(self.indices or (0,))} in "
            f"another order ({self.lines[0]!r}, {self.lines[1]!r}), which may be indices or parts of the names; write "
            "the names without numbers in the order of the model's outputs, or a JSON object of index to name"
        )


class PlainLines(Reading):
    """One name a line, the line's number (from 0) being its index; a blank line holds the place of its index."""

    def place(self, outputs: int) -> Labels | None:
        """Give each output its line; blank lines at the end, and then at the beginning, are no labels if too many."""
        start, end = 0, len(self.names)
        while end > outputs and not self.names[end - 1]:
            end -= 1
        while end - start > outputs and not self.names[start]:
            start += 1
        return _labels(self.names[start:end]) if end - start == outputs else None

    def misfit(self, outputs: int, model: str) -> str:
        """Say why the lines do not fit; and where a background class may be missing."""
        names = _without_blank_ends(self.names)
        message = f"{len(names)} labels do not fit the {outputs} outputs of {model}"
        blank = names.count("")
        if blank and len(names) - blank == outputs:
            return f"{message}; {blank} of the lines are blank and hold the place of an index: remove them"
        if len(names) + 1 == outputs and background_index(names) is None:
            return (
                f"{message}; if the model has a {BACKGROUND!r} class, add that line where it belongs: "
                "first for TF-Slim's ImageNet models, last for Coral's iNaturalist ones"
            )
        if len(names) == outputs + 1 and background_index(names) is not None:
            return f"{message}; the list has a {BACKGROUND!r} line and the model no such class: remove that line"
        return f"{message}; give the list that the model was trained with"


@dataclass(eq=False, repr=False)
class LabelList:
    """What a label file says, before it is known how many outputs the model has.

    Attributes:
        source: the file, for messages.
        readings: the ways to understand it, the likeliest first; at least one.
    """

    source: str
    readings: tuple[Reading, ...]

    def __len__(self) -> int:
        """Count the labels of the likeliest reading."""
        return len(_without_blank_ends(self.readings[0].names))

    def fit(self, outputs: int, model: str) -> Labels:
        """Give each of the `outputs` its label; `model` names their model in messages.

        Raises:
            LabelsError: no reading of the list fits, or it could be placed in two ways.
        """
        try:
            for reading in self.readings:
                if placed := reading.place(outputs):
                    return placed
        except LabelsError as error:
            raise LabelsError(f"{self.source}: {error}") from error
        raise LabelsError(f"{self.source}: {self.readings[0].misfit(outputs, model)}")


def background_index(labels: Sequence[str]) -> int | None:
    """Find the background class at either end of `labels`; ``None`` where neither label is one."""
    for index in (0, len(labels) - 1) if labels else ():
        if labels[index].strip().lower() in _BACKGROUND_NAMES:
            return index
    return None


def is_numbering(indices: Sequence[int]) -> bool:
    """Whether `indices` may number a list from 0 or 1, perhaps with gaps: each once, and none far beyond the others."""
    return len(set(indices)) == len(indices) and max(indices, default=0) <= 2 * len(indices) + _FARTHEST


def first_repeated(indices: Iterable[int]) -> int | None:
    """Find the first index that stands twice."""
    seen: set[int] = set()
    for index in indices:
        if index in seen:
            return index
        seen.add(index)
    return None


def _labels(names: Sequence[str], note: str | None = None) -> Labels:
    """Take the WordNet ids off `names` where every class but one at an end, a background, has one."""
    if not any(name.startswith("n") and re.fullmatch(_WNID_AND_NAME, name) for name in names[:2]):  # most lists
        return Labels(tuple(names), None, note)
    matches = [re.fullmatch(_WNID_AND_NAME, name) for name in names]
    without = [index for index, match in enumerate(matches) if match is None]
    if len(without) > 1 or len(without) == len(names) or (without and without[0] not in (0, len(names) - 1)):
        return Labels(tuple(names), None, note)
    return Labels(
        tuple((match["name"] or name) if match else name for match, name in zip(matches, names, strict=True)),
        tuple(match["wnid"] if match else None for match in matches),
        note,
    )


def _consecutive(indices: Sequence[int]) -> int | None:
    """Give the lowest of `indices` that are consecutive numbers, each once, in any order; else ``None``."""
    lowest = min(indices, default=0)
    return lowest if sorted(indices) == list(range(lowest, lowest + len(indices))) else None


def _is_ascending(values: Sequence[int] | Sequence[str]) -> bool:
    return list(values) == sorted(values)


def _mostly_distinct(names: Sequence[str]) -> bool:
    """Whether `names` tell the classes apart, as those of ``0 stars``, ``1 stars`` do not without their numbers."""
    return len({name.casefold() for name in names}) >= _ENOUGH_DISTINCT * len(names)


def _without_blank_ends(names: Sequence[str]) -> Sequence[str]:
    filled = [number for number, name in enumerate(names) if name]
    return names[filled[0] : filled[-1] + 1] if filled else ()


def _entries(count: int) -> str:
    return f"{count} entr{'y' if count == 1 else 'ies'}"
