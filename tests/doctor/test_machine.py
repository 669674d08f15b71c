"""Processor, cores, control groups and memory, read from trees laid out as Linux lays them out."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from mobiclass._system.machine import read_limits
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.machine import check_cores, check_cpu, check_memory, check_python, check_system
from tests.support.sysfs import lay_out

USABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MEGABYTE = 1_000_000


def on_machine(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)


def meminfo(total_bytes: int, available_bytes: int) -> dict[str, str]:
    lines = {"MemTotal": total_bytes, "MemFree": 1024, "MemAvailable": available_bytes}
    return {"proc/meminfo": "".join(f"{name}:  {number // 1024} kB\n" for name, number in lines.items())}


@pytest.mark.parametrize(
    ("machine", "line", "status", "text"),
    [
        ("x86_64", "flags\t\t: fpu sse2 avx2 avx512_vnni", "ok", "AVX512-VNNI, AVX2"),
        ("x86_64", "flags\t\t: fpu avx2 avx_vnni", "ok", "AVX-VNNI, AVX2"),
        ("x86_64", "flags\t\t: fpu avx2", "ok", "AVX2 without VNNI"),
        ("x86_64", "flags\t\t: fpu sse4_2 avx", "warning", "no instructions for fast int8"),
        ("aarch64", "Features\t: fp asimd asimddp i8mm", "ok", "i8mm (int8 matrix products), dotprod"),
        ("aarch64", "Features\t: fp asimd asimddp", "ok", "dotprod (int8 dot products)"),
        ("aarch64", "Features\t: fp asimd crc32", "ok", "NEON without dotprod"),
        ("armv7l", "Features\t: half thumb neon vfpv4", "ok", "NEON without dotprod"),
        ("armv6l", "Features\t: half thumb fastmult vfp", "warning", "no instructions for fast int8"),
        (
            "aarch64",
            "flags\t\t: fpu avx2 avx512_vnni",
            "info",
            "its features are not known here",
        ),  # an emulator's host
    ],
)
def test_cpu_features(
    machine: str, line: str, status: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_machine(monkeypatch, machine)
    monkeypatch.setattr("sys.platform", "linux")
    lay_out(tmp_path, {"proc/cpuinfo": f"processor\t: 0\n{line}\nprocessor\t: 1\n{line}\n"})
    finding = check_cpu(Environment(root=tmp_path))
    assert (finding.status, finding.text.startswith(text)) == (status, True)


def test_a_mac_is_asked_by_sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysctl = tmp_path / "bin/sysctl"
    lay_out(
        tmp_path,
        {"bin/sysctl": "#!/bin/sh\necho 'hw.optional.arm.FEAT_DotProd: 1'\necho 'hw.optional.arm.FEAT_I8MM: 0'\n"},
    )
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(sysctl.parent))
    monkeypatch.setattr("sys.platform", "darwin")
    on_machine(monkeypatch, "arm64")
    assert check_cpu(Environment(root=tmp_path)).text == "dotprod (int8 dot products)"


def test_the_board_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    })  # fmt: skip
    text = check_system(Environment(root=tmp_path)).text
    assert text.startswith("Raspberry Pi 4 Model B Rev 1.4, Debian GNU/Linux 13 (trixie), ")


def test_a_32_bit_python_on_a_64_bit_processor_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    on_machine(monkeypatch, "aarch64")
    monkeypatch.setattr("sys.maxsize", 2**31 - 1)
    environment = Environment()
    finding = check_python(environment)
    assert (finding.status, "32-bit" in finding.text, environment.has_litert_wheels) == ("warning", True, False)


def test_all_cores_where_nothing_limits_them(tmp_path: Path) -> None:
    finding = check_cores(Environment(root=tmp_path))
    assert finding.status == "ok"
    assert finding.text.startswith(str(USABLE))


def test_affinity_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: USABLE + 6)
    if hasattr(os, "sched_getaffinity"):
        assert check_cores(Environment(root=tmp_path)).text == f"{USABLE} of {USABLE + 6} (affinity)"


CGROUP_2 = {"proc/self/cgroup": "0::/system.slice/docker-1.scope\n"}
CGROUP_1 = {"proc/self/cgroup": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n"}


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, None),
        ({**CGROUP_2, "sys/fs/cgroup/system.slice/docker-1.scope/cpu.max": "50000 100000\n"}, 0.5),
        ({**CGROUP_2, "sys/fs/cgroup/system.slice/cpu.max": "150000 100000\n"}, 1.5),  # of the group around it
        ({**CGROUP_2, "sys/fs/cgroup/cpu.max": "25000 100000\n"}, 0.25),  # a container sees its group as the root
        ({**CGROUP_2, "sys/fs/cgroup/system.slice/docker-1.scope/cpu.max": "max 100000\n"}, None),
        ({**CGROUP_2, "sys/fs/cgroup/cpu.max": "garbage\n"}, None),
        ({**CGROUP_2, "sys/fs/cgroup/cpu.max": "100 0\n"}, None),
        ({**CGROUP_2, "sys/fs/cgroup/system.slice/docker-1.scope/cpu.max": "90000 100000\n",
          "sys/fs/cgroup/system.slice/cpu.max": "80000 100000\n"}, 0.8),
        ({"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/x/cpu.max": "70000 100000\n"}, 0.7),
        ({**CGROUP_1, "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "200000\n",
          "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({**CGROUP_1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "40000\n",
          "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 0.4),
        ({**CGROUP_1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
          "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, None),
    ],
)  # fmt: skip
def test_quotas_of_control_groups(files: dict[str, str], cores: float | None, tmp_path: Path) -> None:
    lay_out(tmp_path, files)
    assert read_limits(tmp_path).cores == cores
    finding = check_cores(Environment(root=tmp_path))
    limited = cores is not None and cores < USABLE
    assert finding.status == ("warning" if limited else "ok")
    if limited:
        assert f"allows the CPU time of only {cores:g}" in finding.text
        assert f"export MOBICLASS_THREADS={max(1, int(cores or 0))} " in (finding.fix or "")


@pytest.mark.parametrize(
    "files",
    [
        {**CGROUP_2, "sys/fs/cgroup/system.slice/memory.max": f"{300 * MEGABYTE}\n",
         "sys/fs/cgroup/system.slice/memory.current": f"{100 * MEGABYTE}\n"},
        {**CGROUP_1, "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": f"{300 * MEGABYTE}\n",
         "sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes": f"{100 * MEGABYTE}\n",
         "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"},
    ],
)  # fmt: skip
def test_memory_of_control_groups(files: dict[str, str], tmp_path: Path) -> None:
    lay_out(tmp_path, {**files, **meminfo(4000 * MEGABYTE, 3000 * MEGABYTE)})
    limits = read_limits(tmp_path)
    assert (limits.memory_bytes, limits.memory_left_bytes) == (300 * MEGABYTE, 200 * MEGABYTE)
    finding = check_memory(Environment(root=tmp_path))
    assert finding.status == "ok"
    assert "the control group allows 300 MB, 200 MB of it free" in finding.text


def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    lay_out(tmp_path, meminfo(440 * MEGABYTE, 50 * MEGABYTE))
    finding = check_memory(Environment(root=tmp_path))
    assert (finding.status, finding.text) == ("warning", "440 MB, 50 MB free")
    assert "add swap" in (finding.fix or "")


def test_little_memory_in_the_control_group_is_a_warning(tmp_path: Path) -> None:
    group = {"sys/fs/cgroup/memory.max": f"{64 * MEGABYTE}\n", "sys/fs/cgroup/memory.current": f"{200 * MEGABYTE}\n"}
    lay_out(tmp_path, {**CGROUP_2, **group, **meminfo(4000 * MEGABYTE, 3000 * MEGABYTE)})
    finding = check_memory(Environment(root=tmp_path))
    assert finding.status == "warning"
    assert "0 MB of it free" in finding.text


def test_memory_without_proc(tmp_path: Path) -> None:
    finding = check_memory(Environment(root=tmp_path))
    assert finding.status in ("ok", "info")
