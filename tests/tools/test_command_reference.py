"""The generated reference: every command in it, and a check that fails when it is outdated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tools import command_reference


def test_every_command_has_a_section() -> None:
    text = command_reference.reference()
    for name in ("mobiclass", "mobiclass predict", "mobiclass batch", "mobiclass models show"):
        assert f"\n## {name}\n\n```\nUsage: {name} " in text


@pytest.mark.parametrize(("change", "code"), [("", 0), ("x", 1)])
def test_the_check_tells_whether_the_file_is_up_to_date(
    tmp_path: Path, monkeypatch: Any, change: str, code: int
) -> None:
    path = tmp_path / "commands.md"
    monkeypatch.setattr(command_reference, "REFERENCE", path)
    assert CliRunner().invoke(command_reference.main, []).exit_code == 0
    path.write_text(path.read_text(encoding="utf-8") + change, encoding="utf-8")
    result = CliRunner().invoke(command_reference.main, ["--check"])
    assert result.exit_code == code
    assert ("run `make docs`" in result.stderr) == bool(code)
