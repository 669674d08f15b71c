"""Every command in README and docs runs, or the page says why it is not run here."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from mobiclass.cli import program
from tests.support.doc_blocks import PAGES, ROOT, Block, all_blocks, blocks, lay_desk
from tests.support.program import Outcome, environment, run

posix = pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: the commands of the docs are for a POSIX shell")
RUN = [page for page in PAGES if any(not block.not_run for block in blocks(page, "sh"))]


def run_block(block: Block, desk: Path, env: dict[str, str]) -> list[Outcome]:
    """Run the commands of `block` one after the other, as a reader would."""
    outcomes = []
    for number, command in enumerate(block.commands, start=1):
        outcome = run("-c", command, command=("sh",), cwd=desk, env=env)
        expected = block.exit_code if number == len(block.commands) else 0
        assert outcome.exit_code == expected, f"{block.page}:{block.line}: {command}\n{outcome.stderr}"
        outcomes.append(outcome)
    return outcomes


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_readme(desk: Path) -> None:
    assert [row["path"] for row in rows_of(desk / "results.jsonl")] == ["photos/1.jpg", "photos/sub/2.jpg"]
    assert "<title>" in (desk / "results.html").read_text(encoding="utf-8")


def check_predict(desk: Path) -> None:
    with (desk / "labels.csv").open(encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["a.jpg", "b.jpg", "photo.jpg"]


def check_coral(desk: Path) -> None:
    assert all(row["fallback"] or row["device"] != "cpu" for row in rows_of(desk / "tpu.jsonl"))


def check_evaluate(desk: Path) -> None:
    assert {row["truth"]["label"] for row in rows_of(desk / "rows.jsonl")} == {"Egyptian cat", "tiger cat"}
    assert json.loads((desk / "here.json").read_text(encoding="utf-8"))


CHECKS: dict[str, Callable[[Path], None]] = {
    "README.md": check_readme,
    "docs/predict.md": check_predict,
    "docs/coral.md": check_coral,
    "docs/evaluate.md": check_evaluate,
}
"""What the commands of a page leave behind, where that is its point."""


@posix
@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path, photos: dict[str, Path]) -> None:
    env = lay_desk(tmp_path, page, photos["chelsea.png"])
    ran = [outcome for block in blocks(page, "sh") if not block.not_run for outcome in run_block(block, tmp_path, env)]
    assert ran
    extras = re.findall(r"\.\[([^]]+)\]", (tmp_path / "pip.log").read_text() if (tmp_path / "pip.log").exists() else "")
    declared = re.findall(r"^([a-z-]+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(extras) <= set(declared)
    CHECKS.get(page, lambda _: None)(tmp_path)


def test_every_command_of_the_program_is_run() -> None:
    commands = "\n".join(command for block in all_blocks("sh") if not block.not_run for command in block.commands)
    assert [name for name in command_names(program) if f"mobiclass {name}" not in commands] == []


def command_names(group: click.Group) -> Iterator[str]:
    """Name the commands of `group` as they are typed: ``predict``, ``models show``."""
    context = click.Context(group)
    for name in group.list_commands(context):
        child = group.get_command(context, name)
        yield from (f"{name} {inner}" for inner in command_names(child)) if isinstance(child, click.Group) else [name]


def test_what_is_not_run_says_why() -> None:
    """The list is here, so that leaving out a block of commands is a change that somebody sees."""
    left_out = [(block.page, block.not_run) for block in all_blocks("sh", "console") if block.not_run]
    assert [page for page, _ in left_out] == [
        "docs/install.md", "docs/install.md", "docs/layers.md", *["docs/raspberry-pi.md"] * 8,
    ]  # fmt: skip
    assert [
        page for page, why in left_out if not re.match(r"needs |changes |`make |the model must be ", why or "")
    ] == []


@posix
def test_the_output_in_the_readme_is_the_program_s(tmp_path: Path, photos: dict[str, Path]) -> None:
    """In a terminal, of which a pseudo-terminal is one. Runtimes differ by some points."""
    (block,) = blocks("README.md", "console")
    prompt, answer, *shown = block.text.splitlines()
    env = lay_desk(tmp_path, "README.md", photos["chelsea.png"])
    command = f"stty cols 80; {prompt.removeprefix('$ ')}"
    in_terminal = f"import pty, sys; sys.exit(pty.spawn(['sh', '-c', {command!r}]) >> 8)"
    done = run("-c", in_terminal, command=(sys.executable,), cwd=tmp_path, env=env)
    assert done.exit_code == 0, done.stderr
    entry = re.compile(r"^(?P<label>.+?) +(?P<score>[\d.]+) %(  [█▏▎▍▌▋▊▉]+)?$")
    expected = [entry.match(line) for line in shown]
    first, *lines = done.stdout.splitlines()
    assert re.sub(r"[\d.]+", "", first.rstrip()) == re.sub(r"[\d.]+", "", answer)
    found = [entry.match(line.rstrip()) for line in lines]
    assert len(found) == len(expected) == 5
    for wanted, got in zip(expected[:4], found, strict=False):
        assert wanted and got and wanted["label"] == got["label"]
        assert float(got["score"]) == pytest.approx(float(wanted["score"]), abs=5)


def test_the_examples_of_help_have_options_that_exist() -> None:
    lines = re.findall(r"^    (.*mobiclass .*)$", PAGES["docs/commands.md"].read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) >= 20
    for line in lines:
        (segment,) = [part for part in re.split(r" \| |\"\$\(|\)\"", line) if "mobiclass " in part]
        words = shlex.split(segment.partition(" > ")[0])
        check_options(program, words[words.index("mobiclass") + 1 :])


def check_options(command: click.Command, words: list[str]) -> None:
    """Parse `words` as `command` would; files need not exist."""
    context = click.Context(command, info_name="mobiclass", resilient_parsing=True)
    rest = command.make_parser(context).parse_args(list(words))[1]
    if isinstance(command, click.Group):
        name, *rest = rest or words
        child = command.get_command(context, name)
        assert child is not None, f"no command {name}"
        check_options(child, rest)


@pytest.mark.parametrize("block", all_blocks("python"), ids=lambda block: f"{block.page}:{block.line}")
def test_python_code_works(block: Block, tmp_path: Path, photos: dict[str, Path]) -> None:
    lay_desk(tmp_path, block.page, photos["chelsea.png"])
    done = subprocess.run(
        [sys.executable, "-c", block.text], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if "result.decision" in block.text:
        assert len(lines) == 2
        assert re.match(r"a\.jpg Decision\(label='domestic cat', score=0\.9.*, kind='group', index=None\)", lines[0])
        return
    assert re.match(r"not_found " if "no-such-photo" in block.text else r"(tiger|Egyptian) cat 0\.", lines[0])
    assert len(lines) == (1 if "no-such-photo" in block.text else 7 if "classify_many" in block.text else 5)
