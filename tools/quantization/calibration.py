"""Photos to the tensors that a converter calibrates on.

Every photo goes through the runtime's own decoding and preprocessing, so that a model is calibrated on exactly
what the device will feed it. From one photo come several views (crops at two scales, some mirrored), always the
same ones. It converts nothing and downloads nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from mobiclass.images import Preprocessor, load_image
from tools.dependencies import package_folder
from tools.errors import CalibrationError

# The photos that the wheels of scikit-image and scikit-learn carry as files: all of them that show the world as a
# camera sees it. Left out, because their pixels are distributed as no photo's are:
#   drawn or computed:       chessboard_GRAY, chessboard_RGB, color, horse, logo, phantom, multipage, multipage_rgb
#   microscopes, telescopes: cell, ihc, microaneurysms, retina, hubble_deep_field, moon
#   nearly uniform, or tiny: clock_motion, no_time_for_that_tiny, lfw_subset
#   the same scene again:    motorcycle_right (the other eye of motorcycle_left)
_SKIMAGE_PHOTOS: Final = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "motorcycle_left.png",
    "page.png",
    "rocket.jpg",
    "text.png",
)
_SKLEARN_PHOTOS: Final = ("china.jpg", "flower.jpg")

_MIN_PHOTOS: Final = 8
_MIN_DEVIATION: Final = 10.0  # of the pixels' 0–255, over the photo; the flattest bundled one (text.png) has 23
_MIN_CORRELATION: Final = 0.25  # of neighbouring pixels at the file's scale; noise has 0, grass.png 0.75


class View(NamedTuple):
    """A part of an image, in fractions of its width and height, and whether it is mirrored."""

    left: float
    upper: float
    extent: float
    mirrored: bool


VIEWS: Final = (
    View(0, 0, 1, mirrored=False),
    View(0, 0, 1, mirrored=True),
    View(1 / 4, 1 / 4, 1 / 2, mirrored=False),
    View(0, 0, 1 / 2, mirrored=True),
    View(1 / 2, 0, 1 / 2, mirrored=False),
    View(0, 1 / 2, 1 / 2, mirrored=False),
    View(1 / 2, 1 / 2, 1 / 2, mirrored=True),
)
"""What is far and what is near: the whole image and its mirror image, its middle and its four quarters."""


def bundled_photos() -> tuple[Path, ...]:
    """Find the calibration photos that scikit-image and scikit-learn carry.

    Raises:
        DependencyError: one of the two is not installed.
        CalibrationError: an installation lacks a photo.
    """
    skimage = package_folder("skimage", "scikit-image") / "data"
    sklearn = package_folder("sklearn", "scikit-learn") / "datasets" / "images"
    photos = (*(skimage / name for name in _SKIMAGE_PHOTOS), *(sklearn / name for name in _SKLEARN_PHOTOS))
    for photo in photos:
        if not photo.is_file():
            raise CalibrationError(f"{photo}: this bundled photo is missing; install the package's wheel anew")
    return photos


def calibration_samples(
    photos: Sequence[Path], preprocessor: Preprocessor, views: Sequence[View] = VIEWS
) -> list[npt.NDArray[np.generic]]:
    """Turn every view of every photo into a tensor of the `preprocessor`, in the order given.

    Raises:
        CalibrationError: there are too few photos, or one shows nothing (uniform) or noise.
        ImageError: a photo cannot be read.
    """
    if len(photos) < _MIN_PHOTOS:
        raise CalibrationError(f"{len(photos)} photos are too few to calibrate on; give at least {_MIN_PHOTOS}")
    return [preprocessor(view) for photo in photos for view in load_views(photo, preprocessor, views)]


def load_views(photo: Path, preprocessor: Preprocessor, views: Sequence[View]) -> list[Image.Image]:
    """Decode `photo` at the scale that its smallest view needs, and cut the `views` out of it.

    Raises:
        CalibrationError: it shows nothing (uniform) or noise.
        ImageError: it cannot be read.
    """
    return list(_views(_load_photo(photo, preprocessor, views), views))


def samples_digest(samples: Iterable[npt.NDArray[np.generic]]) -> str:
    """Compute the SHA-256 over the samples' bytes (little-endian, C order), in hexadecimal."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(np.ascontiguousarray(sample, dtype=sample.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _load_photo(photo: Path, preprocessor: Preprocessor, views: Sequence[View]) -> Image.Image:
    smallest = min(view.extent for view in views)
    image = load_image(
        photo,
        min_height=round(preprocessor.min_height / smallest),
        min_width=round(preprocessor.min_width / smallest),
    )
    _check_photo(photo, np.asarray(image.convert("L"), dtype=np.float64))
    return image


def _check_photo(photo: Path, grey: npt.NDArray[np.float64]) -> None:
    """Refuse what has no structure: its activations are nothing like those of photos.

    Args:
        photo: for the message.
        grey: (height, width), 0–255, at the scale of the file: smaller, every texture is noise.
    """
    if grey.std() < _MIN_DEVIATION:
        raise CalibrationError(f"{photo}: is nearly uniform; calibrate on photos like those the model will see")
    deviation = grey - grey.mean()
    if (deviation[:, :-1] * deviation[:, 1:]).mean() < _MIN_CORRELATION * grey.var():
        raise CalibrationError(f"{photo}: looks like noise; calibrate on photos like those the model will see")


def _views(image: Image.Image, views: Sequence[View]) -> Iterator[Image.Image]:
    for view in views:
        left, upper = round(view.left * image.width), round(view.upper * image.height)
        right = left + round(view.extent * image.width)
        lower = upper + round(view.extent * image.height)
        cropped = image.crop((left, upper, min(right, image.width), min(lower, image.height)))
        yield cropped.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if view.mirrored else cropped
