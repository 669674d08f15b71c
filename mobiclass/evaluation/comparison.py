"""Two models on the same photos: which of them is right on which, counted from pairs of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mobiclass.evaluation.statistics import mcnemar_p_value
from mobiclass.results import Row, truth_rank

MAX_DISAGREEMENTS: Final = 100


@dataclass(slots=True)
class Comparison:
    """A comparison of two models' first predictions.

    Attributes:
        both_right: the photos on which both were right.
        only_first: those on which the first model alone was.
        only_second: those on which the second alone was.
        both_wrong: those on which neither was.
        not_compared: those that one of them could not classify.
        disagreements: the two rows of the first `MAX_DISAGREEMENTS` photos on which one model alone was right.
    """

    both_right: int = 0
    only_first: int = 0
    only_second: int = 0
    both_wrong: int = 0
    not_compared: int = 0
    disagreements: list[tuple[Row, Row]] = field(default_factory=list)

    def add(self, first: Row, second: Row) -> None:
        """Count one photo by its two rows, each with the ``truth`` in its model's terms."""
        if first["error"] or second["error"]:
            self.not_compared += 1
            return
        first_right, second_right = truth_rank(first) == 0, truth_rank(second) == 0
        self.both_right += first_right and second_right
        self.only_first += first_right and not second_right
        self.only_second += second_right and not first_right
        self.both_wrong += not (first_right or second_right)
        if first_right != second_right and len(self.disagreements) < MAX_DISAGREEMENTS:
            self.disagreements.append((first, second))

    @property
    def images(self) -> int:
        """The number of photos compared."""
        return self.both_right + self.only_first + self.only_second + self.both_wrong

    @property
    def p_value(self) -> float:
        """The probability of so uneven a split if both were equally good: see `mcnemar_p_value`."""
        return mcnemar_p_value(self.only_first, self.only_second)
