"""Accuracy from rows whose truth is known: top-1 and top-5, per class, confused pairs, most confident mistakes.

It counts rows as they go by. A photo takes four bytes of memory, for its latency; the rest grows with the classes and
the pairs of them that were confused.
"""

from __future__ import annotations

import heapq
import statistics
from array import array
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from mobiclass.evaluation.statistics import wilson_interval
from mobiclass.results import Row, is_answered, truth_rank

TOP: Final = 5
"""The predictions per photo that top-5 considers; a model with fewer classes has all of them among these."""

MAX_MISTAKES: Final = 100
MAX_FAILURES: Final = 100


@dataclass(slots=True)
class Count:
    """The photos of one class, or of all.

    Attributes:
        images: those that were classified.
        top1: those of them whose first prediction is right.
        top5: those with the right class among the first five.
        errors: those that could not be classified, which are not in the other counts.
    """

    images: int = 0
    top1: int = 0
    top5: int = 0
    errors: int = 0

    def share(self, right: int) -> float | None:
        """Return `right` as a fraction of the images; ``None`` where there are none."""
        return right / self.images if self.images else None

    def interval(self, right: int) -> tuple[float, float] | None:
        """Return the 95 % confidence interval of that fraction; ``None`` where there are no images."""
        return wilson_interval(right, self.images) if self.images else None

    def add(self, rank: int | None) -> None:
        """Count a photo whose true class has that `rank` (from 0), or none."""
        self.images += 1
        self.top1 += rank == 0
        self.top5 += rank is not None and rank < TOP


@dataclass(slots=True)
class Answers:
    """What became of the decisions.

    Attributes:
        photos: those of the model's classes.
        answered: those of them that got a class or a group.
        right: those of them whose answer is their class, or a group that it is in.
        others: photos of other things.
        others_answered: those of them that got an answer all the same.
    """

    photos: int = 0
    answered: int = 0
    right: int = 0
    others: int = 0
    others_answered: int = 0

    @property
    def coverage(self) -> float | None:
        """The part of the photos of the model's classes that got an answer; ``None`` where there are none."""
        return self.answered / self.photos if self.photos else None

    @property
    def precision(self) -> float | None:
        """The part of all answers that are right; ``None`` where there are none."""
        answers = self.answered + self.others_answered
        return self.right / answers if answers else None

    @property
    def precision_interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of `precision`."""
        answers = self.answered + self.others_answered
        return wilson_interval(self.right, answers) if answers else None


@dataclass(slots=True)
class Tally:
    """All counts of an evaluation.

    Attributes:
        all: the photos of all classes together.
        classes: those of each class, by its index.
        confusion: the number of photos by (true class, first prediction), two indices; pairs that never occurred are
            not in it.
        failures: how many could not be classified, by kind of error.
        failed_rows: the first `MAX_FAILURES` of their rows.
        invoke_ms: the milliseconds that the model took for each photo.
        answers: what became of the decisions; nothing where the run makes none.
        classes_of_group: gives the classes of a group, by its name.
    """

    all: Count = field(default_factory=Count)
    classes: dict[int, Count] = field(default_factory=dict)
    confusion: Counter[tuple[int, int]] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    failed_rows: list[Row] = field(default_factory=list)
    invoke_ms: array[float] = field(default_factory=lambda: array("f"))
    answers: Answers = field(default_factory=Answers)
    classes_of_group: Callable[[str], Collection[int]] = field(default=lambda name: (), repr=False)
    _mistakes: list[tuple[float, int, Row]] = field(default_factory=list)  # a heap, the least confident on top

    def add(self, row: Row) -> None:
        """Count one row, which has a ``truth``."""
        truth = row["truth"]["index"]
        if not row["error"] and row.get("decision"):
            self._add_answer(row, truth)
        if truth is None:
            self._add_other(row)
            return
        of_class = self.classes.setdefault(truth, Count())
        if row["error"]:
            of_class.errors += 1
            self._add_failure(row)
            return
        rank = truth_rank(row)
        self.all.add(rank)
        of_class.add(rank)
        if timing := row.get("timing_ms"):
            self.invoke_ms.append(timing["invoke"])
        if row["predictions"]:  # a damaged model's may all lie under zero
            first = row["predictions"][0]
            self.confusion[truth, first["index"]] += 1
            if rank != 0:
                self._add_mistake(first["score"], row)

    def _add_answer(self, row: Row, truth: int | None) -> None:
        answers, decision = self.answers, row["decision"]
        if truth is None:
            answers.others += 1
            answers.others_answered += is_answered(row)
            return
        answers.photos += 1
        if is_answered(row):
            answers.answered += 1
            is_group = decision["kind"] == "group"
            answers.right += (
                truth in self.classes_of_group(decision["label"]) if is_group else decision["index"] == truth
            )

    def _add_other(self, row: Row) -> None:
        """Count a photo of other things, which no class is right for."""
        if row["error"]:
            self._add_failure(row)
        elif is_answered(row) and row["predictions"]:
            self._add_mistake(row["predictions"][0]["score"], row)

    def _add_failure(self, row: Row) -> None:
        self.all.errors += 1
        self.failures[row["error"]["kind"]] += 1
        if len(self.failed_rows) < MAX_FAILURES:
            self.failed_rows.append(row)

    def _add_mistake(self, score: float, row: Row) -> None:
        # Ties go to the earlier photo, so that the list is deterministic.
        mistake = (score, -self.all.images - self.answers.others, row)
        if len(self._mistakes) < MAX_MISTAKES:
            heapq.heappush(self._mistakes, mistake)
        elif mistake > self._mistakes[0]:
            heapq.heapreplace(self._mistakes, mistake)

    @property
    def invoke_p50_ms(self) -> float | None:
        """The median of `invoke_ms`; ``None`` where no photo was timed."""
        return statistics.median(self.invoke_ms) if self.invoke_ms else None

    @property
    def mistakes(self) -> list[Row]:
        """The rows of the `MAX_MISTAKES` most confident mistakes, the most confident first."""
        return [row for *_, row in sorted(self._mistakes, key=lambda mistake: mistake[:2], reverse=True)]

    def confused(self) -> list[tuple[int, int, int]]:
        """List the confused pairs of classes: (truth, prediction, photos), the most frequent first."""
        pairs = [(*pair, count) for pair, count in self.confusion.items() if pair[0] != pair[1]]
        return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))

    def worst_classes(self) -> list[tuple[int, Count]]:
        """List the classes with mistakes, the worst first: by top-1, then by the number of mistakes."""
        imperfect = [(index, count) for index, count in self.classes.items() if count.top1 < count.images]
        return sorted(
            imperfect, key=lambda each: (each[1].top1 / each[1].images, each[1].top1 - each[1].images, each[0])
        )
