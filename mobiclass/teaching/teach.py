"""Teaching: photos of one's own classes to a model that tells them apart.

The features of every photo by the base model, a linear head fitted to them, how well such heads do on photos that were
held out, and a rule for photos of none of the classes.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mobiclass.choices import RunOptions
from mobiclass.errors import ClassesError, SetupError
from mobiclass.teaching.base import Base, read_base
from mobiclass.teaching.blas import use_one_thread
from mobiclass.teaching.duplicates import alike_groups
from mobiclass.teaching.features import Extraction, Extractor, Photo, Progress
from mobiclass.teaching.fitting import Fitter, fit_gain
from mobiclass.teaching.head import STRENGTH, Booleans, Floats, softmax_rows
from mobiclass.teaching.held_out import HeldOut, count_held_out
from mobiclass.teaching.learning_curve import LearningCurve, learning_curve
from mobiclass.teaching.samples import PhotoFeatures, Samples, with_views
from mobiclass.teaching.suspects import Suspicions, find_suspects
from mobiclass.teaching.taught_model import Origin, read_taught, taught_content
from mobiclass.teaching.unknown import UnknownRule, fit_unknown
from mobiclass.teaching.views import ALL_VIEWS, MANY_PHOTOS, view_count
from mobiclass.tflite import ModelInfo

FEWEST_CLASSES: Final = 2


@dataclass(frozen=True)
class Lesson:
    """What is to be taught, and how.

    Attributes:
        photos: the photos, each with its label.
        base: the base model's name or path; ``None`` for the built-in one, or that of the model that is taught more.
        preprocessing: overrides what the base says of its input.
        append: a taught model whose photos are taught too.
        remove: labels of it that are not.
        seed: chooses the crops; ``None`` for 0, or that of the model that is taught more.
        run: where the base runs.
        jobs: photos at a time.
        allow_truncated: whether truncated photos count.
    """

    photos: Sequence[Photo]
    base: str | None = None
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    append: Path | None = None
    remove: Sequence[str] = ()
    seed: int | None = None
    run: RunOptions = field(default_factory=RunOptions)
    jobs: int = 1
    allow_truncated: bool = False


@dataclass(frozen=True, eq=False)
class Taught:
    """A taught model, not yet written.

    Attributes:
        content: the bytes of the ``.tflite``.
        samples: what it was taught.
        base: the base.
        origin: what the base is called, and was where a taught model is taught more.
        extraction: what became of the photos.
        left_out: photos that were not taught, and why: a line each.
        rule: when a photo is of no class; ``None`` where there are too few photos to tell.
        gain: what the logits were multiplied by, so that scores are as high as the head is right.
        held_out: how good it is, by photos that were held out; ``None`` where there are too few.
        scores: (n, C) of each photo for each class, 0 to 1, by a head that was fitted without it.
        known: (n,) for which photos there are any.
        curve: what more photos would bring; ``None`` where there are too few to tell.
        suspicions: what may be wrong with the photos.
    """

    content: bytes
    samples: Samples
    base: ModelInfo
    origin: Origin
    extraction: Extraction
    left_out: tuple[str, ...]
    rule: UnknownRule | None
    gain: float
    held_out: HeldOut | None
    scores: Floats
    known: Booleans
    curve: LearningCurve | None
    suspicions: Suspicions

    @property
    def sha256(self) -> str:
        """The SHA-256 of the model, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def choices(self) -> list[str]:
        """What was chosen, and why: a line each."""
        return _choices(self)


def teach_classes(
    lesson: Lesson,
    file: str,
    *,
    progress: Progress | None = None,
    loaded: Callable[[], None] | None = None,
    notify: Callable[[str], None] | None = None,
) -> Taught:
    """Teach a model.

    Args:
        lesson: what is to be taught.
        file: the name of the file that the model is for.
        progress: see `mobiclass.teaching.features.Progress`.
        loaded: called once the base is loaded, and the photos are next.
        notify: is told when an Edge TPU fails.

    Raises:
        ClassesError: there are fewer than two classes, or a class has no photo that can be read.
        ModelError: a model cannot be read or run, or has no features.
        SetupError: the runtime is not installed, or the device cannot be used.
    """
    use_one_thread()
    earlier, origin = _earlier(lesson)
    base, origin = _base_of(lesson, origin)
    _check_classes({photo.label for photo in lesson.photos} | set(earlier.counts if earlier else ()))
    samples, extraction, left_out = _gather(lesson, base, origin, earlier, progress, loaded, notify)
    return _fit(base, origin, samples, extraction, left_out, file)


def _earlier(lesson: Lesson) -> tuple[Samples | None, Origin | None]:
    """Read the photos that were taught before, but for the classes that are to be removed."""
    if lesson.append is None:
        return None, None
    samples, origin = read_taught(lesson.append)
    if missing := [label for label in lesson.remove if label not in samples.counts]:
        raise ClassesError(
            f"{lesson.append}: it was not taught {', '.join(map(repr, missing))}",
            [f"it was taught {', '.join(map(repr, samples.labels))}"],
        )
    if lesson.seed not in (None, origin.seed):
        raise SetupError(f"{lesson.append}: it was taught with --seed {origin.seed}, which must be the same")
    return samples.without(lesson.remove), origin


