"""The photos of a lesson and those taught before, as samples: each photo once, and none that is in two classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from mobiclass.errors import ClassesError, SetupError
from mobiclass.teaching.features import Extraction, Extractor, Photo, Progress
from mobiclass.teaching.samples import PhotoFeatures, Samples, with_views
from mobiclass.teaching.views import view_count


class Gathered(NamedTuple):
    """What there is to be taught.

    Attributes:
        samples: the photos' features.
        extraction: what became of the new photos.
        left_out: photos that are not taught, and why: a line each.
    """

    samples: Samples
    extraction: Extraction
    left_out: tuple[str, ...]


def gather(
    photos: Sequence[Photo], extractor: Extractor, earlier: Samples | None = None, progress: Progress | None = None
) -> Gathered:
    """Compute the features of `photos`, and join them with those of the photos taught before.

    Raises:
        ClassesError: a class has no photo that can be taught.
        SetupError: the earlier features are not of this base.
        ModelError: the model cannot be run.
    """
    known = earlier.pairs() if earlier else []
    if earlier and known and (earlier.zero_point, earlier.width) != (extractor.zero_point, extractor.width):
        raise SetupError("the features that were taught before are not those of this base; teach anew")
    extraction = extractor.extract(photos, Counter(earlier.counts if earlier else ()), progress)
    kept, left_out = _distinct(extraction, known)
    # Of a class that turns out to have few photos, after all, more views are wanted.
    sizes = Counter(label for label, _ in kept)
    short = {photo.sha256 for label, photo in kept if len(photo.scales) < view_count(sizes[label])} - {
        photo.sha256 for _, photo in known
    }
    if short:
        again = extractor.extract([photo for photo, found in extraction.found if found.sha256 in short], Counter())
        better = {found.sha256: found for _, found in again.found}
        kept = [(label, better.get(photo.sha256, photo)) for label, photo in kept]
    samples = Samples.of(kept, extractor.zero_point)
    wanted = {photo.label for photo in photos} | {label for label, _ in known}
    if empty := sorted(wanted - set(samples.labels)):
        raise ClassesError(
            f"no photo of {', '.join(map(repr, empty))} can be taught",
            [*map(str, extraction.errors[:10]), *left_out[:10]],
        )
    samples = with_views(samples, [view_count(count) for count in samples.counts.values()])
    return Gathered(samples, extraction, tuple(left_out))


def _distinct(
    extraction: Extraction, earlier: Sequence[tuple[str, PhotoFeatures]]
) -> tuple[list[tuple[str, PhotoFeatures]], list[str]]:
    """Take each photo once, and none that is in two classes; say which were left out."""
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for label, features in earlier:
        labels[features.sha256].add(label)
    taught = set(labels)
    for photo, features in extraction.found:
        labels[features.sha256].add(photo.label)
    kept = [(label, features) for label, features in earlier if len(labels[features.sha256]) == 1]
    left_out = []
    seen: set[str] = set()
    for photo, features in extraction.found:
        if len(of := labels[features.sha256]) > 1:
            both = " and ".join(map(repr, sorted(of)))
            left_out.append(f"{photo.path}: the same photo is in {both}; it is taught as neither")
        elif features.sha256 in seen:
            left_out.append(f"{photo.path}: a copy of another photo of {photo.label!r}; it counts once")
        elif features.sha256 not in taught:
            kept.append((photo.label, features))
        seen.add(features.sha256)
    return kept, left_out
