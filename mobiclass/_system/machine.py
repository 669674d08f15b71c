"""The cores, CPU time and memory that this process may use, within the limits of its control groups.

The one reader of /proc, /sys and the control groups (versions 1 and 2) of containers and systemd units. What the system
does not tell is ``None``. `root` is the folder that holds its files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

_ROOT: Final = Path("/")
_NO_LIMIT: Final = 1 << 60  # version 1 writes "no limit" as the largest multiple of a page


class Limits(NamedTuple):
    """The limits of this process's control groups; ``None`` where there is none.

    Attributes:
        cores: CPU time, in cores.
        memory_bytes: memory.
        memory_left_bytes: the unused part of it.
    """

    cores: float | None
    memory_bytes: int | None
    memory_left_bytes: int | None


class Memory(NamedTuple):
    """The memory of the whole system, in bytes.

    Attributes:
        total: all of it.
        available: what a new program can use without swapping.
    """

    total: int | None
    available: int | None


def available_cores(root: Path = _ROOT) -> int:
    """Count the cores that this process may keep busy: those of its affinity, up to its control groups' quota.

    A quota of 1.5 cores counts as 2: one of two threads then waits now and then, but no CPU time is wasted.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(root)
    return allowed if quota is None else max(1, min(allowed, ceil(quota)))


def available_bytes(root: Path = _ROOT) -> int | None:
    """Return the memory that a new program can use, within the control groups' limits."""
    known = [read_memory(root).available, read_limits(root).memory_left_bytes]
    return min((count for count in known if count is not None), default=None)


def read_memory(root: Path = _ROOT) -> Memory:
    """Read how much memory the whole system has."""
    found = re.findall(r"^(\w+):\s*(\d+) kB$", read_text(root / "proc/meminfo") or "", re.MULTILINE)
    kilobytes = {name: int(number) * 1024 for name, number in found}
    total = kilobytes.get("MemTotal")
    if not kilobytes and root == _ROOT:
        try:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, OSError, ValueError):
            total = None
    return Memory(total, kilobytes.get("MemAvailable"))


def read_limits(root: Path = _ROOT) -> Limits:
    """Read the limits of this process's groups and of their parents; the strictest counts."""
    memory = [found for folder in _folders(root, "memory") if (found := _memory(folder)) is not None]
    return Limits(
        _quota(root),
        min((limit for limit, _ in memory), default=None),
        min((max(0, limit - used) for limit, used in memory), default=None),
    )


def read_text(path: Path) -> str | None:
    """Return the content of `path`, stripped; ``None`` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """Return the whole number in `path`; ``None`` where there is none."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def _quota(root: Path) -> float | None:
    return min((number for folder in _folders(root, "cpu") if (number := _cores(folder)) is not None), default=None)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's group for `controller`, from the innermost outwards.

    A container often sees its own group as the root, while /proc tells the path that it has outside: the folders that
    are not there give nothing.
    """
    mount = root / "sys/fs/cgroup"
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        bases = [mount / controllers, mount / controller] if controllers else [mount, mount / "unified"]
        for base in dict.fromkeys(bases):
            parts = [part for part in path.split("/") if part not in ("", "..")]
            yield from (base.joinpath(*parts[:length]) for length in range(len(parts), -1, -1))


def _cores(folder: Path) -> float | None:
    quota, period = [*(read_text(folder / "cpu.max") or "").split(), "", ""][:2]
    if not quota:
        quota = read_text(folder / "cpu.cfs_quota_us") or ""
        period = read_text(folder / "cpu.cfs_period_us") or ""
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return None
    return cores if cores > 0 else None  # version 1 writes "no limit" as -1


def _memory(folder: Path) -> tuple[int, int] | None:
    """Return the memory limit of the group `folder`, and how much of it is used."""
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit = read_number(folder / limit_name)
        if limit is not None and limit < _NO_LIMIT:
            return limit, read_number(folder / used_name) or 0
    return None
