"""`Samples`: the photos that a model is taught, as int8 features; and their form in a taught model, for later teaching.

The features are kept as the base model's own int8 or uint8 values; those of a float model are rounded to 127 steps of
each row's largest. Teaching uses them in this form, so that it makes no difference when a photo was added.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mobiclass.errors import ModelError
from mobiclass.tflite import read_array

Int8Rows: TypeAlias = npt.NDArray[np.int8]
Float32s: TypeAlias = npt.NDArray[np.float32]

FEATURES_NAME: Final = "features.npy"
RECORD_NAME: Final = "features.json"
_FORMAT: Final = 1


class PhotoFeatures(NamedTuple):
    """The features of one photo.

    Attributes:
        sha256: of its file, in hexadecimal.
        values: (views, D); the photo as it is first, then mirrored, then its crops.
        scales: (views,) ``real = (value − zero_point) · scale``.
    """

    sha256: str
    values: Int8Rows
    scales: Float32s

    def first(self, views: int) -> PhotoFeatures:
        """Keep at most so many views."""
        return PhotoFeatures(self.sha256, self.values[:views], self.scales[:views])


@dataclass(frozen=True, eq=False)
class Samples:
    """The features of photos and their classes, in an order that depends on the photos alone.

    Attributes:
        labels: the classes' names, sorted.
        zero_point: the value that stands for 0.
        photos: the photos of each class, sorted by their SHA-256; no photo is in two classes.
    """

    labels: tuple[str, ...]
    zero_point: int
    photos: tuple[tuple[PhotoFeatures, ...], ...]

    @classmethod
    def of(cls, photos: Iterable[tuple[str, PhotoFeatures]], zero_point: int) -> Samples:
        """Sort `photos`, each with its label."""
        ranked = sorted(photos, key=lambda pair: (pair[0], pair[1].sha256))
        by_label = [
            (label, tuple(photo for _, photo in group)) for label, group in groupby(ranked, lambda pair: pair[0])
        ]
        return cls(tuple(label for label, _ in by_label), zero_point, tuple(group for _, group in by_label))

    def pairs(self) -> list[tuple[str, PhotoFeatures]]:
        """List the photos, each with its label, in their order."""
        return [(label, photo) for label, photos in zip(self.labels, self.photos, strict=True) for photo in photos]

    def without(self, labels: Iterable[str]) -> Samples:
        """Leave the classes `labels` out."""
        out = set(labels)
        return Samples.of((pair for pair in self.pairs() if pair[0] not in out), self.zero_point)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of photos of each class."""
        return {label: len(photos) for label, photos in zip(self.labels, self.photos, strict=True)}

    @property
    def width(self) -> int:
        """The number of features, D."""
        return len(self.photos[0][0].values[0])

    @cached_property
    def classes(self) -> npt.NDArray[np.intp]:
        """The class of each photo: (n,)."""
        return np.repeat(np.arange(len(self.labels)), [len(photos) for photos in self.photos])

    @cached_property
    def photo_of_row(self) -> npt.NDArray[np.intp]:
        """The number of the photo of each row, a row a view: (rows,)."""
        return np.repeat(np.arange(len(self.classes)), [len(photo.scales) for _, photo in self.pairs()])

    @cached_property
    def is_plain(self) -> npt.NDArray[np.bool_]:
        """Whether a row is that of a photo as it is: (rows,)."""
        first = np.ones(len(self.photo_of_row), np.bool_)
        first[1:] = self.photo_of_row[1:] != self.photo_of_row[:-1]
        return first

    def features(self) -> Float32s:
        """Compute the features as real numbers: (rows, D)."""
        photos = [photo for _, photo in self.pairs()]
        values = np.concatenate([photo.values for photo in photos]).astype(np.float32)
        values -= self.zero_point
        values *= np.concatenate([photo.scales for photo in photos])[:, np.newaxis]
        return values

    def members(self, about: dict[str, Any]) -> dict[str, bytes]:
        """Make the files that a taught model keeps them in; `about` says what they were made with."""
        photos = self.pairs()
        record = {
            "format": _FORMAT,
            **about,
            "zero_point": self.zero_point,
            "photos": [
                {"label": label, "sha256": photo.sha256, "scales": [float(scale) for scale in photo.scales]}
                for label, photo in photos
            ],
        }
        file = io.BytesIO()
        np.save(file, np.concatenate([photo.values for _, photo in photos]), allow_pickle=False)
        return {
            FEATURES_NAME: file.getvalue(),
            RECORD_NAME: json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8"),
        }


def read_members(features: bytes, record: bytes, file: str) -> tuple[Samples, dict[str, Any]]:
    """Read what `Samples.members` made.

    Returns:
        The samples, and what they were made with.

    Raises:
        ModelError: the files are damaged, or from a later version.
    """
    try:
        about = json.loads(record)
        if about["format"] != _FORMAT:
            raise ModelError(f"{file}: its features are of format {about['format']!r}, unknown here; update mobiclass")
        values = read_array(features)
        rows = about.pop("photos")
        scales = [np.asarray(row["scales"], np.float32) for row in rows]
        if values.dtype != np.int8 or values.ndim != 2 or len(values) != sum(map(len, scales)) or not rows:
            raise ValueError("their numbers differ")
        if not all(some.ndim == 1 and len(some) and np.isfinite(some).all() and some.min() > 0 for some in scales):
            raise ValueError("a scale is no positive number")
        ends = np.cumsum([len(some) for some in scales])
        pairs = [
            (str(row["label"]), PhotoFeatures(str(row["sha256"]), part, some))
            for row, part, some in zip(rows, np.split(values, ends[:-1]), scales, strict=True)
        ]
        "".join(text for label, photo in pairs for text in (label, photo.sha256)).encode("utf-8")
        return Samples.of(pairs, int(about.pop("zero_point"))), about
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{file}: the features of the photos that it was taught are damaged ({error})") from error


def with_views(samples: Samples, wanted: Sequence[int]) -> Samples:
    """Keep at most so many views of each photo, a number a class."""
    return replace(
        samples,
        photos=tuple(
            tuple(photo.first(views) for photo in photos) for photos, views in zip(samples.photos, wanted, strict=True)
        ),
    )
