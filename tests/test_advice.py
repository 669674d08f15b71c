"""Advice that can be followed: a message names an option only if every command that may show it has that option.

What is below `cli/` does not know which command runs it, nor whether one does: Python's callers have arguments. An
option of one command is suggested by that command.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

import mobiclass
from mobiclass.cli import program

PACKAGE: Final = Path(mobiclass.__file__).resolve().parent
SHOWN_BY: Final = {
    "tflite": ("predict", "batch", "evaluate", "benchmark", "models show"),
    "runtime": ("predict", "batch", "evaluate", "benchmark"),
    "batch": ("batch", "evaluate"),
    "batch/path_lists": ("batch",),  # lists of paths
    "evaluation": ("evaluate",),
    "evaluation/calibration": ("models calibrate",),
    "library/exporting": ("results export",),
    "library/sorting": ("results sort",),
    "library/tagging": ("results tag",),
    "teaching": ("teach",),
    "benchmark": ("benchmark",),
}
"""The commands that show the messages of a room, or of a module; those of any other may reach each command."""

OF_OTHER_PROGRAMS: Final = ("pip install", "apt install", "docker run", "udevadm", "edgetpu_compiler", "sudo")
OPTION: Final = re.compile(r"(?<![\w-])(?:--[a-z][a-z-]+|-[0-9a-zA-Z])(?![\w-])")
WITHOUT_A_COMMAND: Final = ("cli", "doctor")
"""The rooms that know which command they write for: `doctor` recommends whole command lines."""


def options_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give the options that the strings of a module name, each with its line, but for those of other programs."""
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in docstrings:
            continue
        if not any(other in node.value for other in OF_OTHER_PROGRAMS):
            for option in OPTION.findall(node.value):
                if option.startswith("--") or " " in node.value:  # "-c" alone is for a program that is started
                    yield node.lineno, option


def options_of(command: str) -> set[str]:
    """Give the options of a command of the program."""
    found: click.Command | None = program
    for name in command.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), name)
    assert found is not None
    return {option for parameter in found.params for option in parameter.opts}


def advice_that_not_everybody_can_follow(package: Path) -> list[str]:
    """List the messages that name an option which a command that may show them lacks."""
    offenders = []
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).with_suffix("").as_posix()
        room = module.partition("/")[0]
        if room in WITHOUT_A_COMMAND:
            continue
        commands = SHOWN_BY.get(module, SHOWN_BY.get(room, ()))
        for line, option in options_in(ast.parse(path.read_text(encoding="utf-8"))):
            lacking = [command for command in commands if option not in options_of(command)]
            if lacking or not commands:
                offenders.append(f"{module}:{line} names {option}: {', '.join(lacking) or 'any command'} may lack it")
    return offenders


def test_no_message_names_an_option_that_the_command_at_hand_may_lack() -> None:
    assert advice_that_not_everybody_can_follow(PACKAGE) == []


@pytest.mark.parametrize(
    "module, text, found",
    [
        ("images/a", "cut short; --allow-truncated takes it", True),
        ("images/a", "pip install --upgrade pillow", False),
        ("images/a", "a well-known -like word, −1 and x-0", False),
        ("runtime/a", "use --device cpu", False),
        ("runtime/a", "use --model other.tflite", True),
        ("batch/a", "-0 if NULs separate them", True),
        ("batch/path_lists", "-0 if NULs separate them", False),
    ],
)
def test_such_advice_is_found(tmp_path: Path, module: str, text: str, found: bool) -> None:
    path = (tmp_path / module).with_suffix(".py")
    path.parent.mkdir()
    path.write_text(f'"""About --anything."""\nMESSAGE = f"{text} {{1}}"\n', encoding="utf-8")
    assert bool(advice_that_not_everybody_can_follow(tmp_path)) == found
