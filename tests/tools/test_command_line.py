"""Errors of the tools end in one line on stderr and an exit code; bugs of ours do not."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mobiclass.errors import SetupError
from tools.command_line import ToolCommand, require_folder_of
from tools.errors import GateRefusalError, TrainingError


def _raise(error: Exception) -> click.Command:
    @click.command(cls=ToolCommand)
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(("error", "code"), [(TrainingError("no photos"), 3), (GateRefusalError("no photos"), 5)])
def test_an_error_is_one_line_and_its_exit_code(error: Exception, code: int) -> None:
    result = CliRunner().invoke(_raise(error), [])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", "Error: no photos\n")


def test_a_command_called_by_another_ends_the_process_too() -> None:
    inner = _raise(GateRefusalError("no"))

    @click.command(cls=ToolCommand)
    def outer() -> None:
        inner.main([], standalone_mode=False)
        pytest.fail("went on")

    assert CliRunner().invoke(outer, []).exit_code == 5


def test_a_missing_package_is_named_with_what_to_install() -> None:
    result = CliRunner().invoke(_raise(ModuleNotFoundError("x", name="keras")), [])
    assert result.exit_code == 3
    assert result.stderr == "Error: keras is not installed: pip install '.[tools]' in the checkout\n"


def test_a_missing_module_of_our_own_is_a_bug() -> None:
    result = CliRunner().invoke(_raise(ModuleNotFoundError("x", name="tools.gone")), [])
    assert isinstance(result.exception, ModuleNotFoundError)


def test_outputs_need_an_existing_folder(tmp_path: Path) -> None:
    require_folder_of(tmp_path / "m.tflite")
    with pytest.raises(SetupError, match="nowhere does not exist; create it first"):
        require_folder_of(tmp_path / "nowhere" / "m.tflite")
