"""What is answered about a photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

DecisionKind: TypeAlias = Literal["class", "group", "unknown"]

UNKNOWN: Final = "unknown"
"""The label of an answer that is none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer.

    Attributes:
        label: the class, the group, or ``unknown``.
        score: 0 to 1: that of the class, the sum of those of the group's classes, or for ``unknown`` the best class's.
        kind: what `label` is.
        index: the model's output index; of a class alone.
    """

    label: str
    score: float
    kind: DecisionKind
    index: int | None = None
