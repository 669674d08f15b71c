"""Teaching: photos of one's own classes to a model that tells them apart.

The features of every photo by the base model, a linear head fitted to them, how well such heads do on photos that were
held out, and a rule for photos of none of the classes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mobiclass.choices import RunOptions
from mobiclass.errors import ClassesError, SetupError
from mobiclass.results import printable_utf8
from mobiclass.teaching.base import Base, read_base
from mobiclass.teaching.blas import use_one_thread
from mobiclass.teaching.class_names import class_labels
from mobiclass.teaching.features import Extractor, Photo, Progress
from mobiclass.teaching.fitted import Fitted, fit_samples
from mobiclass.teaching.gathering import Gathered, gather
from mobiclass.teaching.head import STRENGTH
from mobiclass.teaching.samples import Samples
from mobiclass.teaching.taught_model import Origin, read_taught, taught_content
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
        base: the base.
        origin: what the base is called, and was where a taught model is taught more.
        gathered: what it was taught, and what became of the photos.
        fitted: its head and its rule, and how good it is.
    """

    content: bytes
    base: ModelInfo
    origin: Origin
    gathered: Gathered
    fitted: Fitted

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
    gathered = _gather(lesson, base, origin, earlier, progress, loaded, notify)
    return _finish(base, origin, gathered, file)


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
        return base, Origin(printable_utf8(base.model.name), base.model.sha256, lesson.seed or 0)
    taught = read_base(lesson.append)
    places = [lesson.base] if lesson.base else _places(origin.name, lesson.append)
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


def _places(name: str, beside: Path) -> list[str]:
    """List where the base `name` may be; a name that leads elsewhere is not a model's, whoever wrote it."""
    if not name or Path(name).name != name or "\0" in name:
        return []
    return [name, str(beside.with_name(f"{name}.tflite"))]


def _check_classes(labels: set[str]) -> None:
    if len(labels) < FEWEST_CLASSES:
        what = f"there is only {next(iter(labels))!r}" if labels else "there are none"
        raise ClassesError(f"a model needs at least {FEWEST_CLASSES} classes to tell apart; {what}")
    class_labels(sorted(labels))  # new ones may be those taught before but for case


def _gather(
    lesson: Lesson,
    base: Base,
    origin: Origin,
    earlier: Samples | None,
    progress: Progress | None,
    loaded: Callable[[], None] | None,
    notify: Callable[[str], None] | None,
) -> Gathered:
    """Gather the photos; the interpreters are gone afterwards, which are most of the memory."""
    extractor = Extractor(
        base, lesson.run, base_sha256=base.model.sha256, seed=origin.seed, jobs=lesson.jobs,
        allow_truncated=lesson.allow_truncated, notify=notify,
    )  # fmt: skip
    try:
        if loaded:
            loaded()
        return gather(lesson.photos, extractor, earlier, progress)
    finally:
        extractor.close()


def _finish(base: Base, origin: Origin, gathered: Gathered, file: str) -> Taught:
    fitted = fit_samples(gathered.samples)
    content = taught_content(base, origin, gathered.samples, fitted, file)
    return Taught(content, base.model, origin, gathered, fitted)


def _choices(taught: Taught) -> list[str]:
    views = Counter(view_count(count) for count in taught.gathered.samples.counts.values())
    lines = [
        f"base: {taught.origin.name}, {taught.gathered.samples.width} features",
        *(
            f"views: {number} a photo for {classes} classes"
            + (f", which have no more than {MANY_PHOTOS} photos" if number == ALL_VIEWS else "")
            for number, classes in sorted(views.items(), reverse=True)
        ),
        f"head: logistic regression, C = {STRENGTH:g}, classes weighed equally; logits times "
        f"{taught.fitted.gain:.1f}, as photos held out want it",
    ]
    if taught.fitted.rule:
        lines.append(f"unknown: below a cosine of {taught.fitted.rule.threshold:.3f} to the nearest class mean")
    if taught.gathered.extraction.cached:
        lines.append(f"features of {taught.gathered.extraction.cached} photos were cached")
    return lines
