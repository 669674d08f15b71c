"""How much memory is free, and how much a model will want. It measures this machine, and loads no model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# Peak resident memory of `mobiclass predict` on a 500-pixel photo, LiteRT 2.3 on x86-64, by the model's file:
# 0.5 MB: 57 MB, 4.1: 68, 5.3: 66, 14.0: 88, 18.5: 98. The line lies 0 to 10 % above all but the second.
_PROGRAM_BYTES: Final = 57_000_000
_BYTES_PER_MODEL_BYTE: Final = 2.5  # the file, the runtime's repacked weights, the activations

_MEMINFO: Final = Path("/proc/meminfo")
_CGROUP: Final = Path("/sys/fs/cgroup")  # of a container: version 2, then version 1


def needed_bytes(model_bytes: int) -> int:
    """Estimate the memory that classifying with a model of this many bytes takes, the program included."""
    return _PROGRAM_BYTES + round(_BYTES_PER_MODEL_BYTE * model_bytes)


def available_bytes() -> int | None:
    """Measure the memory that a new program can have without swapping; ``None`` where the system does not say it."""
    known = [count for count in (_available_in_system(), _available_in_container()) if count is not None]
    return min(known, default=None)


def _available_in_system() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        name, _, amount = line.partition(":")
        if name == "MemAvailable" and amount.split()[:1]:
            return int(amount.split()[0]) * 1024
    return None


def _available_in_container() -> int | None:
    for limit, usage in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            return max(0, int((_CGROUP / limit).read_text()) - int((_CGROUP / usage).read_text()))
        except (OSError, ValueError):  # not there, or the word "max"
            continue
    return None
