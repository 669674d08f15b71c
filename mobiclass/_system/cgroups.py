"""What the control groups of this process (containers, systemd units) allow it: cores and memory. Versions 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass.doctor.system_files import read_number, read_text

_NO_LIMIT: Final = 1 << 60  # version 1 writes "no limit" as the largest multiple of a page


class Limits(NamedTuple):
    """What is allowed; ``None`` where there is no limit.

    Attributes:
        cores: processor time, in cores.
        memory_bytes: memory.
        memory_left_bytes: the part of it that is not taken.
    """

    cores: float | None
    memory_bytes: int | None
    memory_left_bytes: int | None


def read_limits(root: Path) -> Limits:
    """Read the limits of this process's groups and of those around them; the strictest counts."""
    cores = [number for folder in _folders(root, "cpu") if (number := _cores(folder)) is not None]
    memory = [found for folder in _folders(root, "memory") if (found := _memory(folder)) is not None]
    return Limits(
        min(cores, default=None),
        min((limit for limit, _ in memory), default=None),
        min((max(0, limit - used) for limit, used in memory), default=None),
    )


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Give the folders of this process's group for `controller`, from the innermost outwards.

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
    """Give the limit of the group `folder` and what of it is taken."""
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit = read_number(folder / limit_name)
        if limit is not None and limit < _NO_LIMIT:
            return limit, read_number(folder / used_name) or 0
    return None
