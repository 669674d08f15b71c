"""Measures processes: the wall time of commands, and the memory of a process and its children."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

Command: TypeAlias = "Sequence[str]"

_SAMPLE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table: what was measured, the figure, and the target."""

    what: str
    figure: str
    bar: str
    reached: bool | None

    def markdown(self) -> str:
        """Format the line for a table of Markdown."""
        verdict = {True: "yes", False: "**no**", None: "–"}[self.reached]
        return f"| {self.what} | {self.figure} | {self.bar} | {verdict} |"


def mobiclass_command() -> list[str]:
    """Return the command for the program: its console script if installed, as users run it."""
    script = Path(sys.executable).with_name("mobiclass")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "mobiclass"]


def ratio(ours: Sequence[Command], theirs: Sequence[Command], rounds: int) -> tuple[float, float, float]:
    """Time two sets of commands alternately, the commands of a set in parallel, and compute the ratio of each pair.

    Returns:
        The medians: our seconds, their seconds, ours over theirs.
    """
    run(ours), run(theirs)  # caches warm
    pairs = [(run(ours), run(theirs)) for _ in range(rounds)]
    return (
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        statistics.median(first / second for first, second in pairs),
    )


def run(commands: Sequence[Command]) -> float:
    """Run all `commands` in parallel, and return the seconds until the last one ends.

    Raises:
        RuntimeError: one of them failed.
    """
    started = time.perf_counter()
    children = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    codes = [child.wait() for child in children]
    seconds = time.perf_counter() - started
    if any(codes):
        raise RuntimeError(f"exit codes {codes} of {commands}")
    return seconds


def peak_rss_mb(command: Command) -> float:
    """Run `command` and return its peak resident memory (RSS) in MB (10⁶ bytes)."""
    # In a process of its own: RUSAGE_CHILDREN includes the peaks of earlier children.
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
        "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    kilobytes = subprocess.run(
        [sys.executable, "-c", program, *command], check=True, capture_output=True, text=True
    ).stdout
    return int(kilobytes) * 1024 / 1e6


def peak_pss_mb(command: Command) -> float:
    """Run `command` and return the peak proportional set size (PSS) of it and its children, in MB (Linux)."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(_pss_bytes(process) for process in _tree(child.pid)))
        time.sleep(_SAMPLE_SECONDS)
    if child.returncode:
        raise RuntimeError(f"exit code {child.returncode} of {command}")
    return peak / 1e6


def machine() -> str:
    """Describe this machine in one line."""
    model = "unknown CPU"
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores of {model}, {memory:.0f} GiB, Python {sys.version.split()[0]}"


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            pids += _tree(int(child))
    return pids


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
