"""Which model to take: accuracy on one's own photos against latency, memory and size on this machine.

A model is dropped while it is being judged once it cannot win: another one that is no slower and no larger is right
more often, beyond chance.
"""

from __future__ import annotations

import builtins
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from mobiclass.batch import Batch, RowOptions
from mobiclass.classifier import Classifier
from mobiclass.errors import MobiclassError
from mobiclass.evaluation.labelled_photos import Photos
from mobiclass.evaluation.rows import PhotoTruth
from mobiclass.evaluation.statistics import mcnemar_p_value, wilson_interval
from mobiclass.evaluation.truth import Truth
from mobiclass.results import Row, path_bytes, printable_utf8, truth_rank

BLOCK_PHOTOS: Final = 50
"""So many photos are judged by every model in turn; after each such block those that cannot win are dropped."""

# The p-value. It is looked at after every block, so 0.05 would drop good models by chance.
_DROPPED_BELOW: Final = 0.001
_WORSE_BELOW: Final = 0.05
_SAME_SPEED: Final = 1.03  # medians that differ by less are the same


@dataclass(slots=True)
class Candidate:
    """A model that may be recommended.

    Attributes:
        name: its name.
        bytes: the length of its file.
        path: its file.
        latency_ms: the median time of one inference; ``None`` before it is measured.
        peak_mb: the peak memory of the process, in 10⁶ bytes.
        right: the photos, by their paths, and whether each was given its class; without those that cannot be read.
        excluded: why it is not judged, or not to the end; empty for one that is.
        beaten_by: the name of the model that made it drop out while it was judged.
    """

    name: str
    bytes: int
    path: Path
    latency_ms: float | None = None
    peak_mb: float | None = None
    right: dict[builtins.bytes, bool] = field(default_factory=dict)
    excluded: str = ""
    beaten_by: str = ""

    @property
    def photos(self) -> int:
        """The number of photos that it has judged."""
        return len(self.right)

    @property
    def top1(self) -> float | None:
        """The part of them that was given its class."""
        return sum(self.right.values()) / self.photos if self.photos else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of that."""
        return wilson_interval(sum(self.right.values()), self.photos) if self.photos else None

    @property
    def whole(self) -> bool:
        """Whether it has judged all photos."""
        return self.photos > 0 and not self.excluded and not self.beaten_by

    def is_no_slower_and_no_larger(self, other: Candidate) -> bool:
        """Whether this one costs at most what `other` costs."""
        if self.latency_ms is None or other.latency_ms is None:
            return False
        return self.latency_ms <= other.latency_ms * _SAME_SPEED and self.bytes <= other.bytes

    def p_value(self, other: Candidate) -> float:
        """How probable so uneven a split is if both are equally good, over the photos that both have judged."""
        shared = self.right.keys() & other.right.keys()
        mine = sum(self.right[path] and not other.right[path] for path in shared)
        theirs = sum(other.right[path] and not self.right[path] for path in shared)
        return mcnemar_p_value(mine, theirs)

    def is_better(self, other: Candidate, below: float) -> bool:
        """Whether this one is right more often than `other` on the photos that both have judged, beyond chance."""
        shared = self.right.keys() & other.right.keys()
        mine, theirs = sum(self.right[path] for path in shared), sum(other.right[path] for path in shared)
        return mine > theirs and self.p_value(other) < below


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may cost.

    Attributes:
        latency_ms: of one inference, the median; ``None`` for any.
        megabytes: of its file, in 10⁶ bytes; ``None`` for any.
    """

    latency_ms: float | None = None
    megabytes: float | None = None

    def exceeded_by(self, candidate: Candidate) -> str:
        """Say which limit a model exceeds; empty if none."""
        if self.megabytes is not None and candidate.bytes > self.megabytes * 1e6:
            return f"larger than {self.megabytes:g} MB"
        if self.latency_ms is not None and candidate.latency_ms is not None and candidate.latency_ms > self.latency_ms:
            return f"slower than {self.latency_ms:g} ms"
        return ""


class Judge:
    """Has models judge the same photos, block by block."""

    def __init__(self, photos: Photos, names: Sequence[str], *, jobs: int, seed: int = 0) -> None:
        """Take the photos of `names`, which are classes of all models, in a random order, which `seed` decides."""
        self._photos = photos
        self._paths = list(photos.paths(names))
        random.Random(seed).shuffle(self._paths)
        self._jobs = jobs
        self.total = len(self._paths)
        self._running: Batch | None = None
        self._stopped = False

    def stop(self) -> None:
        """End after the photos in flight; a signal handler may call it."""
        self._stopped = True
        if self._running:
            self._running.stop()

    def run(
        self,
        candidates: Sequence[tuple[Candidate, Classifier, Truth]],
        progress: Callable[[int], None] = lambda judged: None,
    ) -> bool:
        """Judge until all photos are judged by all models that may win.

        A model that cannot be run any more is excluded. After `stop`, the models have judged the same photos.

        Args:
            candidates: the models, loaded, each with its classes of the photos.
            progress: is told how many photos every remaining model has judged.

        Returns:
            Whether it got to the end.
        """
        waiting = iter(self._paths)
        judged = 0
        while block := list(islice(waiting, BLOCK_PHOTOS)):
            for candidate, classifier, truth in candidates:
                if not self._stopped and not candidate.beaten_by and not candidate.excluded:
                    self._judge(block, candidate, classifier, truth)
            remaining = [each for each, _, _ in candidates if not each.beaten_by and not each.excluded]
            if self._stopped:
                _keep_shared(remaining)
                return False
            judged += len(block)
            progress(judged)
            if judged < self.total:
                _drop(remaining)
        return True

    def _judge(self, block: list[str], candidate: Candidate, classifier: Classifier, truth: Truth) -> None:
        def count(row: Row) -> None:
            if "fallback" in row:  # its accuracy and its latency would be those of two models
                candidate.excluded = f"its accelerator failed: {row['fallback']}"
            elif not row["error"]:
                candidate.right[path_bytes(row)] = truth_rank(row) == 0

        fields = PhotoTruth(self._photos, truth).fields
        self._running = Batch(classifier, jobs=self._jobs, options=RowOptions(top_k=1), receive=count, fields=fields)
        try:
            self._running.run(iter(block))
        except MobiclassError as error:
            candidate.excluded = str(error)
        self._running = None


