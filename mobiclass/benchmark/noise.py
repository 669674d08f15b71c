"""What disturbs a measurement: other programs, a changing clock, heat. Known on Linux alone, from /proc and /sys."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

from mobiclass._system import cpu_seconds, read_number, read_text

_OTHERS_CORES: Final = 0.15  # of one core: more of that is noticed in the figures
_CLOCK_CHANGE: Final = 0.1
_WARMER_CELSIUS: Final = 10.0
_SPREAD: Final = 0.25
_IDLE_FIELDS: Final = (3, 4)  # of the "cpu" line in /proc/stat: idle, iowait (proc(5))
_BUSY_FIELDS: Final = 8  # user … steal; what follows is counted in them already


class MachineState(NamedTuple):
    """The machine at one moment; ``None`` where the system does not tell.

    Attributes:
        seconds: the moment.
        own_seconds: the CPU time of this process and its descendants so far.
        busy_seconds: the CPU time of all processes so far, on all cores.
        clock_khz: the clock of the fastest core, which does the work; idle ones save power.
        celsius: the hottest sensor's temperature.
    """

    seconds: float
    own_seconds: float
    busy_seconds: float | None
    clock_khz: float | None
    celsius: float | None


def machine_state(root: Path = Path("/")) -> MachineState:
    """Read the state of the machine from the /proc and /sys under `root`."""
    clocks = _numbers(root / "sys/devices/system/cpu", "cpu[0-9]*/cpufreq/scaling_cur_freq")
    heat = _numbers(root / "sys/class/thermal", "thermal_zone*/temp")
    return MachineState(
        seconds=perf_counter(),
        own_seconds=cpu_seconds(),
        busy_seconds=_busy_seconds(root),
        clock_khz=max(clocks, default=None),
        celsius=max(heat) / 1000 if heat else None,
    )


def noise(before: MachineState, after: MachineState, spread: float) -> list[str]:
    """List what makes figures doubtful that were measured between two states of the machine.

    `spread` is how far the 90th percentile lies above the median, as a fraction of the median.
    """
    notes = []
    if spread > _SPREAD:
        notes.append(f"one run in ten took at least {spread:.0%} longer than the median")
    if before.busy_seconds is not None and after.busy_seconds is not None:
        others = (after.busy_seconds - before.busy_seconds) - (after.own_seconds - before.own_seconds)
        cores = others / max(after.seconds - before.seconds, 1e-9)
        if cores > _OTHERS_CORES:
            notes.append(f"other programs kept {cores:.1f} cores busy")
    if before.clock_khz and after.clock_khz:
        change = after.clock_khz / before.clock_khz - 1
        if abs(change) > _CLOCK_CHANGE:
            notes.append(f"the clock changed by {change:+.0%}, to {after.clock_khz / 1e6:.2f} GHz")
    if before.celsius is not None and after.celsius is not None and after.celsius - before.celsius > _WARMER_CELSIUS:
        notes.append(f"it warmed up from {before.celsius:.0f} to {after.celsius:.0f} °C")
    return notes


def _busy_seconds(root: Path) -> float | None:
    fields = (read_text(root / "proc/stat") or "").partition("\n")[0].split()[1 : 1 + _BUSY_FIELDS]
    busy = sum(int(ticks) for field, ticks in enumerate(fields) if field not in _IDLE_FIELDS)
    return busy / os.sysconf("SC_CLK_TCK") if fields else None


def _numbers(folder: Path, pattern: str) -> list[int]:
    """Return the numbers in the files of `pattern`; a sensor that is off has none."""
    return [number for file in folder.glob(pattern) if (number := read_number(file)) is not None]
