"""Images per second and memory of `mobiclass batch`, against others on the same photos."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

from mobiclass._system import available_cores
from mobiclass.hub import find_model
from tools.benchmarks.measure import Bar, Command, mobiclass_command, peak_pss_mb, ratio
from tools.benchmarks.photos import CAMERA_GRAIN, make_set

_PEERS = Path(__file__).parent / "peers"
# Name of the set, photos, height, width, grain, and the targets against: bare processes, MediaPipe, a plain script.
_SETS: Final = (
    ("500 px", 2000, 375, 500, 0.0, (0.96, 2.2, 1.5)),
    ("12 megapixels, smooth", 300, 3000, 4000, 0.0, (0.98, 9.0, 6.0)),
    ("12 megapixels, grained", 300, 3000, 4000, CAMERA_GRAIN, (0.98, 9.0, 6.0)),
)

_FEW: Final = 1_000
_MANY: Final = 20_000


def measure_speed(photos: list[Path], folder: Path, rounds: int, mediapipe_python: str | None) -> list[Bar]:
    """Measure images per second against bare processes, MediaPipe (if installed) and a plain script."""
    bars = []
    model = str(find_model())
    for name, count, height, width, grain, wanted in _SETS:
        images = str(make_set(photos, folder / name.replace(" ", "-"), count, height, width, grain=grain))
        ours = [_batch(images, folder / "speed.jsonl")]
        cores = str(available_cores())
        peers: list[tuple[str, list[Command] | None]] = [
            (
                f"{cores} bare processes",
                [_peer("bare_batch", model, images, str(part), cores) for part in range(int(cores))],
            ),
            ("MediaPipe's ImageClassifier", _mediapipe(mediapipe_python, model, images)),
            ("a plain script, all threads in one interpreter", [_peer("plain_batch", model, images)]),
        ]
        for (peer, commands), bar in zip(peers, wanted, strict=True):
            what = f"images/s at {name} over {peer}"
            if commands is None:
                bars.append(Bar(what, "not installed", f"≥ {bar}", None))
                continue
            seconds, their_seconds, over = ratio(ours, commands, rounds)
            speed = 1 / over
            figure = f"{speed:.2f} ({count / seconds:.0f} / {count / their_seconds:.0f})"
            bars.append(Bar(what, figure, f"≥ {bar}", speed >= bar))
    return bars


def measure_memory(photos: list[Path], folder: Path) -> list[Bar]:
    """Measure the memory of a long run against a short one."""
    few, many = (
        peak_pss_mb(_batch(str(make_set(photos, folder / f"{count}", count, 375, 500)), folder / f"{count}.jsonl"))
        for count in (_FEW, _MANY)
    )
    return [
        Bar(f"peak memory (PSS) at {_MANY:,} photos", f"{many:.0f} MB", "≤ 160 MB", many <= 160),
        Bar(f"that over the peak at {_FEW:,}", f"{many - few:+.0f} MB", "≤ +15 MB", many - few <= 15),
    ]


def _batch(images: str, output: Path) -> list[str]:
    return [*mobiclass_command(), "batch", images, "-o", str(output), "--overwrite", "--quiet"]


def _peer(name: str, *arguments: str, python: str = sys.executable) -> list[str]:
    return [python, str(_PEERS / f"{name}.py"), *arguments]


def _mediapipe(python: str | None, model: str, images: str) -> list[Command] | None:
    if python is None and importlib.util.find_spec("mediapipe") is None:
        return None
    return [_peer("mediapipe_batch", model, images, python=python or sys.executable)]
