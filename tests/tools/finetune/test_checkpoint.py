"""Checkpoints that cannot be resumed are refused by name; resuming itself is tested by way of the command."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tools.errors import TrainingError
from tools.finetune.checkpoint import Checkpoint, Progress


def _write(folder: Path, **changes: Any) -> None:
    state = {"format": 1, "run": {"epochs": 4}, "last": "last-1.keras", "best": "best-1.keras"}
    folder.mkdir(exist_ok=True)
    (folder / "state.json").write_text(json.dumps({**state, "progress": asdict(Progress()), **changes}))


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    _write(tmp_path / "c")
    with pytest.raises(TrainingError, match="of another run, with epochs 4 and not 5; .*--overwrite"):
        Checkpoint(tmp_path / "c", {"epochs": 5}).load()


def test_an_older_format_is_not_resumed(tmp_path: Path) -> None:
    _write(tmp_path / "c", format=0)
    with pytest.raises(TrainingError, match="the checkpoint is damaged"):
        Checkpoint(tmp_path / "c", {"epochs": 4}).load()


def test_a_checkpoint_is_there_until_it_is_removed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c", {})
    assert not checkpoint.exists()
    _write(tmp_path / "c")
    assert checkpoint.exists()
    checkpoint.remove()
    checkpoint.remove()
    assert not (tmp_path / "c").exists()
