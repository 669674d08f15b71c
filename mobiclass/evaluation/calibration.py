"""Thresholds for a model's answers, fitted on one half of labelled photos and judged on the other.

An answer is a class, a group of a taxonomy or ``unknown``, as `mobiclass.decisions.Decider` gives it. Precision is the
part of the answers other than ``unknown`` that are right; coverage is the part of the photos of known classes that get
such an answer.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.errors import SetupError
from mobiclass.evaluation.observations import Observation
from mobiclass.evaluation.statistics import wilson_interval
from mobiclass.images import LOOKS_ALIKE_BITS

FEWEST_PHOTOS: Final = 40
"""Half of them: 19 answers without a mistake are the fewest that can show a precision of 95 %."""

FEWEST_OTHERS: Final = 20
"""Photos of other things, by which the rule of unknown photos is fitted; fewer could switch it off by chance."""

_GRID: Final = np.arange(101) / 100  # thresholds are given in hundredths; more digits would be chance
_LEAST_GROUP_SCORE: Final = 0.3
_NO_GROUPS: Final = 1.01  # above every score
_SLACK: Final = 0.02  # of the photos: so many may be left without an answer for thresholds that answer more classes
_COSINES: Final = 20  # thresholds tried for the rule of unknown photos


class Thresholds(NamedTuple):
    """What is fitted; see `mobiclass.decisions.Rules`.

    Attributes:
        class_score: the best class is answered from this score on; more than 1 where it never is.
        group_score: else the smallest group is that has this score; more than 1 where none ever is.
        cosine: a photo that is less near to every class is ``unknown``.
    """

    class_score: float
    group_score: float = _NO_GROUPS
    cosine: float = -1.0


class Outcome(NamedTuple):
    """What thresholds come to on some photos.

    Attributes:
        photos: those of known classes.
        answered: those of them that got a class or a group.
        right: those of them whose answer is right.
        classes: those of them that got a class.
        others: the photos of other things.
        others_answered: those of them that got a class or a group, which is always wrong.
    """

    photos: int
    answered: int
    right: int
    classes: int
    others: int
    others_answered: int

    @property
    def precision(self) -> float | None:
        """The part of the answers that are right; ``None`` where there is none."""
        answers = self.answered + self.others_answered
        return self.right / answers if answers else None

    @property
    def precision_interval(self) -> tuple[float, float] | None:
        """Its 95 % interval."""
        answers = self.answered + self.others_answered
        return wilson_interval(self.right, answers) if answers else None

    @property
    def coverage(self) -> float:
        """The part of the photos of known classes that got an answer."""
        return self.answered / self.photos if self.photos else 0.0

    @property
    def coverage_interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return wilson_interval(self.answered, self.photos) if self.photos else (0.0, 1.0)


class Sample:
    """Observations as arrays."""

    def __init__(self, observations: Sequence[Observation]) -> None:
        # By falling scores: those that are answered with a class come first, wherever the threshold lies.
        ordered = sorted(observations, key=lambda each: -each.score)
        self.score = np.array([each.score for each in ordered], np.float64)
        self.known = np.array([each.truth is not None for each in ordered], bool)
        self.class_right = np.array([each.truth == each.best for each in ordered], bool)
        self.cosine = np.array([each.cosine for each in ordered], np.float64)
        steps = max((len(each.groups) for each in ordered), default=0)
        self._group_score = np.full((len(ordered), steps + 1), -1.0)
        self._group_right = np.zeros((len(ordered), steps + 1), bool)
        for row, each in enumerate(ordered):
            for column, answer in enumerate(each.groups):
                self._group_score[row, column], self._group_right[row, column] = answer

    def __len__(self) -> int:
        return len(self.score)

    @property
    def has_groups(self) -> bool:
        return self._group_score.shape[1] > 1

    def group_answers(self, threshold: float) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return which photos have a group at `threshold`, and whose is right."""
        sure = self._group_score >= threshold
        has_group = np.asarray(sure.any(axis=1), bool)
        first = sure.argmax(axis=1)
        return has_group, np.asarray(self._group_right[np.arange(len(self)), first] & has_group, bool)

    def outcome(self, thresholds: Thresholds) -> Outcome:
        """Count what `thresholds` come to."""
        near = self.cosine >= thresholds.cosine
        by_class = near & (self.score >= thresholds.class_score)
        has_group, group_right = self.group_answers(thresholds.group_score)
        answered = near & (by_class | has_group)
        right = answered & self.known & np.where(by_class, self.class_right, group_right)
        return Outcome(
            photos=int(self.known.sum()),
            answered=int((answered & self.known).sum()),
            right=int(right.sum()),
            classes=int((by_class & self.known).sum()),
            others=int((~self.known).sum()),
            others_answered=int((answered & ~self.known).sum()),
        )

    def coverage_of_top1(self, precision: float) -> float:
        """Find the highest coverage of the best class alone, by a threshold on its score, at that `precision`.

        The threshold is the best for these very photos, which no fitted one can be.
        """
        answers = np.arange(1, len(self) + 1)
        last = np.append(self.score[1:] != self.score[:-1], True)  # photos of one score are answered together
        reached = last & (np.cumsum(self.class_right & self.known) >= precision * answers)
        if not reached.any():
            return 0.0
        return float(self.known[: int(np.flatnonzero(reached)[-1]) + 1].sum() / max(1, self.known.sum()))


