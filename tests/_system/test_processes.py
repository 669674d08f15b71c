"""The command for a Python process of our own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mobiclass.child import python_command


def test_the_function_is_called_with_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echo.py").write_text("def main(*words):\n    print(words)\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    words = ("a 'quoted' word", 'another "one"', "new\nline", "\\", "ü", "")
    done = subprocess.run(python_command("echo", *words), capture_output=True, text=True, check=True)
    assert done.stdout == f"{words!r}\n"


def test_the_current_folder_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    done = subprocess.run(python_command("json.tool"), capture_output=True, input=b"{}", check=False)
    assert (done.returncode, done.stdout) == (0, b"{}\n")
