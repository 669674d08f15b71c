"""A person's folder of photos to the crops that calibrate a model, and those held back to judge it.

No photo serves both. The split goes by the names of the files, so that it is the same tomorrow; crops that show
nothing, or the same as another, are left out. Decoding and cropping are the runtime's own.
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
_MIN_DEVIATION: Final = 5.0  # of a crop's pixels, 0–255; a clear sky has 2
_HELD_BACK: Final = 4  # every fourth photo
_MAX_JUDGES: Final = 100
_BUNDLED_JUDGES: Final = ("astronaut.png", "coffee.png", "coins.png", "china.jpg")
_MAX_TRIES: Final = 4  # photos looked at for each that is wanted, before a folder is taken for useless

# The whole photo first; its mirror image, which tells a network least that is new, last.
_CALIBRATION_VIEWS: Final = (VIEWS[0], *VIEWS[2:], VIEWS[1])
_JUDGING_VIEWS: Final = (
    *_CALIBRATION_VIEWS,
    *(View(x / 4, y / 4, 1 / 2, mirrored=(x + y) % 2 == 1) for x in range(3) for y in range(3)),
    *(View(x / 3, y / 3, 2 / 3, mirrored=x != y) for x in range(2) for y in range(2)),
)


class Crop(NamedTuple):
    """One crop: the photo that it is from, and the tensor (1, height, width, 3) that it becomes."""

    photo: Path
    tensor: FloatArray


class PhotoSplit(NamedTuple):
    """Photos to calibrate on and photos to judge by; they share none."""

    calibration: tuple[Path, ...]
    judges: tuple[Path, ...]
    bundled: bool


def find_photos(folder: Path) -> tuple[Path, ...]:
    """List the images in `folder` and its subfolders, in an order that mixes them and is always the same.

    Raises:
        CalibrationError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise CalibrationError(f"{folder}: there is no such folder of photos")
    photos = [path for path in map(Path, ImageFinder().find_in(str(folder))) if path.is_file()]
    if not photos:
        raise CalibrationError(f"{folder}: there is no photo in it or its subfolders")
    return tuple(sorted(photos, key=lambda photo: _shuffle(photo.relative_to(folder))))


def split_photos(calibration: Path | None, evaluation: Path | None = None) -> PhotoSplit:
    """Divide the photos of the folder `calibration`, or the bundled ones, into those that calibrate and judges.

    Args:
        calibration: a folder; ``None`` for the photos that scikit-image and scikit-learn carry.
        evaluation: a folder whose photos judge instead.

    Raises:
        CalibrationError: a folder is missing or empty.
    """
    bundled = calibration is None
    pool = bundled_photos() if calibration is None else find_photos(calibration)
    if evaluation is not None:
        judges = find_photos(evaluation)
        taken = {photo.resolve() for photo in judges}
        rest = tuple(photo for photo in pool if photo.resolve() not in taken)
        if rest:
            return PhotoSplit(rest, judges, bundled)
        pool = judges  # one folder for both: it is divided like any other
    if bundled:
        chosen = tuple(photo for photo in pool if photo.name in _BUNDLED_JUDGES)
    else:
        chosen = pool[:: max(_HELD_BACK, len(pool) // _MAX_JUDGES)]
    held_back = set(chosen)
    return PhotoSplit(tuple(photo for photo in pool if photo not in held_back), chosen, bundled)


def calibration_crops(photos: Sequence[Path], preprocessor: Preprocessor, samples: int) -> list[FloatArray]:
    """Make `samples` crops of `photos`, a crop of each before the second of any.

    Raises:
        CalibrationError: fewer than 20 different crops come of them.
    """
    crops = _crops(photos, preprocessor, _CALIBRATION_VIEWS, samples)
    if len(crops) < MIN_CROPS:
        raise CalibrationError(
            f"{len(crops)} distinct crops are too few to calibrate on, {MIN_CROPS} are needed: give more photos like "
            "those the model will see (uniform images, noise and copies do not count)"
        )
    return [crop.tensor for crop in crops]


def judging_crops(photos: Sequence[Path], preprocessor: Preprocessor, wanted: int = _MAX_JUDGES) -> list[Crop]:
    """Make crops of the photos that judge: what the device would see of each, and if they are few, more views.

    Raises:
        CalibrationError: none of them can be used.
    """
    crops = _crops(photos, preprocessor, _JUDGING_VIEWS, max(wanted, len(photos)))
    if not crops:
        raise CalibrationError("none of the photos held back can be used: they are unreadable, uniform or noise")
    return crops


def _crops(photos: Sequence[Path], preprocessor: Preprocessor, views: Sequence[View], wanted: int) -> list[Crop]:
    """Give up to `wanted` crops that differ: the first view of every photo, then the second, and so on."""
    views = views[: -(-wanted * 2 // max(1, len(photos)))]  # twice as many as needed, since some are left out
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
