"""The machine: its system, its processor's features, its cores and memory, and how much this process may use."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from mobiclass._system import read_limits, read_memory, read_text
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding

_MEGABYTE: Final = 1_000_000
_NEEDED_BYTES: Final = 100 * _MEGABYTE
"""The self-test was measured to take 60 to 62 MB on x86-64; a photo of 12 megapixels takes some more."""

# Their names in /proc/cpuinfo, the fastest for int8 arithmetic first.
_X86_FEATURES: Final = {"avx512_vnni": "AVX512-VNNI", "avx_vnni": "AVX-VNNI", "avx2": "AVX2"}
_ARM_FEATURES: Final = {"i8mm": "i8mm (int8 matrix products)", "asimddp": "dotprod (int8 dot products)"}
_NEON: Final = {"asimd", "neon"}
_MAC_FEATURES: Final = {
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.avx2_0": "avx2",
    "hw.optional.avx512vnni": "avx512_vnni",
}


def check_system(environment: Environment) -> Finding:
    """Name the machine and its system."""
    board = read_text(environment.root / "proc/device-tree/model")
    release = re.search(r'^PRETTY_NAME="?([^"\n]*)', read_text(environment.root / "etc/os-release") or "", re.MULTILINE)
    parts = [board, release and release[1], f"{platform.system()} {platform.release()}", platform.machine()]
    return Finding("system", "info", ", ".join(part for part in parts if part))


def check_python(environment: Environment) -> Finding:
    """Name this Python, and whether it suits the processor."""
    bits = "64-bit" if environment.is_64_bit else "32-bit"
    text = f"{platform.python_version()}, {bits}, {sys.executable}"
    if platform.machine() == "aarch64" and not environment.is_64_bit:
        return Finding(
            "python", "warning", f"{text}, on a 64-bit processor",
            "a 64-bit system is several times faster: LiteRT has no 32-bit wheels",
        )  # fmt: skip
    return Finding("python", "ok", text)


def check_cpu(environment: Environment) -> Finding:
    """Look for the instructions that make int8 models fast."""
    features = _cpu_features(environment.root)
    if not features:
        return Finding("cpu", "info", "its features are not known here")
    x86 = [text for name, text in _X86_FEATURES.items() if name in features]
    arm = [text for name, text in _ARM_FEATURES.items() if name in features]
    if "asimddp" in features or "i8mm" in features:
        return Finding("cpu", "ok", ", ".join(arm))
    if features & _NEON:
        return Finding("cpu", "ok", "NEON without dotprod: int8 models run, but slower")
    if x86 and x86 != ["AVX2"]:
        return Finding("cpu", "ok", ", ".join(x86))
    if x86:
        return Finding("cpu", "ok", "AVX2 without VNNI: int8 models run, but slower")
    return Finding("cpu", "warning", "no instructions for fast int8 arithmetic (AVX2, NEON): models run slowly")


def check_cores(environment: Environment) -> Finding:
    """Count the cores, those of this process's affinity, and the CPU time that its control groups allow."""
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    text = f"{usable} of {total}" if usable < total else str(total)
    quota = read_limits(environment.root).cores
    if quota is not None and quota < usable:
        threads = max(1, int(quota))
        return Finding(
            "cores", "warning", f"{text}, but the control group allows the CPU time of only {quota:g}",
            f"export MOBICLASS_THREADS={threads} (and batch --jobs {threads}), or give the container more",
        )  # fmt: skip
    return Finding("cores", "ok", f"{text}{' (affinity)' if usable < total else ''}")


def check_memory(environment: Environment) -> Finding:
    """Compare the available memory with what classifying takes."""
    total, available = read_memory(environment.root)
    limits = read_limits(environment.root)
    if total is None:
        return Finding("memory", "info", "its amount is not known here")
    text = f"{_megabytes(total)}"
    if available is not None:
        text += f", {_megabytes(available)} free"
    limited = limits.memory_bytes is not None and limits.memory_bytes < total
    if limited:
        text += f"; the control group allows {_megabytes(limits.memory_bytes or 0)}, "
        text += f"{_megabytes(limits.memory_left_bytes or 0)} of it free"
    left = [number for number in (available, limits.memory_left_bytes if limited else None) if number is not None]
    if left and min(left) < _NEEDED_BYTES:
        fix = f"end other programs, or add swap: classifying takes about {_megabytes(_NEEDED_BYTES)}"
        return Finding("memory", "warning", text, fix)
    return Finding("memory", "ok", text)


def _cpu_features(root: Path) -> set[str]:
    """Return the features of the first core by their Linux names."""
    # By architecture: an emulated Arm system sees the host's x86 file.
    line = "flags" if platform.machine() in ("x86_64", "AMD64", "i686") else "Features"
    found = re.search(rf"^{line}\s*:\s*(.*)$", read_text(root / "proc/cpuinfo") or "", re.MULTILINE)
    if found:
        return set(found[1].split())
    if sys.platform != "darwin":
        return set()
    names = subprocess.run(["sysctl", "-i", *_MAC_FEATURES], capture_output=True, text=True, timeout=5, check=False)
    values = dict(line.split(": ", 1) for line in names.stdout.splitlines() if ": " in line)
    on = {name for name, value in values.items() if value.strip() == "1"}
    neon = {"asimd"} if platform.machine() == "arm64" else set()
    return {feature for name, feature in _MAC_FEATURES.items() if name in on} | neon


def _megabytes(number: int) -> str:
    return f"{number / 1000 / _MEGABYTE:.1f} GB" if number >= 1000 * _MEGABYTE else f"{number / _MEGABYTE:.0f} MB"
