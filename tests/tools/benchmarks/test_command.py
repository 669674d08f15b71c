"""Parts of the benchmarks run on a few photos and fill their lines of the table. No figure is asserted.

The slow ones, `predict`, `speed` and `evaluate`, are run by `make bench` alone.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("ai_edge_litert", reason="NOT TESTED: the benchmarks, for ai-edge-litert is not installed")
pytest.importorskip("skimage", reason="NOT TESTED: the benchmarks, for scikit-image is not installed")

from tools.benchmarks import batch, latency
from tools.benchmarks.__main__ import main
from tools.benchmarks.photos import real_photos

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: proportional set sizes are Linux's")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: Any) -> Path:
    """Give two labelled photos, and make all sets small."""
    monkeypatch.setattr(batch, "_FEW", 2)
    monkeypatch.setattr(batch, "_MANY", 4)
    monkeypatch.setattr(latency, "_SECONDS", "0.1")
    for name, wnid in (("chelsea.png", "n02123045"), ("coffee.png", "n07930864")):
        (tmp_path / wnid).mkdir()
        shutil.copy(next(path for path in real_photos(None) if path.name == name), tmp_path / wnid / name)
    return tmp_path


@pytest.mark.parametrize(("part", "lines"), [("accuracy", 2), ("memory", 2), ("latency", 1)])
def test_each_part_fills_its_lines(photos: Path, part: str, lines: int) -> None:
    result = CliRunner().invoke(main, [part, "--photos", str(photos), "--rounds", "1"])
    assert result.exit_code == ("**no**" in result.stdout), result.output
    _, _, header, _, *rows = result.stdout.splitlines()
    assert header == "| what | measured | bar | reached |"
    assert len(rows) == lines
    assert all(row.count("|") == 5 for row in rows)
