"""Three classes of small pictures that differ by shape alone: discs, gradients and stripes, in random colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("discs", "gradients", "stripes")


def write_textures(folder: Path, *, photos: int, side: int = 48, seed: int = 0) -> Path:
    """Write `photos` pictures a class as ``folder/<class>/<number>.png``; the same ones for the same `seed`."""
    generator = np.random.default_rng(seed)
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(photos):
            Image.fromarray(_picture(name, side, generator)).save(folder / name / f"{number:03}.png")
    return folder


def _picture(name: str, side: int, generator: np.random.Generator) -> np.ndarray:
    dark, light = generator.uniform(0, 90, 3), generator.uniform(150, 255, 3)
    part = _part(name, side, generator)[:, :, np.newaxis]
    pixels = dark + part * (light - dark) + generator.normal(0, 8, (side, side, 3))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _part(name: str, side: int, generator: np.random.Generator) -> np.ndarray:
    """Compute how light each pixel is, 0 to 1."""
    rows, columns = np.mgrid[:side, :side] / side
    if name == "discs":
        top, left = generator.uniform(0.35, 0.65, 2)
        return (np.hypot(rows - top, columns - left) < generator.uniform(0.15, 0.3)).astype(float)
    angle = generator.uniform(0, 2 * np.pi)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    if name == "gradients":
        return (along - along.min()) / (along.max() - along.min())
    return (np.sin(2 * np.pi * along * generator.uniform(5, 8)) > 0).astype(float)
