"""Images per second of `mobiclass evaluate` against `mobiclass batch` on the same photos, and its memory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.benchmarks.measure import Bar, Command, mobiclass_command, peak_pss_mb, ratio
from tools.benchmarks.photos import make_set

_PHOTOS: Final = 2_000
_FEW: Final = 1_000
_MANY: Final = 20_000


def measure_evaluate(photos: list[Path], folder: Path, rounds: int) -> list[Bar]:
    """Measure images per second with and without saved rows against batch, and memory against a short run.

    The content of the photos does not affect the time: all are in one class folder, named by its index.
    """
    root = folder / "evaluate"
    make_set(photos, root / "285", _PHOTOS, 375, 500)
    batch = [*mobiclass_command(), "batch", str(root), "-o", str(folder / "batch.jsonl"), "--overwrite", "--quiet"]
    bars = []
    for what, kept in (
        ("evaluate --predictions", ["--predictions", str(folder / "rows.jsonl"), "--overwrite"]),
        ("evaluate", []),
    ):
        seconds, their_seconds, over = ratio([_evaluate(root, *kept)], [batch], rounds)
        speed = 1 / over
        figure = f"{speed:.2f} ({_PHOTOS / seconds:.0f} / {_PHOTOS / their_seconds:.0f})"
        bars.append(Bar(f"images/s of {what} over batch -o", figure, "≥ 0.95", speed >= 0.95))
    few, many = (peak_pss_mb(_evaluate(_small_set(photos, folder, count))) for count in (_FEW, _MANY))
    more = f"{many:.0f} MB, {many - few:+.0f} MB"
    bars.append(
        Bar(
            f"peak memory (PSS) of evaluate at {_MANY:,} photos, and over that at {_FEW:,}",
            more,
            "≤ +15 MB",
            many - few <= 15,
        )
    )
    return bars


def _small_set(photos: list[Path], folder: Path, count: int) -> Path:
    root = folder / f"evaluate-{count}"
    make_set(photos, root / "285", count, 240, 320)
    return root


def _evaluate(root: Path, *arguments: str) -> Command:
    return [*mobiclass_command(), "evaluate", str(root), "--quiet", *arguments]
