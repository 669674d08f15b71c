"""What goes on, for the person who waits: a line a step, with the seconds since the start. It decides nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Final

_LAST_LINES: Final = 40


class Progress:
    """Writes to stderr; what programs write goes there too if `verbose`, and else to `log`."""

    def __init__(self, log: Path, *, verbose: bool) -> None:
        """Begin to count the seconds."""
        self._start = monotonic()
        self._log = log
        self._verbose = verbose

    def step(self, text: str) -> None:
        """Say what comes next."""
        sys.stderr.write(f"[{monotonic() - self._start:4.0f} s] {text}\n")
        sys.stderr.flush()

    def run(self, command: list[str], *, env: Mapping[str, str] | None = None) -> int:
        """Run a program to its end; what it said is shown if it fails.

        Returns:
            Its exit code.
        """
        if self._verbose:
            return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
        with self._log.open("wb") as log:
            done = subprocess.run(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode != 0:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            sys.stderr.write("\n".join(["", f"$ {' '.join(command)}", *lines[-_LAST_LINES:], ""]))
        return done.returncode