class Fit(NamedTuple):
    """Thresholds, or how far from the target all of them stay.

    Attributes:
        thresholds: ``None`` where the target cannot be reached.
        best: the outcome with the highest precision of those that answer a tenth of the photos.
    """

    thresholds: Thresholds | None
    best: Outcome | None = None


def split_in_halves(observations: Iterable[Observation], seed: int) -> tuple[list[Observation], list[Observation]]:
    """Divide photos so that each half has as many of every class, and photos that look alike are in one half."""
    chance = random.Random(seed)
    halves: tuple[list[Observation], list[Observation]] = ([], [])
    by_name: dict[str, list[Observation]] = defaultdict(list)
    for each in observations:
        by_name[each.name].append(each)
    for name in sorted(by_name):
        clusters = list(_alike(by_name[name]))
        chance.shuffle(clusters)
        counts = [0, 0]
        for cluster in sorted(clusters, key=len, reverse=True):
            smaller = min((0, 1), key=lambda half: (counts[half], len(halves[half]), chance.random()))
            halves[smaller].extend(cluster)
            counts[smaller] += len(cluster)
    return halves


def _alike(photos: Sequence[Observation]) -> Iterator[list[Observation]]:
    """Gather photos of one class that look alike, also by way of others between them."""
    hashes = np.array([each.looks or 0 for each in photos], np.uint64)
    waiting = set(range(len(photos)))
    while waiting:
        cluster = [waiting.pop()]
        for place in cluster:
            if photos[place].looks is not None and waiting:
                others = np.array([other for other in waiting if photos[other].looks is not None], np.intp)
                bits = np.unpackbits((hashes[others] ^ hashes[place]).view(np.uint8).reshape(len(others), -1), axis=1)
                near = others[bits.sum(axis=1) <= LOOKS_ALIKE_BITS].tolist()
                cluster += near
                waiting -= set(near)
        yield [photos[place] for place in sorted(cluster)]


def fit_thresholds(sample: Sample, target: float, *, cosine: float | None = None) -> Fit:
    """Find the thresholds that answer most photos with a precision of at least `target`.

    The precision is that with one mistake more than there was: what is best by chance would disappoint on other
    photos. Of thresholds that answer as many photos, or up to 2 points fewer, those are taken that answer most classes.

    Args:
        sample: the photos to fit on.
        target: over 0 and below 1.
        cosine: the threshold of the rule of unknown photos, where there is one; it is fitted too if the sample has
            enough photos of other things.
    """
    cosines = [-1.0 if cosine is None else cosine]
    if cosine is not None and np.count_nonzero(~sample.known) >= FEWEST_OTHERS // 2:
        cosines = sorted({-1.0, *np.round(np.quantile(sample.cosine, np.linspace(0, 0.9, _COSINES)), 3).tolist()})
    scores = [_NO_GROUPS, *(_GRID[_GRID >= _LEAST_GROUP_SCORE].tolist() if sample.has_groups else ())]
    found: list[tuple[int, Thresholds]] = []
    best: tuple[float, Thresholds] | None = None
    for near in cosines:
        for group_score in scores:
            answered, answers, right = _count(sample, near, group_score)
            feasible = (answers > 0) & (right >= target * (answers + 1))
            found += [
                (int(answered[place]), Thresholds(float(_GRID[place]), group_score, near))
                for place in np.flatnonzero(feasible)
            ]
            enough = answered >= max(1, 0.1 * sample.known.sum())
            if enough.any():
                precision = np.where(enough, right / np.maximum(answers, 1), -1.0)
                place = int(precision.argmax())
                if best is None or precision[place] > best[0]:
                    best = float(precision[place]), Thresholds(float(_GRID[place]), group_score, near)
    if not found:
        return Fit(None, sample.outcome(best[1]) if best else None)
    most = max(answered for answered, _ in found) - _SLACK * int(sample.known.sum())
    chosen = min(
        (thresholds for answered, thresholds in found if answered >= most),
        key=lambda each: (each.class_score, -each.group_score, each.cosine),
    )
    return Fit(chosen, sample.outcome(chosen))


