"""Do what may crash or hang in a child process: its death is then an outcome like any other.

A probe (a function of `mobiclass.doctor.probes`) reports what it finds as it goes, and what it is about to do, so that
after a crash it is known how far it came.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn

from mobiclass._system import python_command

Report = Callable[..., None]
"""Takes what a probe found, name to value (JSON); ``step`` is what it does next."""

_MAX_REASON: Final = 300
_DEATHS: Final = {
    "SIGABRT": "aborts",
    "SIGILL": "needs an instruction that this CPU does not have",
    "SIGKILL": "is killed, perhaps for want of memory",
    "SIGTERM": "is killed",
}


class Outcome(NamedTuple):
    """How a probe ended.

    Attributes:
        facts: what it had found by then.
        failure: why it did not come to its end, as a phrase without subject (``crashes (SIGSEGV)``), or ``None``.
        raised: the name of the exception that ended it; ``None`` where none did.
    """

    facts: dict[str, Any]
    failure: str | None
    raised: str | None = None

    @property
    def step(self) -> str:
        """What it was about to do last."""
        return str(self.facts.get("step", ""))


def run_probe(name: str, *arguments: Any, timeout_seconds: float) -> Outcome:
    """Run the probe `name` with `arguments` (text, numbers, and lists of them) in a child process."""
    child = subprocess.Popen(
        python_command("mobiclass.doctor.child", name, json.dumps(arguments)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        stdout, stderr = child.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        _end(child)
        return Outcome(_facts(error.stdout or b""), f"does not end within {timeout_seconds:g} s")
    except BaseException:
        _end(child)
        raise
    facts = _facts(stdout)
    if facts.get("ended"):
        return Outcome(facts, facts.get("failure"), facts.get("raised"))
    return Outcome(facts, _death(child.returncode, stderr))


def main(name: str, arguments: str) -> NoReturn:
    """Be the child: run the probe `name` with `arguments` (JSON); report on standard output, a JSON object a line."""
    from mobiclass.doctor import probes

    # Whatever a library writes to standard output must not mix with the report.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)

        def report(**facts: Any) -> None:
            stream.write(f"\n{json.dumps(facts)}\n")
            stream.flush()

        try:
            getattr(probes, name)(report, *json.loads(arguments))
            report(ended=True)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
            report(ended=True, failure=_reason(error), raised=type(error).__name__)
    os._exit(0)  # what crashes while it is taken down has done its work


def _facts(stdout: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for line in stdout.splitlines():
        with contextlib.suppress(ValueError, RecursionError):  # a line that was cut short by the end
            found = json.loads(line)
            if isinstance(found, dict):
                facts |= found
    return facts


def _reason(error: BaseException) -> str:
    """Give the message of `error` on one line, with its kind unless the message is made for people."""
    from mobiclass.errors import MobiclassError

    message = " ".join(str(error).split())[:_MAX_REASON]
    if isinstance(error, MobiclassError):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _death(status: int, stderr: bytes) -> str:
    """Say how a process ended that did not reach its end."""
    if status >= 0:
        return f"ends the process (status {status}){_last_words(stderr)}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{_DEATHS.get(name, 'crashes')} ({name}){_last_words(stderr)}"


def _last_words(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return f": {lines[-1][:_MAX_REASON]}" if lines else ""


def _end(child: subprocess.Popen[bytes]) -> None:
    """End `child` without waiting for what it may have started, which may hold its pipes."""
    child.kill()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):  # a process in a dead drive cannot even be killed
        child.wait(timeout=1)
