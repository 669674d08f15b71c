"""Generates sets of photos of any size from a few real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from mobiclass.batch import ImageFinder

_QUALITY: Final = 90
CAMERA_GRAIN: Final = 6.0
"""Noise in grey levels that gives an enlarged photo the file size of a phone's: 3 MB at 12 megapixels, not 1 MB."""


def real_photos(folder: Path | None) -> list[Path]:
    """List the photos in `folder`, or some of scikit-image."""
    if folder is None:
        import skimage

        names = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
        return [Path(skimage.__file__).parent / "data" / name for name in names]
    return [Path(path) for path in ImageFinder().find_in(str(folder))]


def make_set(photos: list[Path], folder: Path, count: int, height: int, width: int, *, grain: float = 0.0) -> Path:
    """Fill `folder` with `count` JPEGs of `height` × `width` pixels, made from `photos` in turn; returns it.

    `grain` is the standard deviation of added noise, in grey levels of 0–255.
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number, photo in enumerate(_cycle(photos, count)):
        with Image.open(photo) as image:
            pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC), np.float32)
        if grain:
            # A repeated tile of noise: generating it for 12 million pixels would take longer than the benchmark.
            tile = random.normal(0, grain, (250, 250, 1)).astype(np.float32)
            pixels = pixels + np.tile(tile, (-(-height // 250), -(-width // 250), 1))[:height, :width]
        subfolder = folder / f"{number // 500:03}"
        subfolder.mkdir(exist_ok=True)
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(subfolder / f"{number:06}.jpg", quality=_QUALITY - number % 5)
    return folder


def _cycle(photos: list[Path], count: int) -> Iterator[Path]:
    for number in range(count):
        yield photos[number % len(photos)]
