"""The rows of a teaching report: each photo with what a head that has not seen it says, the most suspicious first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mobiclass.results import Row, path_fields, printable_utf8
from mobiclass.teaching.teach import Taught

_PREDICTIONS: Final = 5


def report_rows(taught: Taught) -> Iterator[Row]:
    """Make a row of each photo that was taught now: photos that look mislabelled, other mistakes, the rest, the broken.

    Their truth is the class that they were given, their predictions are those of a head fitted without them.
    """
    paths = {features.sha256: photo.path for photo, features in taught.gathered.extraction.found}
    photos = [features.sha256 for _, features in taught.gathered.samples.pairs()]
    suspects = [suspect.photo for suspect in taught.fitted.suspicions.photos]
    others = sorted(
        set(range(len(photos))) - set(suspects),
        key=lambda place: (_is_right(taught, place), -float(taught.fitted.scores[place].max())),
    )
    for place in (*suspects, *others):
        if photos[place] in paths and taught.fitted.known[place]:
            yield _row(taught, place, paths[photos[place]])
    for error in taught.gathered.extraction.errors:
        yield {
            **path_fields(error.path or ""),
            "predictions": [],
            "model": printable_utf8(taught.origin.name),
            "error": {"type": "ImageError", "kind": error.kind, "message": printable_utf8(error.reason)},
        }


def _is_right(taught: Taught, place: int) -> bool:
    return bool(taught.fitted.scores[place].argmax() == taught.gathered.samples.classes[place])


def _row(taught: Taught, place: int, path: str) -> Row:
    labels, scores = taught.gathered.samples.labels, taught.fitted.scores[place]
    truth = int(taught.gathered.samples.classes[place])
    return {
        **path_fields(path),
        "predictions": [
            {"index": int(index), "label": labels[index], "score": round(float(scores[index]), 4)}
            for index in (-scores).argsort(kind="stable")[:_PREDICTIONS]
        ],
        "model": printable_utf8(f"{taught.origin.name}, taught"),
        "error": None,
        "truth": {"index": truth, "label": labels[truth]},
    }
