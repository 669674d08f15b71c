"""Which photos a person should look at first, out of any number of rows.

Rows come by once. Kept are the least sure, the unknown, those that two models answer differently, and a sample of each
label; these take turns until there are enough, and a photo that looks like one already chosen is left out.
"""

from __future__ import annotations

import heapq
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count, zip_longest
from pathlib import Path
from typing import Final

from mobiclass.errors import ImageError
from mobiclass.images import LOOKS_ALIKE_BITS, difference_hash
from mobiclass.library.answers import answer, photo_path
from mobiclass.results import Row, path_bytes

_KEPT_A_PHOTO: Final = 4  # candidates for each photo that is wanted: some will look alike, or be gone
_MAX_LABELS: Final = 20_000  # that the page offers


@dataclass(slots=True)
class Selection:
    """The photos to look at.

    Attributes:
        rows: their rows, each with a ``review``: the ``photo`` as a table is to name it, the ``reason`` why it is
            here, and ``more`` about it.
        labels: those that the rows name, sorted.
        seen: the number of rows that were read.
        failed: those with an error, which nobody can review.
        gone: photos that were chosen and cannot be read any more.
        unnamed: photos that were chosen and whose name no table can hold: it is not UTF-8.
        alike: photos that look like one that is there.
    """

    rows: list[Row] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    seen: int = 0
    failed: int = 0
    gone: int = 0
    unnamed: int = 0
    alike: int = 0


def select_for_review(
    rows: Iterable[Row],
    *,
    against: Iterable[Row] | None = None,
    limit: int = 200,
    per_label: int = 2,
    seed: int = 0,
    root: Path | None = None,
) -> Selection:
    """Choose at most `limit` of `rows` for a person to look at.

    Args:
        rows: the rows of predict, batch, watch or evaluate.
        against: rows of another run over the same photos, perhaps with another model.
        limit: the number of photos, at least 1.
        per_label: so many of each label are drawn at random, to find what is confidently wrong.
        seed: of that draw; the same rows give the same photos.
        root: the folder that relative paths start in; by default the current one.
    """
    pools = _Pools(limit * _KEPT_A_PHOTO, per_label, random.Random(seed))
    selection = Selection()
    labels: set[str] = set()
    others = _Answers(against) if against is not None else None
    for row in rows:
        selection.seen += 1
        if row["error"] or not row["predictions"]:
            selection.failed += bool(row["error"])
            continue
        for prediction in row["predictions"]:
            if len(labels) < _MAX_LABELS and prediction["label"]:
                labels.add(prediction["label"])
        pools.add(row, others.of(row) if others else None)
    if others:
        labels |= others.labels
    selection.labels = sorted(labels)
    _take(pools.in_turns(), selection, limit, root)
    return selection


class _Answers:
    """The first answers of another run, by a digest of the path: some 100 bytes a photo."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.labels: set[str] = set()
        self._answers: dict[bytes, tuple[str, float]] = {}
        for row in rows:
            if row["error"] or not row["predictions"]:
                continue
            name, score, _ = answer(row)
            self.labels.add(name)
            self._answers[_digest(row)] = (name, score)

    def of(self, row: Row) -> tuple[str, float] | None:
        return self._answers.get(_digest(row))


class _Pools:
    """The candidates of each kind, of which only the best are kept."""

    def __init__(self, size: int, per_label: int, draw: random.Random) -> None:
        self._size = size
        self._per_label = per_label
        self._draw = draw
        self._order = count()
        self._differing: list[tuple[float, int, Row, str]] = []
        self._unknown: list[tuple[float, int, Row, str]] = []
        self._unsure: list[tuple[float, int, Row, str]] = []
        self._of_label: dict[str, tuple[int, list[Row]]] = {}

    def add(self, row: Row, other: tuple[str, float] | None) -> None:
        name, score, kind = answer(row)
        if other and other[0] != name:
            reason = f"two answers: {name} ({score:.0%}), and {other[0]} ({other[1]:.0%}) in the other run"
            self._keep(self._differing, min(score, other[1]), row, reason)
        elif kind == "unknown":
            self._keep(self._unknown, score, row, "unknown")
        else:
            scores = [prediction["score"] for prediction in row["predictions"]]
            margin = scores[0] - (scores[1] if len(scores) > 1 else 0.0)
            self._keep(self._unsure, -margin, row, "among the least sure")
        self._sample(name, row)

    def _keep(self, pool: list[tuple[float, int, Row, str]], rank: float, row: Row, reason: str) -> None:
        entry = (rank, -next(self._order), row, reason)  # of equals, the first
        (heapq.heappush if len(pool) < self._size else heapq.heappushpop)(pool, entry)

    def _sample(self, name: str, row: Row) -> None:
        """Keep each row of a label with the same probability (reservoir sampling)."""
        seen, kept = self._of_label.get(name, (0, []))
        place = self._draw.randrange(seen + 1)
        if len(kept) < self._per_label:
            kept.append(row)
        elif place < self._per_label:
            kept[place] = row
        self._of_label[name] = (seen + 1, kept)

    def in_turns(self) -> Iterator[tuple[Row, str]]:
        """Give one of each kind in turn, the best of each first."""
        pools = [
            ((row, reason) for _, _, row, reason in sorted(pool, key=lambda entry: entry[:2], reverse=True))
            for pool in (self._differing, self._unknown, self._unsure)
        ]
        rounds = zip_longest(*(kept for _, (_, kept) in sorted(self._of_label.items())))
        sample = ((row, f"a sample of {answer(row).label}") for each in rounds for row in each if row is not None)
        for turn in zip_longest(*pools, sample):
            yield from (entry for entry in turn if entry is not None)


def _take(candidates: Iterator[tuple[Row, str]], selection: Selection, limit: int, root: Path | None) -> None:
    """Move candidates into the selection until it has `limit`, and no two that look alike."""
    chosen: dict[bytes, Row] = {}
    hashes: list[tuple[int, str, Row]] = []
    for row, reason in candidates:
        if len(selection.rows) >= limit:
            return
        key = _digest(row)
        if key in chosen:
            continue
        chosen[key] = row
        path = photo_path(row, root)
        try:
            os.fspath(path).encode("utf-8")
        except UnicodeEncodeError:
            selection.unnamed += 1
            continue
        try:
            looks = difference_hash(path)
        except ImageError:
            selection.gone += 1
            continue
        label = answer(row).label
        twin = next((each for bits, name, each in hashes if name == label and _alike(bits, looks)), None)
        if twin:
            selection.alike += 1
            twin["review"]["alike"] = twin["review"].get("alike", 0) + 1
            twin["review"]["more"] = f"{twin['review']['alike']} more that look like it are left out"
            continue
        shown = {**row, "path": os.fspath(path), "review": {"photo": _table_name(row, path, root), "reason": reason}}
        shown.pop("path_base64", None)
        hashes.append((looks, label, shown))
        selection.rows.append(shown)


def _table_name(row: Row, path: Path, root: Path | None) -> str:
    """Name a photo so that a table of labels can be used from anywhere, or from `root` where that is given."""
    if root is None:
        return str(path.absolute())
    return os.path.relpath(path, root)


def _digest(row: Row) -> bytes:
    return blake2b(os.fsencode(row["image"]) if row.get("image") else path_bytes(row), digest_size=12).digest()


def _alike(first: int, second: int) -> bool:
    return (first ^ second).bit_count() <= LOOKS_ALIKE_BITS
