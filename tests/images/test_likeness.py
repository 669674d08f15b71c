"""A difference hash: copies are alike, other photos are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from mobiclass.errors import ImageError
from mobiclass.images.likeness import LOOKS_ALIKE_BITS, difference_hash


def photo(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (9, 9), np.uint8)
    return Image.fromarray(blocks).resize((360, 270), Image.Resampling.BICUBIC).convert("RGB")


def bits(folder: Path, image: Image.Image, name: str, **options: int) -> int:
    image.save(folder / name, **options)
    return difference_hash(folder / name)


def test_copies_are_alike_and_other_photos_are_not(tmp_path: Path) -> None:
    for seed in range(10):
        original = bits(tmp_path, photo(seed), "a.png")
        for name, copy in (
            ("half.jpg", photo(seed).resize((180, 135))),
            ("bright.png", ImageEnhance.Brightness(photo(seed)).enhance(0.8)),
            ("poor.jpg", photo(seed)),
        ):
            options = {"quality": 40} if name == "poor.jpg" else {}
            assert (original ^ bits(tmp_path, copy, name, **options)).bit_count() <= LOOKS_ALIKE_BITS
        other = bits(tmp_path, photo(seed + 100), "b.png")
        assert (original ^ other).bit_count() > 2 * LOOKS_ALIKE_BITS


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        difference_hash(tmp_path / "none.jpg")
