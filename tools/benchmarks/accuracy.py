"""Accuracy of the built-in model on labelled photos, and the effect of scaled decoding on it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from PIL import Image

from mobiclass import Classifier
from mobiclass.hub import find_model
from tools.benchmarks.measure import Bar


def measure_accuracy(folder: Path, float_model: Path | None) -> list[Bar]:
    """Measure the built-in model on `folder`/<wnid>/<image>, with scaled and full decoding, and the float model."""
    photos = [(path, path.parent.name) for path in sorted(folder.glob("n????????/*")) if path.is_file()]
    scaled = _top_1(Classifier.load(), [path for path, _ in photos])
    full = _top_1(Classifier.load(), [path for path, _ in photos], full_decode=True)
    wnids = zipfile.ZipFile(find_model()).read("wnids.txt").decode().splitlines()
    truth = [wnids.index(wnid) for _, wnid in photos]
    same = _share(scaled, full)
    bars = [
        Bar(
            f"top-1 on {len(photos)} labelled photos",
            f"{_share(scaled, truth):.1%}",
            "≥ 86 %",
            _share(scaled, truth) >= 0.86,
        ),
        Bar("same top-1 with scaled and with full decoding", f"{same:.1%}", "≥ 99 %", same >= 0.99),
    ]
    if float_model:
        floats = _top_1(Classifier.load(float_model), [path for path, _ in photos])
        behind = _share(floats, truth) - _share(scaled, truth)
        bars.append(Bar("top-1 lost to the float model", f"{behind * 100:+.1f} points", "≤ 1 point", behind <= 0.01))
        bars.append(Bar("same top-1 as the float model", f"{_share(floats, scaled):.1%}", "–", None))
    return bars


def _top_1(classifier: Classifier, paths: list[Path], *, full_decode: bool = False) -> list[int]:
    images = (Image.open(path) if full_decode else path for path in paths)
    return [classifier.classify(image, top_k=1)[0].index for image in images]


def _share(first: list[int], second: list[int]) -> float:
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
