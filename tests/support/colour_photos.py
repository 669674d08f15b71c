"""Photos to teach: noisy pictures of one colour each, which no two times look the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

HUES = {"red": (210, 40, 40), "green": (40, 190, 40), "blue": (40, 40, 210), "yellow": (210, 200, 40)}


def write_colours(folder: Path, counts: Mapping[str, int], *, seed: int = 0, begin: int = 0) -> Path:
    """Write ``folder/<colour>/<number>.png``, so many of each colour; the same ones for the same `seed` and number."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(begin, begin + count):
            generator = np.random.default_rng([seed, number, *name.encode()])
            pixels = np.asarray(HUES[name]) + generator.normal(0, 25, 3) + generator.normal(0, 30, (20, 26, 3))
            image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
            image.save(folder / name / f"{number:03}.png")
    return folder
