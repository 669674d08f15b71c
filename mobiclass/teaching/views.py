"""The views of a photo that a head is fitted to: the photo as the model sees it, its mirror image, and crops.

Which crops is decided by the photo's SHA-256 and a seed, and by nothing else: not by the other photos, their order, the
number of workers or the version of NumPy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from mobiclass.images import Preprocessor, RgbImage
from mobiclass.tflite import ModelInfo

ALL_VIEWS: Final = 8
WITH_MIRROR: Final = 2
MANY_PHOTOS: Final = 20
"""A class with more photos than this has no crops: they are what a few photos lack."""

VERY_MANY_PHOTOS: Final = 200
"""A class with more photos than this has no mirror images either."""

PLAIN_SHARE: Final = 3.0
"""What a photo and its mirror image weigh against a crop, which is farther from what the model is going to see."""

_SMALLEST_AREA: Final = 0.5
_WIDEST_ASPECT: Final = 4 / 3
_STEPS: Final = 1 << 64


def view_count(photos: int) -> int:
    """Say how many views each of so many photos of a class is to have."""
    if photos > VERY_MANY_PHOTOS:
        return 1
    return WITH_MIRROR if photos > MANY_PHOTOS else ALL_VIEWS


def view_shares(views: int) -> npt.NDArray[np.float64]:
    """Give what each of a photo's views weighs; together 1."""
    shares = np.where(np.arange(views) < WITH_MIRROR, PLAIN_SHARE, 1.0)
    return np.asarray(shares / shares.sum(), np.float64)


class ViewMaker:
    """Makes the input tensors of a photo's views."""

    def __init__(self, model: ModelInfo, seed: int) -> None:
        self._plain = Preprocessor(model.input, model.preprocessing)
        self._crop = Preprocessor(model.input, replace(model.preprocessing, resize="squash"))
        self._aspect = model.width / model.height
        self._seed = seed

    def tensors(self, image: RgbImage, sha256: str, begin: int, end: int) -> Iterator[npt.NDArray[np.generic]]:
        """Yield the views from number `begin` up to `end` of an upright `image`."""
        for view in range(begin, end):
            if view < WITH_MIRROR:
                pixels, preprocessor = self._plain.pixels(image), self._plain
                mirrored = view == 1
            else:
                box, mirrored = self._box(image, sha256, view)
                pixels, preprocessor = self._crop.pixels(image.crop(box)), self._crop
            yield preprocessor.tensor(np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels)

    def _box(self, image: RgbImage, sha256: str, view: int) -> tuple[tuple[int, int, int, int], bool]:
        """Choose a crop: left, upper, right and lower in pixels, and whether it is mirrored."""
        digest = hashlib.sha512(f"{self._seed}:{sha256}:{view}".encode("ascii")).digest()
        area, aspect, left, upper, mirror = (
            int.from_bytes(digest[start : start + 8], "big") / _STEPS for start in range(0, 40, 8)
        )
        pixels = image.width * image.height * (_SMALLEST_AREA + (1 - _SMALLEST_AREA) * area)
        ratio = self._aspect * math.exp((2 * aspect - 1) * math.log(_WIDEST_ASPECT))
        width = min(image.width, max(1, round(math.sqrt(pixels * ratio))))
        height = min(image.height, max(1, round(math.sqrt(pixels / ratio))))
        x, y = round(left * (image.width - width)), round(upper * (image.height - height))
        return (x, y, x + width, y + height), mirror < 0.5
