"""The benchmark of teaching fills its tables on a few small photos. No figure of it is asserted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.colour_photos import write_colours
from tools.benchmarks.teaching import dense, imprint, main, ours, read_set, top1

SIX = {"red": 6, "green": 6, "blue": 6}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "cache"))
    return (
        write_colours(tmp_path / "train", SIX),
        write_colours(tmp_path / "test", SIX, seed=1),
        write_colours(tmp_path / "others", {"yellow": 4}),
    )


def test_the_tables_are_filled(folders: tuple[Path, Path, Path], colours: Path) -> None:
    train, test, others = map(str, folders)
    result = CliRunner().invoke(main, [train, test, "--others", others, "--base", str(colours), "--draws", "2"])
    assert result.exit_code == 0, result.output
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ") and line[2].isdecimal()]
    assert [row.split(" | ")[0] for row in rows] == ["| 1", "| 2", "| 5", "| 1", "| 2", "| 5", "| 10", "| 3"]
    assert "of 18 photos" in result.stdout


def test_all_heads_tell_colours(folders: tuple[Path, Path, Path], colours: Path) -> None:
    """So that no peer loses because it is broken."""
    from mobiclass.teaching import read_base

    base = read_base(colours)
    train, (features, classes) = read_set(folders[0], base), read_set(folders[1], base).plain()
    for scores in (ours(train, features), imprint(train, features), dense(train, features, 0)):
        assert top1(scores, classes) > 90
    assert top1(np.eye(3)[classes], classes) == 100
