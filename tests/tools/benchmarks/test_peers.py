"""The scripts that mobiclass is measured against run on the photos that are made for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mobiclass.hub.catalog import find_model
from tools.benchmarks.photos import make_set, real_photos

for _module in ("ai_edge_litert", "skimage"):
    pytest.importorskip(_module, reason=f"NOT TESTED: the peers of the benchmarks, for {_module} is not installed")

PEERS = Path(__file__).resolve().parents[3] / "tools" / "benchmarks" / "peers"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make three photos."""
    return make_set(real_photos(None), tmp_path_factory.mktemp("peers") / "set", 3, 120, 160, grain=6.0)


def test_sets_have_the_size_asked_for(photos: Path) -> None:
    paths = sorted(photos.rglob("*.jpg"))
    assert len(paths) == len({path.read_bytes() for path in paths}) == 3
    for path in paths:
        with Image.open(path) as image:
            assert (image.height, image.width) == (120, 160)
    assert real_photos(photos) == paths


def _run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(PEERS / name), str(find_model()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_peers_run(photos: Path) -> None:
    assert _run("bare_predict.py", next(photos.rglob("*.jpg"))).startswith("[")
    assert float(_run("bare_latency.py", 0.2)) > 0
    _run("bare_batch.py", photos, 0, 2)
    _run("plain_batch.py", photos)


def test_mediapipe_runs(photos: Path) -> None:
    pytest.importorskip("mediapipe", reason="NOT TESTED with MediaPipe: mediapipe is not installed")
    _run("mediapipe_batch.py", photos)
