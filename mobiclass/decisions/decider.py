"""`Decider`: scores of all classes to one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mobiclass.decisions.decision import UNKNOWN, Decision
from mobiclass.decisions.rules import Rules

if TYPE_CHECKING:
    from mobiclass.decisions.taxonomy import Group, Taxonomy


class Decider:
    """Answers with a class, a group or ``unknown``, by the rules of one model."""

    def __init__(
        self,
        rules: Rules,
        labels: Sequence[str] | None,
        classes: int,
        *,
        find_taxonomy: Callable[[], Taxonomy | None] = lambda: None,
        label_scores: Mapping[int, float] | None = None,
        allowed: Sequence[int] | None = None,
        means: npt.NDArray[np.float32] | None = None,
        scores_add_up: bool = True,
    ) -> None:
        """Prepare to decide.

        Args:
            rules: see `Rules`.
            labels: one a class; ``None`` where the model has none.
            classes: the number of classes, C.
            find_taxonomy: gives the groups; asked when a class is not sure for the first time.
            label_scores: the score from which on a class is answered, by index, stronger than the rules.
            allowed: the only classes that may be answered, by index; ``None`` for all.
            means: the means of the classes' features, float32 (C, D), rows of length 1, for the rule of unknown photos.
            scores_add_up: whether scores are of classes of which a photo shows one; else a group has the score of the
                best of its classes.
        """
        self._rules = rules
        self._labels = labels
        self._classes = classes
        self._find_taxonomy = find_taxonomy
        self._allowed = None if allowed is None else np.zeros(classes, bool)
        if self._allowed is not None:
            self._allowed[list(allowed or ())] = True
        by_label = rules.labels
        self._own_scores = {index: by_label[label] for index, label in enumerate(labels or ()) if label in by_label}
        self._own_scores |= label_scores or {}
        self._means = means if rules.unknown else None
        self._scores_add_up = scores_add_up

    @property
    def needs_features(self) -> bool:
        """Whether `decide` needs a photo's features besides its scores."""
        return self._means is not None

    @property
    def features(self) -> int:
        """How many features `decide` needs, D; 0 for none."""
        return 0 if self._means is None else int(self._means.shape[1])

    @property
    def rules(self) -> Rules:
        """The rules of the model."""
        return self._rules

    @property
    def allowed(self) -> npt.NDArray[np.bool_] | None:
        """Which classes may be answered, bool (C,); ``None`` for all."""
        return self._allowed

    def group_classes(self, name: str) -> frozenset[int]:
        """Give the indices of all classes of a group that may be answered; none for a name that is no group's.

        Classes that are not allowed are among them: a group is a right answer for a photo of any of its classes.
        """
        return frozenset(next((group.classes for group, _ in self._groups if group.name == name), ()))

    def decide_by_best(self, index: int, score: float) -> Decision | None:
        """Decide by the best class alone, if that is enough: it is sure, and no features are needed."""
        if self.needs_features or self._allowed is not None or score < self._score_of(index):
            return None
        return Decision(self._label(index), score, "class", index)

    def decide(self, scores: npt.NDArray[np.float32], features: npt.NDArray[np.float32] | None = None) -> Decision:
        """Decide.

        Args:
            scores: of all classes, float32 (C,), 0 to 1.
            features: the photo's, float32 (D,); required where `needs_features`.

        Raises:
            ValueError: features are required, and are not there.
        """
        if self.needs_features and features is None:
            raise ValueError("the rule for unknown photos needs features")
        scores = scores if self._allowed is None else np.where(self._allowed, scores, np.float32(0))
        best = int(scores.argmax())
        best_score = _shortest(scores[best])
        if self._allowed is not None and not self._allowed[best]:
            return Decision(UNKNOWN, best_score, "unknown")
        if self._is_foreign(features):
            return Decision(UNKNOWN, best_score, "unknown")
        if best_score >= self._score_of(best):
            return Decision(self._label(best), best_score, "class", best)
        return self._group(scores) or Decision(UNKNOWN, best_score, "unknown")

    def nearest_cosine(self, features: npt.NDArray[np.float32]) -> float:
        """Compute the cosine between features, float32 (D,), and the nearest mean of a class; −1 for features of 0.

        It is for models whose rules have means, those with `needs_features`.
        """
        length = float(np.linalg.norm(features))
        if self._means is None or length == 0:
            return -1.0
        return float((self._means @ features).max()) / length

    def _is_foreign(self, features: npt.NDArray[np.float32] | None) -> bool:
        if self._means is None or self._rules.unknown is None or features is None:
            return False
        return not features.any() or self.nearest_cosine(features) < self._rules.unknown.threshold

    def _group(self, scores: npt.NDArray[np.float32]) -> Decision | None:
        """Find the smallest group that is sure; of several of one size the one with the highest score."""
        if not self._members:
            return None
        members, starts = self._members
        combine = np.add if self._scores_add_up else np.maximum
        # In float64, as many small scores add up.
        of_groups = np.minimum(combine.reduceat(scores[members].astype(np.float64), starts), 1.0)
        sure = np.flatnonzero(of_groups >= self._rules.group_score)
        if not len(sure):
            return None
        sizes = self._sizes[sure]
        smallest = sure[sizes == sizes[0]]  # they are in the order of their sizes
        place = int(smallest[of_groups[smallest].argmax()])
        return Decision(self._names[place], _shortest(np.float32(of_groups[place])), "group")

    @cached_property
    def _groups(self) -> list[tuple[Group, Sequence[int]]]:
        """The groups that may be answered, each with its classes that are allowed; the fewest first.

        A group of which one class is allowed says no more than that class, which was not sure.
        """
        taxonomy = self._find_taxonomy()
        groups: list[tuple[Group, Sequence[int]]] = []
        for group in taxonomy.groups if taxonomy else ():
            if len(group.classes) <= self._rules.largest_group:
                members: Sequence[int] = group.classes
                if self._allowed is not None:
                    members = [index for index in members if self._allowed[index]]
                if len(members) > 1 and members[-1] < self._classes:
                    groups.append((group, members))
        return sorted(groups, key=lambda group: len(group[1]))

    @cached_property
    def _members(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None:
        """The classes of all groups in a row, and where each group begins."""
        if not self._groups:
            return None
        starts = np.cumsum([0, *(len(members) for _, members in self._groups)])[:-1]
        all_members = chain.from_iterable(members for _, members in self._groups)
        return np.fromiter(all_members, np.intp), starts.astype(np.intp)

    @cached_property
    def _sizes(self) -> npt.NDArray[np.intp]:
        return np.array([len(members) for _, members in self._groups], np.intp)

    @cached_property
    def _names(self) -> list[str]:
        return [group.name for group, _ in self._groups]

    def _score_of(self, index: int) -> float:
        return self._own_scores.get(index, self._rules.class_score)

    def _label(self, index: int) -> str:
        return self._labels[index] if self._labels else f"class {index}"


def _shortest(score: np.float32) -> float:
    """Give the shortest number that is the float32 `score`, as predictions have it."""
    return float(str(np.float32(score)))
