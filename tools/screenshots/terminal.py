"""Pictures of a terminal: commands typed into a shell in tmux, what is on its screen then as a page."""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from mobiclass.errors import SetupError
from tools.screenshots.browser import find_program

_SECONDS: Final = 120
_PROMPT: Final = "$ "
_COLOURS: Final = ("#3b4252", "#e06c75", "#8fbf6f", "#e5c07b", "#6ca8e8", "#c58fd8", "#5fb8c4", "#d8dee9")
_PAGE: Final = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 16px 20px; background: #1f242d; }}
pre {{ margin: 0; color: #e4e8ef; font: 15px/20px "DejaVu Sans Mono", monospace; }}
</style><pre>{}</pre>
"""
PADDING_HEIGHT: Final = 32
LINE_HEIGHT: Final = 20
PADDING_WIDTH: Final = 40
CELL_WIDTH: Final = 9.04


class Terminal:
    """A shell in tmux with a screen of its own, in the folder `cwd`; a context manager."""

    def __init__(self, cwd: Path, *, columns: int, rows: int, variables: Mapping[str, str]) -> None:
        """Describe the shell; entering the context starts it."""
        self._tmux = [find_program("tmux", package="tmux"), "-L", f"mobiclass-{os.getpid()}", "-f", os.devnull]
        self._cwd, self._columns, self._rows = cwd, columns, rows
        self._environment = {**os.environ, **variables, "LC_ALL": "C.UTF-8"}

    def __enter__(self) -> Terminal:
        self._run(
            "new-session", "-d", "-x", str(self._columns), "-y", str(self._rows),
            "-c", str(self._cwd), shlex.join(["env", f"PS1={_PROMPT}", "bash", "--norc", "--noprofile"]),
        )  # fmt: skip
        self._wait_for_prompt(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")

    def type(self, command: str) -> None:
        """Type `command` and wait until it has ended.

        Raises:
            SetupError: it takes longer than two minutes.
        """
        prompts = self._prompts()
        self._run("send-keys", "-l", command)
        self._run("send-keys", "Enter")
        self._wait_for_prompt(prompts + 1)

    def page(self) -> tuple[str, int]:
        """Write the screen as an HTML page; also the number of its lines, without the last prompt and what is empty."""
        lines = self._run("capture-pane", "-e", "-p").split("\n")
        while lines and _plain(lines[-1]).strip() in ("", _PROMPT.strip()):
            lines.pop()
        return _PAGE.format("\n".join(_as_html(lines))), len(lines)

    def _prompts(self) -> int:
        return sum(line.startswith(_PROMPT.strip()) for line in self._run("capture-pane", "-p").split("\n"))

    def _wait_for_prompt(self, prompts: int) -> None:
        end = time.monotonic() + _SECONDS
        while self._prompts() < prompts:
            if time.monotonic() > end:
                raise SetupError(f"the shell is not ready after {_SECONDS} s:\n{self._run('capture-pane', '-p')}")
            time.sleep(0.1)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SetupError(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


_SGR: Final = re.compile(r"\x1b\[([0-9;]*)m")


def _plain(line: str) -> str:
    return _SGR.sub("", line)


def _as_html(lines: list[str]) -> Iterator[str]:
    """Turn the colours, bold and dim of `lines`, which go on from line to line, into spans."""
    style: dict[str, str] = {}
    for line in lines:
        # Text and the numbers of the sequence after it, in turn.
        parts = [*_SGR.split(line), ""]
        spans = []
        for text, codes in zip(parts[::2], parts[1::2], strict=True):
            rules = ";".join(f"{name}:{value}" for name, value in style.items())
            spans.append(f'<span style="{rules}">{html.escape(text)}</span>' if rules and text else html.escape(text))
            for code in codes.split(";") if codes else []:
                _apply(int(code or 0), style)
        yield "".join(spans)


def _apply(code: int, style: dict[str, str]) -> None:
    if code == 0:
        style.clear()
    elif code == 1:
        style["font-weight"] = "bold"
    elif code == 2:
        style["opacity"] = "0.65"
    elif 30 <= code <= 37:
        style["color"] = _COLOURS[code - 30]
    elif 90 <= code <= 97:
        style["color"] = _COLOURS[code - 90]
    elif code == 39:
        style.pop("color", None)
