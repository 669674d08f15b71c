"""Photos to the batches that a network is trained and judged on.

Photos are decoded and preprocessed as the device will do it. A photo to learn from is first cropped, mirrored and
lit at random; what is drawn depends on the seed, the epoch and the photo's place, not on what happened before, so
that a run that was interrupted goes on as if it had not been.
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
_LIGHT: Final = 0.25  # brightness and contrast change by up to a quarter
_CACHE_BYTES: Final = 1 << 30


class Batch(NamedTuple):
    """Some photos.

    Attributes:
        inputs: float32 (photos, height, width, 3), normalized.
        labels: int64 (photos,), the index of each one's class.
    """

    inputs: FloatArray
    labels: npt.NDArray[np.int64]


class Photos:
    """Photos that come as batches, the same ones again and again."""

    def __init__(self, photos: Sequence[Photo], preprocessor: Preprocessor, *, batch_size: int) -> None:
        """Prepare to read `photos`; they are decoded when they are first needed."""
        self._photos = photos
        self._preprocessor = preprocessor
        self._batch_size = batch_size
        self._decoded: dict[int, Image.Image] = {}
        self._cached_bytes = 0

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return ceil(len(self._photos) / self._batch_size)

    def validation_batches(self) -> Iterator[Batch]:
        """Give every photo once, in order, as the device would see it."""
        yield from self._batches(range(len(self._photos)), None)

    def training_batches(self, seed: int, epoch: int, *, flip: bool) -> Iterator[Batch]:
        """Give every photo, in an order and with changes that `seed` and `epoch` decide.

        The last batch is filled up with photos of the first.

        Args:
            seed: of the run.
            epoch: which epoch it is.
            flip: whether a photo may be mirrored, which text and road signs may not.
        """
        order = np.random.default_rng([seed, epoch]).permutation(len(self._photos))
        # A last batch of few photos would count as much as a whole one, and be compiled for on its own.
        order = np.resize(order, len(self) * self._batch_size)
        yield from self._batches([int(index) for index in order], (seed, epoch, flip))

    def _batches(self, order: Sequence[int], change: tuple[int, int, bool] | None) -> Iterator[Batch]:
        parts = [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]
        with ThreadPoolExecutor(available_cores()) as pool:

            def submit(part: Sequence[int]) -> list[Future[FloatArray]]:
                return [pool.submit(self._tensor, index, change) for index in part]

            # The next batch is prepared while the network works on this one.
            waiting = submit(parts[0])
            for part, following in zip(parts, [*parts[1:], None], strict=True):
                ready, waiting = waiting, submit(following) if following is not None else []
                labels = np.array([self._photos[index].label for index in part], np.int64)
                yield Batch(np.concatenate([future.result() for future in ready]), labels)

    def _tensor(self, index: int, change: tuple[int, int, bool] | None) -> FloatArray:
        image = self._image(index)
        if change is not None:
            seed, epoch, flip = change
            image = augment(image, np.random.default_rng([seed, epoch, index]), flip=flip)
        return self._preprocessor(image).astype(np.float32, copy=False)

    def _image(self, index: int) -> Image.Image:
        """Decode a photo no larger than its smallest crop needs, or take it from memory while that lasts."""
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
    """Crop, mirror and light `image` (RGB) at random, as `generator` draws."""
    extent = generator.uniform(_SMALLEST_CROP, 1)
    width, height = max(1, round(extent * image.width)), max(1, round(extent * image.height))
    left = int(generator.integers(image.width - width + 1))
    upper = int(generator.integers(image.height - height + 1))
    changed = image.crop((left, upper, left + width, upper + height))
    if generator.random() < 0.5 and flip:
        changed = changed.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast):
        changed = enhance(changed).enhance(float(generator.uniform(1 - _LIGHT, 1 + _LIGHT)))
    return changed
