"""Turns photos into the tensors that the converter calibrates on.

Photos go through the runtime's own decoding and preprocessing, so that a model is calibrated on exactly what it will
be fed on the device. Each photo gives several fixed views (crops at two scales, some mirrored). It converts nothing
and downloads nothing.
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
from mobiclass.tflite import Preprocessing, TensorSpec
from tools.dependencies import package_folder
from tools.errors import CalibrationError

FloatArray = npt.NDArray[np.float32]

# The photos that the wheels of scikit-image and scikit-learn contain as files: all that are ordinary photographs. Left
# out, because their pixel statistics are not those of photos:
#   drawn or computed:       chessboard_GRAY, chessboard_RGB, color, horse, logo, phantom, multipage, multipage_rgb
#   microscopes, telescopes: cell, ihc, microaneurysms, retina, hubble_deep_field, moon
#   nearly uniform, or tiny: clock_motion, no_time_for_that_tiny, lfw_subset
#   duplicates:              motorcycle_right (the stereo partner of motorcycle_left)
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
_MIN_DEVIATION: Final = 10.0  # standard deviation of pixels 0–255; the flattest bundled photo (text.png) has 23
_MIN_CORRELATION: Final = 0.25  # of neighbouring pixels at full size; noise has 0, grass.png 0.75


class View(NamedTuple):
    """A region of an image, in fractions of its width and height, optionally mirrored."""

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
"""Two scales: the whole image and its mirror image, its centre and its four quarters."""


def bundled_photos() -> tuple[Path, ...]:
    """Locate the calibration photos bundled with scikit-image and scikit-learn.

    Raises:
        DependencyError: one of the two is not installed.
        CalibrationError: a photo is missing from an installation.
    """
    skimage = package_folder("skimage", "scikit-image") / "data"
    sklearn = package_folder("sklearn", "scikit-learn") / "datasets" / "images"
    photos = (*(skimage / name for name in _SKIMAGE_PHOTOS), *(sklearn / name for name in _SKLEARN_PHOTOS))
    for photo in photos:
        if not photo.is_file():
            raise CalibrationError(f"{photo}: this bundled photo is missing; reinstall the package")
    return photos


def float_preprocessor(height: int, width: int, preprocessing: Preprocessing) -> Preprocessor:
    """Return the preprocessing of a float32 model: an image to (1, height, width, 3), normalized."""
    tensor = TensorSpec(name="image", shape=(1, height, width, 3), dtype="float32", quantization=None)
    return Preprocessor(tensor, preprocessing)


def calibration_samples(
    photos: Sequence[Path], preprocessor: Preprocessor, views: Sequence[View] = VIEWS
) -> list[FloatArray]:
    """Preprocess every view of every photo, in the order given.

    Raises:
        CalibrationError: there are too few photos, or one is uniform or noise.
        ImageError: a photo cannot be read.
    """
    if len(photos) < _MIN_PHOTOS:
        raise CalibrationError(f"{len(photos)} photos are too few to calibrate on; give at least {_MIN_PHOTOS}")
    return [
        preprocessor(view).astype(np.float32, copy=False)
        for photo in photos
        for view in load_views(photo, preprocessor, views)
    ]


def load_views(photo: Path, preprocessor: Preprocessor, views: Sequence[View]) -> list[Image.Image]:
    """Decode `photo` at the scale that its smallest view needs, and crop the `views`.

    Raises:
        CalibrationError: it is uniform or noise.
        ImageError: it cannot be read.
    """
    return list(_views(_load_photo(photo, preprocessor, views), views))


def samples_digest(samples: Iterable[npt.NDArray[np.generic]]) -> str:
    """Compute the SHA-256 of the samples' bytes (little-endian, C order), in hexadecimal."""
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
    """Reject images without structure, whose activations are unlike those of photos.

    Args:
        photo: for the message.
        grey: (height, width), 0–255, at full size: scaled down, every texture is noise.
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
