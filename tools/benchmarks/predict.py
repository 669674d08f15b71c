"""Time and memory of `mobiclass predict` and `--help` for one photo, and the size of the wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mobiclass.hub import find_model
from tools.benchmarks.measure import Bar, mobiclass_command, peak_rss_mb, ratio
from tools.benchmarks.photos import CAMERA_GRAIN, make_set

_PEERS = Path(__file__).parent / "peers"


def measure_predict(photos: list[Path], folder: Path, rounds: int) -> list[Bar]:
    """Measure `mobiclass predict` and `--help` against a minimal script; photos are written below `folder`."""
    small = next(make_set(photos[:1], folder / "one", 1, 375, 500).rglob("*.jpg"))
    large = next(make_set(photos[:1], folder / "one-large", 1, 3000, 4000, grain=CAMERA_GRAIN).rglob("*.jpg"))
    mobiclass = mobiclass_command()
    bare = [sys.executable, str(_PEERS / "bare_predict.py"), str(find_model()), str(small)]
    ours, theirs, over = ratio([[*mobiclass, "predict", str(small)]], [bare], rounds)
    help_seconds, _, help_over = ratio([[*mobiclass, "--help"]], [bare], rounds)
    memory = peak_rss_mb([*mobiclass, "predict", str(large)])
    wheel = _wheel_mb(folder)
    return [
        Bar(
            "`predict`, wall time over the barest script",
            f"{over:.2f} ({ours:.3f} s / {theirs:.3f} s)",
            "≤ 1.3",
            over <= 1.3,
        ),
        Bar("`--help`, over the same", f"{help_over:.2f} ({help_seconds:.3f} s)", "≤ 0.5", help_over <= 0.5),
        Bar("peak memory of `predict`, 12-megapixel JPEG", f"{memory:.0f} MB", "≤ 100 MB", memory <= 100),
        Bar("wheel with the model", f"{wheel:.2f} MB", "≤ 7 MB", wheel <= 7),
    ]


def _wheel_mb(folder: Path) -> float:
    root = Path(__file__).resolve().parent.parent.parent
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(root)], check=True)
    return next(folder.glob("mobiclass-*.whl")).stat().st_size / 1e6
