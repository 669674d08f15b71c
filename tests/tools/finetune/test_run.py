"""Where the files of a run go, and that none is overwritten unasked; the run itself is tested with the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import TrainingError
from tools.finetune.run import Outputs, check_outputs


def test_all_files_lie_beside_the_network() -> None:
    outputs = Outputs.beside(Path("there/birds.keras"))
    assert {path.parent for path in outputs} == {Path("there")}
    names = ["birds.keras", "labels.txt", "birds.metrics.json", "birds.training.png", ".birds.checkpoint"]
    assert [path.name for path in outputs] == names


@pytest.mark.parametrize("name", ["birds.keras", "labels.txt"])
def test_existing_files_are_kept_unless_told_otherwise(tmp_path: Path, name: str) -> None:
    outputs = Outputs.beside(tmp_path / "birds.keras")
    check_outputs(outputs, resume=False, overwrite=False)
    (tmp_path / name).touch()
    with pytest.raises(TrainingError, match=f"{name}: already exists"):
        check_outputs(outputs, resume=True, overwrite=False)
    check_outputs(outputs, resume=False, overwrite=True)


def test_an_interrupted_run_is_resumed_or_overwritten_by_request_only(tmp_path: Path) -> None:
    outputs = Outputs.beside(tmp_path / "birds.keras")
    outputs.checkpoint.mkdir()
    (outputs.checkpoint / "state.json").touch()
    with pytest.raises(TrainingError, match="use --resume or --overwrite"):
        check_outputs(outputs, resume=False, overwrite=False)
    check_outputs(outputs, resume=True, overwrite=False)
    check_outputs(outputs, resume=False, overwrite=True)


def test_the_network_has_its_suffix(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"must end in \.keras"):
        check_outputs(Outputs.beside(tmp_path / "birds.h5"), resume=False, overwrite=False)
