"""Splits a folder of class folders into training and validation photos: `find_photos`.

Only a photo's content decides which set it is in, not its name, the other photos or a seed: a model that is retrained
on more photos is never validated on photos that it was trained on. Every photo is decoded once, so that unreadable
ones are reported before training starts.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass.batch import ImageFinder
from mobiclass.errors import ImageError
from mobiclass.evaluation import names_of_other_things, read_labelled_photos
from mobiclass.images import load_image
from tools.errors import TrainingDataError

MIN_PHOTOS: Final = 8
"""The minimum number of photos per class: with fewer, validation is meaningless."""

_MAX_NAMED: Final = 5  # items listed in a message
_HASH_BITS: Final = 64


class Photo(NamedTuple):
    """A photo, the index of its class, and the SHA-256 of its content."""

    path: Path
    label: int
    digest: str


class TrainingPhotos(NamedTuple):
    """A data set.

    Attributes:
        labels: the names of the class folders, sorted; the position is the class index.
        training: the training photos, by class and path.
        validation: the validation photos; at least one per class.
    """

    labels: tuple[str, ...]
    training: tuple[Photo, ...]
    validation: tuple[Photo, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of labels and photos, independent of file names."""
        digest = hashlib.sha256("\n".join(self.labels).encode())
        for part in (self.training, self.validation):
            digest.update("".join(sorted(f"{photo.label} {photo.digest}\n" for photo in part)).encode() + b"\0")
        return digest.hexdigest()

    def class_weights(self) -> list[float]:
        """Return the balanced weight of each class: photos / (classes · photos of the class)."""
        counts = [0] * len(self.labels)
        for photo in self.training:
            counts[photo.label] += 1
        return [len(self.training) / (len(self.labels) * count) for count in counts]


def find_photos(folder: Path, *, truth: Path | None = None, validation: float = 0.2) -> TrainingPhotos:
    """Find the photos in ``folder/<class>/`` and its subfolders, or those of a table, and split them.

    Args:
        folder: contains a folder for each class, or is where the paths of `truth` start.
        truth: a table ``photo,label``; photos labelled ``none`` or ``unknown``, which are of no class, are left out.
        validation: the fraction of the photos for validation, between 0 and 1.

    Raises:
        TrainingDataError: there are fewer than two classes; a class has too few photos; a photo cannot be decoded, or
            is in two classes.
        SetupError: the table cannot be read, or names no photo that is there.
    """
    files = _in_class_folders(folder) if truth is None else _of_table(folder, truth)
    labels = tuple(files)
    few = [f"{label} ({len(paths)})" for label, paths in files.items() if len(paths) < MIN_PHOTOS]
    if few:
        raise TrainingDataError(f"{folder}: every class needs at least {MIN_PHOTOS} photos; too few: {_some(few)}")
    by_class = _read(folder, files)
    training: list[Photo] = []
    held_out: list[Photo] = []
    for photos in by_class:
        training_part, validation_part = _split(photos, validation)
        training += training_part
        held_out += validation_part
    return TrainingPhotos(labels, tuple(training), tuple(held_out))


def lay_out(photos: Iterable[Photo], labels: Sequence[str], folder: Path) -> None:
    """Link `photos` into ``folder/<class>/``, named by content; copy them where links are not supported."""
    for photo in photos:
        place = folder / labels[photo.label] / f"{photo.digest}{photo.path.suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.symlink_to(photo.path.resolve())
        except OSError:
            shutil.copyfile(photo.path, place)


def _in_class_folders(folder: Path) -> dict[str, list[Path]]:
    finder = ImageFinder()  # one for all classes: a photo counts once, however many links point to it
    return {label: sorted(map(Path, finder.find_in(str(folder / label)))) for label in _class_names(folder)}


def _of_table(folder: Path, truth: Path) -> dict[str, list[Path]]:
    photos = read_labelled_photos(str(folder), truth)
    others = names_of_other_things(photos.names, None)
    labels = [name for name in photos.names if name not in others]
    if len(labels) < 2:
        raise TrainingDataError(f"{truth}: needs photos of two or more classes; found {_some(labels) or 'none'}")
    return {label: sorted(map(Path, photos.paths([label]))) for label in labels}


def _class_names(folder: Path) -> tuple[str, ...]:
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise TrainingDataError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if len(names) < 2:
        found = f"only one, {names[0]!r}" if names else "none"
        raise TrainingDataError(f"{folder}: needs a folder of photos for each of two or more classes; found {found}")
    for name in names:
        if not name.isprintable() or not name.strip():
            raise TrainingDataError(f"{folder}: the folder name {name!r} cannot be a label; give it a printable name")
    return tuple(names)


def _read(folder: Path, files: Mapping[str, Sequence[Path]]) -> list[list[Photo]]:
    """Decode every photo, and skip duplicates."""
    seen: dict[str, Photo] = {}
    bad: list[str] = []
    by_class: dict[int, list[Photo]] = defaultdict(list)
    for label, path in ((label, path) for label, paths in enumerate(files.values()) for path in paths):
        try:
            load_image(path, min_height=1, min_width=1)  # JPEGs at 1/8 scale: enough to detect damage
            photo = Photo(path, label, hashlib.sha256(path.read_bytes()).hexdigest())
        except (ImageError, OSError) as error:
            bad.append(str(error))
            continue
        first = seen.setdefault(photo.digest, photo)
        if first.label != label:
            raise TrainingDataError(f"{path}: the same photo is in another class, as {first.path}")
        if first is photo:
            by_class[label].append(photo)
    if bad:
        raise TrainingDataError(f"{folder}: {len(bad)} photos cannot be read; repair or remove them: {_some(bad)}")
    for label, name in enumerate(files):
        if len(by_class[label]) < MIN_PHOTOS:
            raise TrainingDataError(
                f"{folder}: {len(by_class[label])} different photos of {name!r} are too few; {MIN_PHOTOS} are needed"
            )
    return [by_class[label] for label in range(len(files))]


def _split(photos: Sequence[Photo], validation: float) -> tuple[list[Photo], list[Photo]]:
    """Split the photos of a class by the hash of their content; neither part is empty."""
    ranked = sorted(photos, key=lambda photo: photo.digest)
    under = sum(_fraction(photo) < validation for photo in photos)
    held_out = set(ranked[: min(max(under, 1), len(photos) - 1)])
    return [photo for photo in photos if photo not in held_out], [photo for photo in photos if photo in held_out]


def _fraction(photo: Photo) -> float:
    return int(photo.digest[: _HASH_BITS // 4], 16) / float(1 << _HASH_BITS)


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f"; and {len(listed) - _MAX_NAMED} more" if len(listed) > _MAX_NAMED else ""
    return "; ".join(listed[:_MAX_NAMED]) + more
