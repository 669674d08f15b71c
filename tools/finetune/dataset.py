"""A folder of class folders to the photos that train and the photos that validate: `find_photos`.

Which of the two a photo does is decided by its content alone: neither its name, nor the other photos, nor a seed
change it, so that a model which is trained again on more photos is still judged on none that it has learned from.
It decodes every photo once, to refuse bad ones before the work begins, and keeps none.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass.batch import ImageFinder
from mobiclass.errors import ImageError
from mobiclass.images import load_image
from tools.errors import TrainingDataError

MIN_PHOTOS: Final = 8
"""Photos that a class needs at least: with fewer, validation says nothing."""

_MAX_NAMED: Final = 5  # bad photos that a message lists
_HASH_BITS: Final = 64


class Photo(NamedTuple):
    """A photo, and the index of its class."""

    path: Path
    label: int
    digest: str


class TrainingPhotos(NamedTuple):
    """What to learn from.

    Attributes:
        labels: the names of the class folders, sorted; a class's index is its place.
        training: the photos to learn from, by class and path.
        validation: the photos to judge by; at least one a class.
    """

    labels: tuple[str, ...]
    training: tuple[Photo, ...]
    validation: tuple[Photo, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 over labels and photos, whatever the files' names: two sets that train alike share it."""
        digest = hashlib.sha256("\n".join(self.labels).encode())
        for part in (self.training, self.validation):
            digest.update("".join(sorted(f"{photo.label} {photo.digest}\n" for photo in part)).encode() + b"\0")
        return digest.hexdigest()

    def class_weights(self) -> list[float]:
        """Give each class the weight with which all classes count alike: photos / (classes · photos of the class)."""
        counts = [0] * len(self.labels)
        for photo in self.training:
            counts[photo.label] += 1
        return [len(self.training) / (len(self.labels) * count) for count in counts]


def find_photos(folder: Path, *, validation: float = 0.2) -> TrainingPhotos:
    """Find the photos ``folder/<class>/<image>`` (and in folders below), and split them.

    Args:
        folder: holds a folder for each class.
        validation: the part of the photos to be kept for validation, over 0 and under 1.

    Raises:
        TrainingDataError: there are no class folders, or one alone; a class has too few photos; a photo cannot be
            decoded, or stands in two classes.
    """
    labels = _class_names(folder)
    finder = ImageFinder()  # one for all: a photo counts once, however many links lead to it
    files = {label: _files(finder, folder / label) for label in labels}
    few = [f"{label} ({len(paths)})" for label, paths in files.items() if len(paths) < MIN_PHOTOS]
    if few:
        raise TrainingDataError(f"{folder}: every class needs at least {MIN_PHOTOS} photos; too few: {_some(few)}")
    by_class = _read(folder, list(files.values()))
    training: list[Photo] = []
    judging: list[Photo] = []
    for photos in by_class:
        learn, judge = _split(photos, validation)
        training += learn
        judging += judge
    return TrainingPhotos(labels, tuple(training), tuple(judging))


def lay_out(photos: Iterable[Photo], labels: Sequence[str], folder: Path) -> None:
    """Put links to `photos` (copies where the system has no links) into ``folder/<class>/``, named by content."""
    for photo in photos:
        place = folder / labels[photo.label] / f"{photo.digest}{photo.path.suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.symlink_to(photo.path.resolve())
        except OSError:
            shutil.copyfile(photo.path, place)


def _class_names(folder: Path) -> tuple[str, ...]:
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise TrainingDataError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if len(names) < 2:
        found = f"only one, {names[0]!r}" if names else "none"
        raise TrainingDataError(f"{folder}: needs a folder of photos for each of two or more classes; there is {found}")
    for name in names:
        if not name.isprintable() or not name.strip():
            raise TrainingDataError(f"{folder}: the folder {name!r} cannot be a label; give it a name that can be read")
    return tuple(names)


def _files(finder: ImageFinder, folder: Path) -> list[Path]:
    return sorted(Path(path) for path in finder.find_in(str(folder)))


def _read(folder: Path, files: Sequence[Sequence[Path]]) -> list[list[Photo]]:
    """Decode every photo, and leave out the second of two that are the same."""
    seen: dict[str, Photo] = {}
    bad: list[str] = []
    by_class: dict[int, list[Photo]] = defaultdict(list)
    for label, path in ((label, path) for label, paths in enumerate(files) for path in paths):
        try:
            load_image(path, min_height=1, min_width=1)  # a JPEG at an eighth of its scale: enough to find damage
            photo = Photo(path, label, hashlib.sha256(path.read_bytes()).hexdigest())
        except (ImageError, OSError) as error:
            bad.append(str(error))
            continue
        first = seen.setdefault(photo.digest, photo)
        if first.label != label:
            raise TrainingDataError(f"{path}: the same photo stands in another class, as {first.path}")
        if first is photo:
            by_class[label].append(photo)
    if bad:
        raise TrainingDataError(f"{folder}: {len(bad)} photos cannot be read; mend or remove them: {_some(bad)}")
    for label, paths in enumerate(files):
        if len(by_class[label]) < MIN_PHOTOS:
            raise TrainingDataError(
                f"{paths[0].parent}: {len(by_class[label])} different photos are too few; give at least {MIN_PHOTOS}"
            )
    return [by_class[label] for label in range(len(files))]


def _split(photos: Sequence[Photo], validation: float) -> tuple[list[Photo], list[Photo]]:
    """Split the photos of a class by the hash of their content; neither side is left empty."""
    ranked = sorted(photos, key=lambda photo: photo.digest)
    under = sum(_fraction(photo) < validation for photo in photos)
    judging = set(ranked[: min(max(under, 1), len(photos) - 1)])
    return [photo for photo in photos if photo not in judging], [photo for photo in photos if photo in judging]


def _fraction(photo: Photo) -> float:
    return int(photo.digest[: _HASH_BITS // 4], 16) / float(1 << _HASH_BITS)


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f"; and {len(listed) - _MAX_NAMED} more" if len(listed) > _MAX_NAMED else ""
    return "; ".join(listed[:_MAX_NAMED]) + more