def _keep_shared(candidates: list[Candidate]) -> None:
    """Keep the photos that all have judged, so that they compare; those that have judged none do not count."""
    begun = [each for each in candidates if each.right]
    shared = set.intersection(*(set(each.right) for each in begun)) if begun else set()
    for each in begun:
        each.right = {path: right for path, right in each.right.items() if path in shared}


def _drop(candidates: list[Candidate]) -> None:
    """Drop the models that cannot win any more."""
    for candidate in candidates:
        for other in candidates:
            if other is candidate or other.beaten_by:
                continue
            if other.is_no_slower_and_no_larger(candidate) and other.is_better(candidate, _DROPPED_BELOW):
                candidate.beaten_by = other.name
                break


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What came of it.

    Attributes:
        candidates: all models: those that judged all photos first, the best first; then the others.
        front: the names of those that no other beats in accuracy, latency and size at once.
        best: the one to take within the limits; ``None`` where there is none.
        as_good: those within the limits that are not worse than it beyond chance, the fastest first.
    """

    candidates: tuple[Candidate, ...]
    front: frozenset[str]
    best: Candidate | None
    as_good: tuple[Candidate, ...]

    def verdict(self, candidate: Candidate) -> str:
        """Say in a few words what became of a model."""
        if candidate.excluded:
            return candidate.excluded
        if candidate.beaten_by:
            return f"dropped after {candidate.photos} photos: {candidate.beaten_by} is better, no slower, no larger"
        if not candidate.photos:
            return "has judged no photo"
        if self.best and candidate is self.best:
            return "recommended"
        if candidate.name in self.front:
            return "on the front"
        other = next(each for each in self.candidates if each.whole and _beats(each, candidate))
        surely = ", beyond chance" if other.is_better(candidate, _WORSE_BELOW) else ""
        more = "more" if (other.top1 or 0.0) > (candidate.top1 or 0.0) else "as"
        return f"{other.name} is {more} accurate{surely}, no slower, no larger"


def recommend(candidates: Sequence[Candidate], limits: Limits) -> Recommendation:
    """Choose the model of the highest accuracy within `limits`; of equals the fastest."""
    whole = sorted(
        (each for each in candidates if each.whole),
        key=lambda each: (-(each.top1 or 0.0), each.latency_ms or 0.0, each.bytes, each.name),
    )
    front = frozenset(each.name for each in whole if not any(_beats(other, each) for other in whole))
    allowed = [each for each in whole if not limits.exceeded_by(each)]
    best = allowed[0] if allowed else None
    as_good = [each for each in allowed[1:] if best and not best.is_better(each, _WORSE_BELOW)]
    rest = [each for each in candidates if not each.whole]
    return Recommendation((*whole, *rest), front, best, tuple(sorted(as_good, key=lambda each: each.latency_ms or 0.0)))


def _beats(other: Candidate, candidate: Candidate) -> bool:
    """Whether `other` is at least as good in everything and better in something (Pareto)."""
    if other is candidate or other.latency_ms is None or candidate.latency_ms is None:
        return False
    theirs = (-(other.top1 or 0.0), other.latency_ms, other.bytes)
    own = (-(candidate.top1 or 0.0), candidate.latency_ms, candidate.bytes)
    return all(a <= b for a, b in zip(theirs, own, strict=True)) and theirs != own


def recommendation_json(found: Recommendation, photos: int, *, partial: bool) -> dict[str, Any]:
    """Make the JSON object; accuracies are fractions of 1."""
    return {
        "recommended": printable_utf8(found.best.name) if found.best else None,
        "as_good": [printable_utf8(each.name) for each in found.as_good],
        "photos": photos,
        "partial": partial,
        "models": list(candidate_fields(found)),
    }


def candidate_fields(found: Recommendation) -> Iterator[dict[str, Any]]:
    """Make an object of each model, all with the same keys."""
    for each in found.candidates:
        low, high = each.interval or (None, None)
        yield {
            "model": printable_utf8(each.name),
            "photos": each.photos,
            "top1": each.top1,
            "low": low,
            "high": high,
            "p50_ms": each.latency_ms,
            "peak_rss_mb": each.peak_mb,
            "bytes": each.bytes,
            "front": each.name in found.front,
            "verdict": printable_utf8(found.verdict(each)),
        }
