"""Reports progress: a line per step with the seconds since the start, and the output of programs that fail."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import IO, Any, Final

_LAST_LINES: Final = 40
_TIMEOUT_S: Final = 30 * 60  # several times the slowest step on a busy machine


class Progress:
    """Writes to stderr; the output of programs goes there too if `verbose`, otherwise to `log`."""

    def __init__(self, log: Path, *, verbose: bool) -> None:
        self._start = monotonic()
        self._log = log
        self._verbose = verbose

    def step(self, text: str) -> None:
        sys.stderr.write(f"[{monotonic() - self._start:4.0f} s] {text}\n")
        sys.stderr.flush()

    def run(self, command: list[str], *, env: Mapping[str, str] | None = None) -> int:
        """Run a program, and show its output if it fails. One that hangs, as QEMU can, is killed.

        Returns:
            Its exit code; negative if a signal ended it.
        """
        if self._verbose:
            exit_code = _run(command, env, sys.stderr)
        else:
            with self._log.open("wb") as log:
                exit_code = _run(command, env, log)
        if exit_code != 0:
            lines = [] if self._verbose else self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            ended = f"killed by signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
            sys.stderr.write("\n".join(["", f"$ {' '.join(command)}", *lines[-_LAST_LINES:], ended, ""]))
        return exit_code


def _run(command: list[str], env: Mapping[str, str] | None, output: IO[Any]) -> int:
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        return process.wait(_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"{command[0]} took longer than {_TIMEOUT_S // 60} minutes\n")
        return -signal.SIGKILL
    finally:
        # With its children: a folder cannot be removed while a process writes to it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
