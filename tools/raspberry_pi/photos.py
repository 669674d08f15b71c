"""The photos that are classified on both machines: real ones, and the same in other file formats."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from mobiclass.batch import ImageFinder

_REAL: Final = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png",
    "retina.jpg", "rocket.jpg",
)  # fmt: skip
_EXIF_ORIENTATION: Final = 0x0112


def make_photos(folder: Path, more: Path | None = None) -> list[Path]:
    """Fill `folder` with photos of scikit-image, variants of them, and those in `more`; returns the paths."""
    import skimage

    data = Path(skimage.__file__).parent / "data"
    folder.mkdir(parents=True)
    for name in _REAL:
        shutil.copy(data / name, folder / name)
    for name, make in _MADE.items():
        make(folder / name)
    if more is not None:
        for number, path in enumerate(ImageFinder().find_in(str(more))):
            shutil.copy(path, folder / f"{number:05}-{Path(path).name}")
    return sorted(folder.iterdir())


def make_lessons(folder: Path, photos: int, *, seed: int = 0) -> Path:
    """Fill `folder` with so many noisy pictures of two classes, ``warm`` and ``cold``, to be taught or to be judged."""
    generator = np.random.default_rng(seed)
    for name, colour in (("warm", (205, 120, 50)), ("cold", (50, 110, 205))):
        (folder / name).mkdir(parents=True)
        for number in range(photos):
            pixels = np.asarray(colour) + generator.normal(0, 20, 3) + generator.normal(0, 25, (120, 160, 3))
            picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            picture.resize((480, 360), Image.Resampling.BICUBIC).save(folder / name / f"{number}.jpg", quality=90)
    return folder


def _photo(name: str, mode: str = "RGB", height: int | None = None, width: int | None = None) -> Image.Image:
    import skimage

    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        converted: Image.Image = image.convert(mode)
    return converted.resize((width, height), Image.Resampling.BICUBIC) if height and width else converted


def _from_a_camera(path: Path) -> None:
    """12 megapixels, decoded at 1/8 scale and rotated by their Exif orientation."""
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6
    upright = _photo("coffee.png", height=4000, width=3000)
    upright.transpose(Image.Transpose.ROTATE_90).save(path, quality=90, exif=exif)


def _sixteen_bits(path: Path) -> None:
    grey = np.asarray(_photo("chelsea.png", "L"), np.uint16)
    Image.fromarray(grey * 257).save(path)


def _transparent(path: Path) -> None:
    image = _photo("coffee.png", "RGBA")
    image.putalpha(_photo("coffee.png", "L").point(lambda grey: 255 if grey > 60 else 90))
    image.save(path)


def _saved(name: str, mode: str = "RGB", **options: Any) -> Callable[[Path], None]:
    return lambda path: _photo(name, mode).save(path, **options)


_MADE: Final[dict[str, Callable[[Path], None]]] = {
    "camera-12-megapixels.jpg": _from_a_camera,
    "chelsea-16-bits.png": _sixteen_bits,
    "chelsea-cmyk.jpg": _saved("chelsea.png", "CMYK", quality=90),
    "chelsea-gif.gif": _saved("chelsea.png", "P"),
    "chelsea-progressive.jpg": _saved("chelsea.png", quality=40, progressive=True),
    "coffee-444.jpg": _saved("coffee.png", quality=95, subsampling=0),
    "coffee-transparent.png": _transparent,
    "coffee-webp.webp": _saved("coffee.png", quality=80),
    "motorcycle-grey.jpg": _saved("motorcycle_left.png", "L", quality=85),
    "motorcycle-tiff.tif": _saved("motorcycle_left.png", compression="tiff_lzw"),
}