def _base_of(lesson: Lesson, origin: Origin | None) -> tuple[Base, Origin]:
    """Read the base; for a taught model the one that it was made of where that is here, else the taught model itself.

    Their features are the same.
    """
    if lesson.append is None or origin is None:
        base = read_base(lesson.base, lesson.preprocessing)
        return base, Origin(base.model.name, base.model.sha256, lesson.seed or 0)
    taught = read_base(lesson.append)
    places = [lesson.base] if lesson.base else [origin.name, str(lesson.append.with_name(f"{origin.name}.tflite"))]
    for place in places:
        try:
            base = read_base(place)
        except SetupError:
            if lesson.base:
                raise
            continue
        if base.model.sha256 == origin.sha256:
            return base._replace(model=replace(base.model, preprocessing=taught.model.preprocessing)), origin
        if lesson.base:
            raise SetupError(
                f"{base.model.path}: not the model that {lesson.append} was taught on, which is {origin.name} "
                f"({origin.sha256[:12]}…)"
            )
    return taught, origin


def _check_classes(labels: set[str]) -> None:
    if len(labels) < FEWEST_CLASSES:
        what = f"there is only {next(iter(labels))!r}" if labels else "there are none"
        raise ClassesError(f"a model needs at least {FEWEST_CLASSES} classes to tell apart; {what}")


def _gather(
    lesson: Lesson,
    base: Base,
    origin: Origin,
    earlier: Samples | None,
    progress: Progress | None,
    loaded: Callable[[], None] | None,
    notify: Callable[[str], None] | None,
) -> tuple[Samples, Extraction, tuple[str, ...]]:
    """Compute the features of the photos, and join them with those of the photos taught before."""
    extractor = Extractor(
        base, lesson.run, base_sha256=origin.sha256, seed=origin.seed, jobs=lesson.jobs,
        allow_truncated=lesson.allow_truncated, notify=notify,
    )  # fmt: skip
    try:
        if loaded:
            loaded()
        return _joined(lesson, extractor, earlier, progress)
    finally:
        extractor.close()


def _joined(
    lesson: Lesson, extractor: Extractor, earlier: Samples | None, progress: Progress | None
) -> tuple[Samples, Extraction, tuple[str, ...]]:
    known = earlier.pairs() if earlier else []
    if earlier and known and earlier.zero_point != extractor.zero_point:
        raise SetupError(f"{lesson.append}: its features are not those of this base")
    extraction = extractor.extract(lesson.photos, Counter(earlier.counts if earlier else ()), progress)
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
    if empty := sorted({photo.label for photo in lesson.photos} - set(samples.labels)):
        raise ClassesError(
            f"no photo of {', '.join(map(repr, empty))} can be taught",
            [*map(str, extraction.errors[:10]), *left_out[:10]],
        )
    return with_views(samples, [view_count(count) for count in samples.counts.values()]), extraction, tuple(left_out)


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


def _fit(
    base: Base, origin: Origin, samples: Samples, extraction: Extraction, left_out: tuple[str, ...], file: str
) -> Taught:
    fitter = Fitter(samples)
    groups = alike_groups(fitter.plain, samples.width)
    logits, known = fitter.held_out_logits(groups)
    gain = fit_gain(logits, fitter.classes, known)
    head = fitter.of_features(fitter.fit()).scaled(gain, fitter.length)
    directions = fitter.plain
    rule = fit_unknown(directions, fitter.classes, groups, fitter.count)
    if rule:
        rule = rule._replace(means=fitter.as_features(rule.means))
    held_out = count_held_out(logits, known, fitter.classes, samples.labels)
    scores = softmax_rows(logits * gain)
    curve = learning_curve(fitter, groups, held_out.right / held_out.photos, held_out.photos) if held_out else None
    suspicions = find_suspects(scores, known, fitter.classes, samples.labels)
    measured = {
        **({"cross_validation": held_out.as_json()} if held_out else {}),
        **({"learning_curve": curve.as_json()} if curve else {}),
        "suspicions": suspicions.as_json(),
    }
    content = taught_content(base, origin, samples, head, fitter.features, rule, measured, file)
    return Taught(
        content,
        samples,
        base.model,
        origin,
        extraction,
        left_out,
        rule,
        gain,
        held_out,
        scores,
        known,
        curve,
        suspicions,
    )


def _choices(taught: Taught) -> list[str]:
    views = Counter(view_count(count) for count in taught.samples.counts.values())
    lines = [
        f"base: {taught.origin.name}, {taught.samples.width} features",
        *(
            f"views: {number} a photo for {classes} classes"
            + (f", which have no more than {MANY_PHOTOS} photos" if number == ALL_VIEWS else "")
            for number, classes in sorted(views.items(), reverse=True)
        ),
        f"head: logistic regression, C = {STRENGTH:g}, classes weighed equally; logits times {taught.gain:.1f}, as "
        "photos held out want it",
    ]
    if taught.rule:
        lines.append(f"unknown: below a cosine of {taught.rule.threshold:.3f} to the nearest class mean")
    if taught.extraction.cached:
        lines.append(f"features of {taught.extraction.cached} photos were cached")
    return lines
