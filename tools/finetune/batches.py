"""Loads photos in batches for training and validation.

Photos are decoded and preprocessed as on the device. Training photos are randomly cropped, mirrored, and changed in
brightness and contrast first. The random numbers depend only on the seed, the epoch and the photo's index, so that a
resumed run continues as if it had not been interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from mobiclass._system import available_cores
from mobiclass.images import Preprocessor, load_image
from tools.finetune.dataset import Photo

FloatArray = npt.NDArray[np.float32]

_SMALLEST_CROP: Final = 0.7  # of the photo's width and height
_JITTER: Final = 0.25  # of brightness and contrast, up or down
_CACHE_BYTES: Final = 1 << 30


class Batch(NamedTuple):
    """A batch of photos.

    Attributes:
        inputs: float32 (photos, height, width, 3), normalized.
        labels: int64 (photos,), class indices.
    """

    inputs: FloatArray
    labels: npt.NDArray[np.int64]


class Photos:
    """A set of photos that is iterated over in batches, epoch after epoch."""

    def __init__(self, photos: Sequence[Photo], preprocessor: Preprocessor, *, batch_size: int) -> None:
        """Use `photos`, which are decoded when first needed."""
        self._photos = photos
        self._preprocessor = preprocessor
        self._batch_size = batch_size
        self._decoded: dict[int, Image.Image] = {}
        self._cached_bytes = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return ceil(len(self._photos) / self._batch_size)

    def validation_batches(self) -> Iterator[Batch]:
        """Yield every photo once, in order and without augmentation."""
        yield from self._batches(range(len(self._photos)), None)

    def training_batches(self, seed: int, epoch: int, *, flip: bool) -> Iterator[Batch]:
        """Yield every photo, shuffled and augmented as `seed` and `epoch` determine.

        The last batch is filled up with photos of the first.

        Args:
            seed: the seed of the run.
            epoch: the number of the epoch.
            flip: whether photos may be mirrored; not for text or road signs.
        """
        order = np.random.default_rng([seed, epoch]).permutation(len(self._photos))
        # A small last batch would have the weight of a full one, and be compiled separately.
        order = np.resize(order, len(self) * self._batch_size)
        yield from self._batches([int(index) for index in order], (seed, epoch, flip))

    def _batches(self, order: Sequence[int], augmentation: tuple[int, int, bool] | None) -> Iterator[Batch]:
        parts = [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]
        with ThreadPoolExecutor(available_cores()) as pool:

            def submit(part: Sequence[int]) -> list[Future[FloatArray]]:
                return [pool.submit(self._tensor, index, augmentation) for index in part]

            # The next batch is prepared while the network trains on this one.
            waiting = submit(parts[0])
            for part, following in zip(parts, [*parts[1:], None], strict=True):
                ready, waiting = waiting, submit(following) if following is not None else []
                labels = np.array([self._photos[index].label for index in part], np.int64)
                yield Batch(np.concatenate([future.result() for future in ready]), labels)

    def _tensor(self, index: int, augmentation: tuple[int, int, bool] | None) -> FloatArray:
        image = self._image(index)
        if augmentation is not None:
            seed, epoch, flip = augmentation
            image = augment(image, np.random.default_rng([seed, epoch, index]), flip=flip)
        return self._preprocessor(image).astype(np.float32, copy=False)

    def _image(self, index: int) -> Image.Image:
        """Decode a photo at the scale that its smallest crop needs, and cache it up to the limit."""
        if index in self._decoded:
            return self._decoded[index]
        image = load_image(
            self._photos[index].path,
            min_height=ceil(self._preprocessor.min_height / _SMALLEST_CROP),
            min_width=ceil(self._preprocessor.min_width / _SMALLEST_CROP),
        )
        size = 3 * image.width * image.height
        if self._cached_bytes + size <= _CACHE_BYTES:
            self._cached_bytes += size
            self._decoded[index] = image
        return image


def augment(image: Image.Image, generator: np.random.Generator, *, flip: bool) -> Image.Image:
    """Crop and mirror `image` (RGB) at random, and change its brightness and contrast."""
    extent = generator.uniform(_SMALLEST_CROP, 1)
    width, height = max(1, round(extent * image.width)), max(1, round(extent * image.height))
    left = int(generator.integers(image.width - width + 1))
    upper = int(generator.integers(image.height - height + 1))
    changed = image.crop((left, upper, left + width, upper + height))
    if generator.random() < 0.5 and flip:
        changed = changed.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast):
        changed = enhance(changed).enhance(float(generator.uniform(1 - _JITTER, 1 + _JITTER)))
    return changed
