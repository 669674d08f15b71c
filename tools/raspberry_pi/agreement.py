"""Compares the predictions of two machines for the same photos. It runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final

STEP: Final = 1 / 256
"""The step of an int8 softmax."""

_TOP: Final = 5

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The allowed disagreement of two machines, in steps of 1/256 (docs/decisions/011-what-arm-and-x86-agree-on.md).

    Attributes:
        worst_steps, mean_steps: the maximum and the mean difference of a score over the photos.
        near_tie_steps: two classes with scores this close may swap ranks.
    """

    worst_steps: int
    mean_steps: int
    near_tie_steps: int


@dataclass(frozen=True, slots=True)
class PhotoAgreement:
    """The agreement of two machines on one photo.

    Attributes:
        path: the photo.
        here, there: the top-1 label on each machine.
        same_top_1: whether they are the same class.
        gap_steps: the difference of these labels' scores here, in steps of 1/256.
        score_steps: the largest difference of a score of the top 5 here, in steps of 1/256.
    """

    path: str
    here: str
    there: str
    same_top_1: bool
    gap_steps: float
    score_steps: float


def read_rows(text: str) -> dict[str, Row]:
    """Parse JSON lines into rows by path."""
    return {row["path"]: row for row in map(json.loads, text.splitlines())}


def compare(here: Mapping[str, Row], there: Mapping[str, Row]) -> tuple[list[PhotoAgreement], list[str]]:
    """Compare the rows of two machines, which should list more than five predictions per image.

    Returns:
        The agreement on each photo, and complaints about photos that could not be compared.
    """
    agreements, complaints = [], []
    for path in sorted({*here, *there}):
        pair = [rows.get(path) for rows in (here, there)]
        if any(row is None or row["error"] or not row["predictions"] for row in pair):
            complaints.append(f"{path}: {' here, '.join(map(_failure, pair))} there")
        else:
            agreements.append(_compare(path, *[row["predictions"] for row in pair if row]))
    return agreements, complaints


def disagreements(agreements: Sequence[PhotoAgreement], tolerance: Tolerance) -> list[str]:
    """List where two machines disagree by more than the `tolerance`."""
    found = []
    for photo in agreements:
        if not photo.same_top_1 and photo.gap_steps > tolerance.near_tie_steps:
            found.append(
                f"{photo.path}: {photo.there} there, {photo.here} here by {photo.gap_steps:.0f} steps of 1/256"
            )
        if photo.score_steps > tolerance.worst_steps:
            found.append(f"{photo.path}: a score differs by {photo.score_steps:.0f} steps of 1/256")
    average = mean(photo.score_steps for photo in agreements) if agreements else 0
    if average > tolerance.mean_steps:
        found.append(f"scores differ by {average:.1f} steps of 1/256 on average")
    return found


def summary(agreements: Sequence[PhotoAgreement]) -> str:
    """Summarize the agreement in figures."""
    if not agreements:
        return "nothing to compare"
    steps = [photo.score_steps for photo in agreements]
    return (
        f"same top-1 on {sum(photo.same_top_1 for photo in agreements)} of {len(agreements)} photos; scores of the top "
        f"{_TOP} within {mean(steps):.1f} steps of 1/256 on average, {max(steps):.0f} at most"
    )


def _compare(path: str, here: list[Row], there: list[Row]) -> PhotoAgreement:
    scores_here, scores_there = ({found["index"]: found["score"] for found in found_by} for found_by in (here, there))
    # An unlisted class has at most the score of the last listed one.
    least_here, least_there = here[-1]["score"], there[-1]["score"]
    first, first_there = here[0], there[0]
    return PhotoAgreement(
        path=path,
        here=first["label"],
        there=first_there["label"],
        same_top_1=first["index"] == first_there["index"],
        gap_steps=(first["score"] - scores_here.get(first_there["index"], least_here)) / STEP,
        score_steps=max(
            abs(score - scores_there.get(index, least_there)) / STEP
            for index, score in list(scores_here.items())[:_TOP]
        ),
    )


def _failure(row: Row | None) -> str:
    if row is None:
        return "no row"
    return str(row["error"]["message"]) if row["error"] else f"{len(row['predictions'])} predictions"
