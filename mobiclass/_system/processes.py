"""Processes of our own: the command that starts a Python one, and the CPU time and memory of those that run.

Other processes are found where Linux tells of them; elsewhere this process stands alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import process_time
from typing import Final

_USER_TICKS, _SYSTEM_TICKS = 11, 12  # of /proc/PID/stat, counted from its third field (proc(5): 14 and 15)
_PROC: Final = Path("/proc")


def python_command(module: str, *arguments: str) -> list[str]:
    """Give the command for a child process that calls ``main`` of `module` with `arguments`.

    The child gets this process's `sys.path`, so that it finds the same packages and nothing of a hostile current
    folder.
    """
    search_path = [entry for entry in sys.path if entry]
    call = f"main({', '.join(map(repr, arguments))})"
    return [sys.executable, "-c", f"import sys; sys.path[:] = {search_path!r}; from {module} import main; {call}"]


def cpu_seconds() -> float:
    """Give the CPU time that this process has had, and those below it that live."""
    return process_time() + sum(map(_cpu_seconds, _below(os.getpid())))


def peak_bytes() -> int:
    """Give the most memory that this process has had in use, and those below it that live.

    Of several processes the peaks are added, and so counts twice what they share: a little too much.
    """
    own = _peak_bytes(os.getpid())
    if own is not None:
        return own + sum(_peak_bytes(pid) or 0 for pid in _below(os.getpid()))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _below(pid: int) -> list[int]:
    """Give the processes that `pid` started, and those that they started."""
    children = []
    for tasks in _PROC.glob(f"{pid}/task/*/children"):
        try:
            children += [int(child) for child in tasks.read_text(encoding="ascii").split()]
        except OSError:  # it has ended meanwhile
            continue
    return children + [further for child in children for further in _below(child)]


def _cpu_seconds(pid: int) -> float:
    try:
        # The second field is the program's name in brackets, which may hold anything.
        fields = (_PROC / f"{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(pid: int) -> int | None:
    try:
        lines = (_PROC / f"{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # getrusage() would tell the peak of the process that started this one, if that was higher: exec keeps it.
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
