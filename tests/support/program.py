"""Run `mobiclass` as a process of its own, the way its console script does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import mobiclass

# A console script's search path begins with the script's folder, never with the current one.
PROGRAM = "import sys; sys.path[:] = [entry for entry in sys.path if entry]; from mobiclass.cli import main; main()"
PACKAGE_PARENT = str(Path(mobiclass.__file__).resolve().parent.parent)
COMMAND = (sys.executable, "-c", PROGRAM)


@dataclass(frozen=True)
class Outcome:
    """How a run of the program ended."""

    exit_code: int
    stdout: str
    stderr: str


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give this process's environment with `changes`, and the package on the search path."""
    return {**os.environ, "PYTHONPATH": PACKAGE_PARENT, **(changes or {})}


def run(
    *arguments: str | Path | bytes,
    stdin: bytes | IO[Any] | int | None = b"",
    stdout: IO[Any] | int = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    command: tuple[str, ...] = COMMAND,
    timeout: float = 100,
) -> Outcome:
    """Run the program to its end; a run that hangs fails by `timeout`."""
    source: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(
        [*command, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(env),
        cwd=cwd,
        timeout=timeout,
        check=False,
        **source,
    )
    return Outcome(done.returncode, (done.stdout or b"").decode("utf-8"), done.stderr.decode("utf-8"))


def shell(script: str, *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Outcome:
    """Run a POSIX shell script in which ``"$@"`` is the program."""
    return run("-c", script, "sh", *COMMAND, command=("sh",), env=env, cwd=cwd)


_WRITE_MODULES = """
import os, sys, mobiclass.cli as c
def end(code, end=c.end):
    with open(os.environ["MODULES"], "w") as file:
        file.write("\\n".join(sys.modules))
    end(code)
c.end = end
"""


def run_and_list_modules(*arguments: str | Path, folder: Path) -> tuple[Outcome, set[str]]:
    """Run the program and list the modules that it has at its end, by way of a file in `folder`.

    ``-X importtime`` would be silent about all that is loaded once the program has taken standard error to itself.
    """
    listing = folder / "modules"
    outcome = run(*arguments, command=(sys.executable, "-c", _WRITE_MODULES + PROGRAM), env={"MODULES": str(listing)})
    modules = set(listing.read_text().splitlines())
    assert {"click", "mobiclass.cli", "mobiclass.cli.terminal.streams"} <= modules
    return outcome, modules
