"""What the machine lets a process have, read from files as the system writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobiclass._system.machine import available_bytes, available_cores, read_limits, read_memory
from tests.support.sysfs import lay_out

MEMINFO = "MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    2000000 kB\n"
GROUP = {"proc/self/cgroup": "0::/system.slice/docker-1.scope\n", "proc/meminfo": MEMINFO}
GROUP_1 = {"proc/self/cgroup": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n", "proc/meminfo": MEMINFO}


def test_the_system_says_what_is_available(tmp_path: Path) -> None:
    lay_out(tmp_path, {"proc/meminfo": MEMINFO})
    assert available_bytes(tmp_path) == 2_000_000 * 1024
    assert read_memory(tmp_path) == (8_000_000 * 1024, 2_000_000 * 1024)


@pytest.mark.parametrize(
    ("group", "limit", "usage"),
    [
        (GROUP, "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),  # a container sees its group as the root
        (GROUP, "sys/fs/cgroup/system.slice/memory.max", "sys/fs/cgroup/system.slice/memory.current"),
        (
            GROUP_1,
            "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
            "sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes",
        ),
        (GROUP_1, "sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ],
)
def test_a_container_may_have_less(group: dict[str, str], limit: str, usage: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {**group, limit: "100000000\n", usage: "30000000\n"})
    assert available_bytes(tmp_path) == 70_000_000
    lay_out(tmp_path, {usage: "130000000\n"})
    assert available_bytes(tmp_path) == 0
    lay_out(tmp_path, {limit: "max\n"})
    assert available_bytes(tmp_path) == 2_000_000 * 1024


@pytest.mark.parametrize("content", [None, "", "MemAvailable:\n", "MemTotal: 1 kB\n"])
def test_a_system_that_does_not_say_it_is_not_guessed(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        lay_out(tmp_path, {"proc/meminfo": content})
    assert available_bytes(tmp_path) is None


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 2), ("150000 100000", 2), ("100000 100000", 1), ("20000 100000", 1)]
)
def test_a_quota_bounds_the_cores(quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(2)), raising=False)
    lay_out(tmp_path, {**GROUP, "sys/fs/cgroup/cpu.max": f"{quota}\n"})
    assert available_cores(tmp_path) == cores


def test_a_quota_above_the_affinity_gives_no_more_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    lay_out(tmp_path, {**GROUP, "sys/fs/cgroup/cpu.max": "800000 100000\n"})
    assert read_limits(tmp_path).cores == 8
    assert available_cores(tmp_path) == 3


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert available_cores(tmp_path) == expected