def _count(
    sample: Sample, cosine: float, group_score: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count, for each class score of the grid: known photos with an answer, all answers, right ones."""
    near = sample.cosine >= cosine
    has_group, group_right = sample.group_answers(group_score)
    # The photos are in the order of their scores: those before a place have a class, those behind it a group.
    classes = np.searchsorted(-sample.score, -_GRID, side="right")

    def added(by_class: npt.NDArray[np.bool_], by_group: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        before = np.concatenate(([0], np.cumsum(by_class & near)))
        behind = np.concatenate(([0], np.cumsum(by_group & near)))
        return np.asarray(before[classes] + behind[-1] - behind[classes], np.int64)

    everything = np.ones(len(sample), bool)
    return (
        added(sample.known, sample.known & has_group),
        added(everything, has_group),
        added(sample.known & sample.class_right, sample.known & group_right),
    )


class Calibration(NamedTuple):
    """Thresholds, and what they come to on photos that they were not fitted on.

    Attributes:
        target: the precision that was asked for.
        thresholds: what was fitted.
        fitted_on: the photos that it was fitted on.
        judged_on: the others.
        fitted: what the thresholds come to on the first.
        outcome: what they come to on the others.
        top1_coverage: the coverage of the best class alone on the others, at the precision of `outcome` and with the
            threshold that is best for them; ``None`` where nothing was answered.
        cosine: the threshold of the rule of unknown photos that the model came with; ``None`` for no such rule.
    """

    target: float
    thresholds: Thresholds
    fitted_on: Sample
    judged_on: Sample
    fitted: Outcome
    outcome: Outcome
    top1_coverage: float | None
    cosine: float | None


def fit_and_judge(
    observations: Sequence[Observation], *, target: float, seed: int, cosine: float | None = None
) -> Calibration:
    """Fit thresholds on one half of the photos, and judge them on the other.

    Args:
        observations: of the photos.
        target: the least precision, over 0 and below 1.
        seed: that of the halves.
        cosine: the model's threshold of the rule of unknown photos, if it has that rule.

    Raises:
        SetupError: there are too few photos, or the target cannot be reached.
    """
    known = sum(each.truth is not None for each in observations)
    if known < FEWEST_PHOTOS:
        raise SetupError(f"{known} photos of known classes are too few to fit on: {FEWEST_PHOTOS} are the least")
    fitted_on, judged_on = map(Sample, split_in_halves(observations, seed))
    if (fewest := min(int(half.known.sum()) for half in (fitted_on, judged_on))) < FEWEST_PHOTOS // 4:
        raise SetupError(f"{fewest} photos are too few to judge by: the others look too much alike to be divided")
    fit = fit_thresholds(fitted_on, target, cosine=cosine)
    if fit.thresholds is None:
        raise SetupError(f"no thresholds reach a precision of {target:.1%}{_reachable(fit.best)}")
    outcome = judged_on.outcome(fit.thresholds)
    return Calibration(
        target=target,
        thresholds=fit.thresholds,
        fitted_on=fitted_on,
        judged_on=judged_on,
        fitted=fitted_on.outcome(fit.thresholds),
        outcome=outcome,
        top1_coverage=None if outcome.precision is None else judged_on.coverage_of_top1(outcome.precision),
        cosine=cosine,
    )


def _reachable(best: Outcome | None) -> str:
    if best is None or best.precision is None:
        return " on these photos"
    return (
        f" on these photos with one mistake to spare; the highest without is {best.precision:.1%}, answering "
        f"{best.coverage:.1%} of the photos: lower --target, or give more photos"
    )
