"""The photos that the pictures show: free ones that scikit-image carries, under the names of an album."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

_ALBUM: Final = {
    "cat": ("chelsea.png", (0, 0, 1, 1)),
    "cat closer": ("chelsea.png", (0.12, 0, 0.78, 1)),
    "espresso": ("coffee.png", (0, 0, 1, 1)),
    "espresso closer": ("coffee.png", (0.15, 0.1, 0.85, 0.95)),
    "launch": ("rocket.jpg", (0, 0, 1, 1)),
    "launch closer": ("rocket.jpg", (0.28, 0.1, 0.72, 0.9)),
    "photographer": ("camera.png", (0, 0, 1, 1)),
    "photographer closer": ("camera.png", (0.1, 0.1, 0.95, 0.75)),
    "wall": ("brick.png", (0, 0, 1, 1)),
    "path": ("gravel.png", (0, 0, 1, 1)),
}
"""File name to the source and the part of it that is kept (left, top, right, bottom)."""

_CLASSES: Final = {
    "tabby_cat": ("cat", "cat closer"),
    "espresso": ("espresso", "espresso closer"),
    "missile": ("launch", "launch closer"),
    "tripod": ("photographer", "photographer closer"),
}


def make_album(folder: Path) -> None:
    """Fill `folder` with ten photos, one file that was cut short and one that is no image."""
    folder.mkdir(parents=True)
    for name in _ALBUM:
        _save(name, folder / f"{name}.jpg")
    (folder / "copied too early.jpg").write_bytes((folder / "launch.jpg").read_bytes()[:9000])
    (folder / "notes.jpg").write_text("Remember to charge the camera.\n", encoding="utf-8")


def make_labelled_album(folder: Path) -> None:
    """Fill `folder` with the same photos in one folder a class, in both directions."""
    for label, names in _CLASSES.items():
        (folder / label).mkdir(parents=True)
        for name in names:
            _save(name, folder / label / f"{name}.jpg")
            _save(name, folder / label / f"{name} mirrored.jpg", mirrored=True)


def skimage_photo(name: str) -> Path:
    """Find the photo `name` that scikit-image carries."""
    import skimage

    return Path(skimage.__file__).parent / "data" / name


def _save(name: str, path: Path, *, mirrored: bool = False) -> None:
    source, part = _ALBUM[name]
    with Image.open(skimage_photo(source)) as image:
        size = (image.width, image.height) * 2
        box = tuple(round(share * pixels) for share, pixels in zip(part, size, strict=True))
        view = image.convert("RGB").crop((box[0], box[1], box[2], box[3]))
    if mirrored:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    view.save(path, quality=90)
