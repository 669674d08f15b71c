"""What a model said of photos, reduced to what thresholds are fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.decisions import Taxonomy

LARGEST_GROUP: Final = 400
"""Of ImageNet's groups that leaves none out: ``animal`` has 398 classes."""


class GroupAnswer(NamedTuple):
    """The group that a photo gets where the threshold is at most `score`, and above that of the answer before it."""

    score: float
    right: bool


class Observation(NamedTuple):
    """What a model said of one photo.

    Attributes:
        name: the name of its folder, or its label in a table.
        truth: the index of its class; ``None`` for a photo of something else.
        best: the index of the class with the highest score.
        score: that score, 0 to 1.
        groups: the groups that it may be answered with, the smallest first, by ascending scores.
        cosine: how near its features are to the nearest class, −1 to 1; 1 where there is no such rule.
        looks: its difference hash; ``None`` where it has none.
    """

    name: str
    truth: int | None
    best: int
    score: float
    groups: tuple[GroupAnswer, ...] = ()
    cosine: float = 1.0
    looks: int | None = None


class Observer:
    """Makes observations from the rows of a model's photos."""

    def __init__(self, classes: int, taxonomy: Taxonomy | None, *, scores_add_up: bool = True) -> None:
        """Prepare for a model with that many `classes`; see `mobiclass.decisions.Decider` for `scores_add_up`."""
        groups = [group for group in taxonomy.groups if len(group.classes) <= LARGEST_GROUP] if taxonomy else []
        groups.sort(key=lambda group: len(group.classes))
        self._classes = classes
        self._members = np.array([index for group in groups for index in group.classes], np.intp)
        sizes = np.array([len(group.classes) for group in groups], np.intp)
        self._starts = np.concatenate(([0], np.cumsum(sizes)))[:-1].astype(np.intp)
        self._of_size = np.flatnonzero(np.diff(sizes, prepend=0)).astype(np.intp)  # where groups of another size begin
        self._groups = groups
        self._combine = np.add if scores_add_up else np.maximum

    @property
    def has_groups(self) -> bool:
        """Whether a photo may be answered with a group."""
        return bool(self._groups)

    def observe(self, row: Mapping[str, Any], name: str, looks: int | None = None) -> Observation | None:
        """Take from a row what thresholds are fitted on; its predictions are of all classes.

        Returns:
            ``None`` for a row without predictions, which no threshold can change.
        """
        predictions = row["predictions"]
        if not predictions:
            return None
        scores = np.zeros(self._classes, np.float32)
        scores[[each["index"] for each in predictions]] = [each["score"] for each in predictions]
        truth = None if row["truth"] is None else row["truth"]["index"]
        best = predictions[0]
        return Observation(name, truth, best["index"], best["score"], self._group_answers(scores, truth), looks=looks)

    def _group_answers(self, scores: npt.NDArray[np.float32], truth: int | None) -> tuple[GroupAnswer, ...]:
        """Find the groups that are the answer for some threshold: those with a higher score than all smaller ones."""
        if not self._groups:
            return ()
        sums = np.minimum(self._combine.reduceat(scores[self._members].astype(np.float64), self._starts), 1.0)
        answers: list[GroupAnswer] = []
        for begin, end in pairwise((*self._of_size.tolist(), len(self._groups))):
            place = begin + int(sums[begin:end].argmax())
            if sums[place] > (answers[-1].score if answers else 0.0):
                answers.append(GroupAnswer(float(sums[place]), truth in self._groups[place].classes))
        return tuple(answers)
