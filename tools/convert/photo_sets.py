"""Splits a folder of photos into calibration crops and held-out crops.

No photo is used for both. The split depends on file names, so that it is reproducible; uniform crops and duplicates are
skipped. Decoding and cropping are the runtime's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mobiclass.batch import ImageFinder
from mobiclass.errors import ImageError
from mobiclass.images import Preprocessor
from tools.errors import CalibrationError
from tools.quantization import VIEWS, View, bundled_photos, load_views

FloatArray = npt.NDArray[np.float32]

DEFAULT_SAMPLES: Final = 100
MIN_CROPS: Final = 20
_MIN_DEVIATION: Final = 5.0  # standard deviation of a crop's pixels, 0–255; a clear sky has 2
_HELD_OUT: Final = 4  # every fourth photo
_MAX_HELD_OUT: Final = 100
_BUNDLED_HELD_OUT: Final = ("astronaut.png", "coffee.png", "coins.png", "china.jpg")
_MAX_TRIES: Final = 4  # photos read for each one wanted, before giving up on a folder

# The whole photo first; its mirror image, which adds the least information, last.
_CALIBRATION_VIEWS: Final = (VIEWS[0], *VIEWS[2:], VIEWS[1])
_HELD_OUT_VIEWS: Final = (
    *_CALIBRATION_VIEWS,
    *(View(x / 4, y / 4, 1 / 2, mirrored=(x + y) % 2 == 1) for x in range(3) for y in range(3)),
    *(View(x / 3, y / 3, 2 / 3, mirrored=x != y) for x in range(2) for y in range(2)),
)


class Crop(NamedTuple):
    """A crop of a photo, as a normalized tensor (1, height, width, 3)."""

    photo: Path
    tensor: FloatArray


class PhotoSplit(NamedTuple):
    """Disjoint sets of photos: to calibrate on, and held out for the gate."""

    calibration: tuple[Path, ...]
    held_out: tuple[Path, ...]
    bundled: bool


def find_photos(folder: Path) -> tuple[Path, ...]:
    """List the images in `folder` and its subfolders, in a shuffled but reproducible order.

    Raises:
        CalibrationError: the folder does not exist or contains no image.
    """
    if not folder.is_dir():
        raise CalibrationError(f"{folder}: the folder does not exist")
    photos = [path for path in map(Path, ImageFinder().find_in(str(folder))) if path.is_file()]
    if not photos:
        raise CalibrationError(f"{folder}: the folder and its subfolders contain no photo")
    return tuple(sorted(photos, key=lambda photo: _shuffle(photo.relative_to(folder))))


def split_photos(calibration: Path | None, evaluation: Path | None = None) -> PhotoSplit:
    """Split the photos of the folder `calibration`, or the bundled ones.

    Args:
        calibration: a folder; ``None`` for the photos bundled with scikit-image and scikit-learn.
        evaluation: a folder of photos to hold out instead.

    Raises:
        CalibrationError: a folder is missing or empty.
    """
    bundled = calibration is None
    pool = bundled_photos() if calibration is None else find_photos(calibration)
    if evaluation is not None:
        held_out = find_photos(evaluation)
        taken = {photo.resolve() for photo in held_out}
        rest = tuple(photo for photo in pool if photo.resolve() not in taken)
        if rest:
            return PhotoSplit(rest, held_out, bundled)
        pool = held_out  # the same folder for both: split it like any other
    if bundled:
        held_out = tuple(photo for photo in pool if photo.name in _BUNDLED_HELD_OUT)
    else:
        held_out = pool[:: max(_HELD_OUT, len(pool) // _MAX_HELD_OUT)]
    excluded = set(held_out)
    return PhotoSplit(tuple(photo for photo in pool if photo not in excluded), held_out, bundled)


def calibration_crops(photos: Sequence[Path], preprocessor: Preprocessor, samples: int) -> list[FloatArray]:
    """Make `samples` crops of `photos`: one of each before a second one of any.

    Raises:
        CalibrationError: they give fewer than 20 distinct crops.
    """
    crops = _crops(photos, preprocessor, _CALIBRATION_VIEWS, samples)
    if len(crops) < MIN_CROPS:
        raise CalibrationError(
            f"{len(crops)} distinct crops are too few to calibrate on, {MIN_CROPS} are needed: give more photos like "
            "those the model will be used on (uniform images, noise and duplicates do not count)"
        )
    return [crop.tensor for crop in crops]


def held_out_crops(photos: Sequence[Path], preprocessor: Preprocessor, wanted: int = _MAX_HELD_OUT) -> list[Crop]:
    """Make crops of held-out photos: the whole view of each, and more views if there are few photos.

    Raises:
        CalibrationError: none of them can be used.
    """
    crops = _crops(photos, preprocessor, _HELD_OUT_VIEWS, max(wanted, len(photos)))
    if not crops:
        raise CalibrationError("none of the held-out photos can be used: they are unreadable, uniform or noise")
    return crops


def _crops(photos: Sequence[Path], preprocessor: Preprocessor, views: Sequence[View], wanted: int) -> list[Crop]:
    """Make up to `wanted` distinct crops: the first view of every photo, then the second, and so on."""
    views = views[: -(-wanted * 2 // max(1, len(photos)))]  # twice as many as needed, since some are skipped
    columns: list[list[Crop]] = []
    seen: set[bytes] = set()
    for photo in photos[: wanted * _MAX_TRIES]:
        column = list(_usable(photo, preprocessor, views, seen))
        if column:
            columns.append(column)
        if len(columns) >= wanted:
            break
    depth = max(map(len, columns), default=0)
    rows = (column[row] for row in range(depth) for column in columns if row < len(column))
    return [crop for crop, _ in zip(rows, range(wanted), strict=False)]


def _usable(photo: Path, preprocessor: Preprocessor, views: Sequence[View], seen: set[bytes]) -> Iterator[Crop]:
    try:
        images = load_views(photo, preprocessor, views)
    except (ImageError, CalibrationError):
        return
    for image in images:
        pixels = preprocessor.pixels(image)
        digest = hashlib.blake2b(pixels.tobytes()).digest()
        if digest not in seen and pixels.std() >= _MIN_DEVIATION:
            seen.add(digest)
            yield Crop(photo, preprocessor(image).astype(np.float32, copy=False))


def _shuffle(path: Path) -> tuple[bytes, str]:
    return hashlib.blake2b(path.as_posix().encode(errors="surrogateescape")).digest(), path.as_posix()
