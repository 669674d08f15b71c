"""Processes of our own: how one is started, how it ended, and the CPU time and memory of those that run.

Whatever a library does in a child process (hang, crash, write to any stream), this process goes on. What processes use
is known where Linux tells of them; elsewhere this process stands alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Final, NamedTuple

from mobiclass._system.machine import read_text

_DEATH_SECONDS: Final = 5.0  # for a killed child to be gone: a driver may hold it in the kernel
_HAS_LIFELINE: Final = hasattr(signal, "SIGIO")  # all but Windows
_ENDINGS: Final = {
    "SIGABRT": "aborted",
    "SIGILL": "used an instruction that this CPU lacks",
    "SIGKILL": "was killed, perhaps because memory ran out",
    "SIGTERM": "was killed",
}
_CPU_TICKS: Final = slice(11, 13)  # of /proc/PID/stat, counted from its third field (proc(5): 14 and 15)
_PROC: Final = Path("/proc")


class Child:
    """A running child process. It ends when this process does, however that ends, or when this object is collected.

    It inherits no lock, and of the descriptors only those that it is given. It is in a session of its own: Ctrl-C in a
    terminal leaves it to this process to end it.

    Attributes:
        process: the process, with unbuffered pipes.
        end: kills it, and closes its stdin and stdout; does nothing the second time. It does not wait for what the
            child started, which may hold the pipes.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        stderr: int | None = subprocess.PIPE,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Call ``main`` of `module` with `arguments` in a new process.

        `stderr` and `pass_fds` are `Popen`'s; `environment` is added to this process's.

        Raises:
            OSError: it cannot be started.
        """
        lifeline, held = os.pipe()
        try:
            self.process = subprocess.Popen(
                python_command(module, *arguments, lifeline=lifeline if _HAS_LIFELINE else None),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                pass_fds=(*pass_fds, lifeline) if _HAS_LIFELINE else (),
                env={**os.environ, **environment} if environment else None,
                start_new_session=True,
            )
        except BaseException:
            os.close(held)
            raise
        finally:
            os.close(lifeline)
        self.end = weakref.finalize(self, _end, os.getpid(), self.process, held)


class Ended(NamedTuple):
    """What is left of a child process.

    Attributes:
        status: its exit status, or the number of the signal that ended it, negative; ``None`` if its time was up.
        ending: how it ended, as a phrase without a subject: ``crashed (SIGSEGV)``.
        stdout: what it wrote.
        stderr: likewise; empty where that was not captured.
    """

    status: int | None
    ending: str
    stdout: bytes
    stderr: bytes


def run_child(
    module: str,
    *arguments: str,
    stdin: bytes = b"",
    timeout_seconds: float | None = None,
    capture_stderr: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Call ``main`` of `module` with `arguments` in a new process, and wait for its end.

    Raises:
        OSError: it cannot be started.
    """
    child = Child(module, *arguments, stderr=subprocess.PIPE if capture_stderr else None, environment=environment)
    try:
        stdout, stderr = child.process.communicate(stdin, timeout_seconds)
    except subprocess.TimeoutExpired as error:
        return Ended(None, f"did not finish within {error.timeout:g} s", error.stdout or b"", error.stderr or b"")
    finally:
        child.end()
        if child.process.stderr:
            child.process.stderr.close()
    return Ended(child.process.returncode, describe_end(child.process.returncode), stdout, stderr or b"")


def describe_end(status: int) -> str:
    """Say how a process ended by its return code, as a phrase without a subject: ``crashed (SIGSEGV)``."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{_ENDINGS.get(name, 'crashed')} ({name})"


def last_line(output: bytes) -> str:
    """Return the last line of a process's `output` that is not empty, without the space around it."""
    return output.decode("utf-8", errors="replace").strip().rpartition("\n")[2].strip()


def python_command(module: str, *arguments: str, lifeline: int | None = None) -> list[str]:
    """Return the command that calls ``main`` of `module` with `arguments`, and ends with the pipe `lifeline`.

    The child gets this process's `sys.path`, so that it finds the same packages and nothing of a hostile current
    folder.
    """
    program = [f"import sys; sys.path[:] = {[entry for entry in sys.path if entry]!r}"]
    if lifeline is not None:
        program.append(f"from mobiclass._system.child import end_with_parent; end_with_parent({lifeline})")
    program.append(f"from {module} import main; main({', '.join(map(repr, arguments))})")
    return [sys.executable, "-c", "; ".join(program)]


def cpu_seconds() -> float:
    """Return the CPU time that this process has had, and those below it that live."""
    return process_time() + sum(map(_cpu_seconds, _below(os.getpid())))


def peak_bytes() -> int:
    """Return the most memory that this process has had in use, and those below it that live.

    Of several processes the peaks are added, and so counts twice what they share: a little too much.
    """
    own = _peak_bytes(os.getpid())
    if own is not None:
        return own + sum(_peak_bytes(pid) or 0 for pid in _below(os.getpid()))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _end(parent: int, child: subprocess.Popen[bytes], held: int) -> None:
    if os.getpid() != parent:  # a fork of the parent, to which the child does not belong
        return
    child.kill()
    os.close(held)
    for stream in (child.stdin, child.stdout):  # not stderr, which a thread may be reading
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_DEATH_SECONDS)


def _below(pid: int) -> list[int]:
    """Return the processes that `pid` started, and those that they started."""
    children = [
        int(child) for task in _PROC.glob(f"{pid}/task/*/children") for child in (read_text(task) or "").split()
    ]
    return children + [further for child in children for further in _below(child)]


def _cpu_seconds(pid: int) -> float:
    # The second field is the program's name in brackets, which may hold anything.
    fields = (read_text(_PROC / f"{pid}/stat") or "").rpartition(")")[2].split()
    return sum(map(int, fields[_CPU_TICKS])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(pid: int) -> int | None:
    # getrusage() would tell the peak of the process that started this one, if that was higher: exec keeps it.
    found = re.search(r"^VmHWM:\s*(\d+) kB$", read_text(_PROC / f"{pid}/status") or "", re.MULTILINE)
    return int(found[1]) * 1024 if found else None
