"""Is the processor throttled, by heat or by a weak power supply? From the Raspberry Pi's firmware, and from /sys."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from mobiclass._system import read_number, read_text
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding

_VCGENCMD_SECONDS: Final = 5.0
_HOT_CELSIUS: Final = 80.0  # where a Raspberry Pi begins to throttle
_LEAST_CELSIUS, _MOST_CELSIUS = 0.0, 150.0  # outside, a sensor's reading is not a measurement

# The bits of `vcgencmd get_throttled` (Raspberry Pi documentation): now, and 16 bits higher since boot.
_PAST: Final = 16
_THROTTLED: Final = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
_POWER: Final = "use a stronger power supply and a short cable (a Pi 5 needs 5 V, 5 A)"
_COOLING: Final = "cool it: a heat sink or a fan, and airflow"


def check_heat(environment: Environment) -> list[Finding]:
    """Look for throttling and its causes."""
    findings = [_check_zones(environment.root)]
    if vcgencmd := shutil.which("vcgencmd"):
        findings.insert(0, _check_firmware(vcgencmd))
    return findings


def decode_throttled(bits: int) -> tuple[list[str], list[str]]:
    """Name the `bits` of ``vcgencmd get_throttled``: those of now, and those since boot."""
    now = [text for bit, text in _THROTTLED.items() if bits >> bit & 1]
    past = [text for bit, text in _THROTTLED.items() if bits >> bit + _PAST & 1]
    return now, past


def _check_firmware(vcgencmd: str) -> Finding:
    name = "throttling"
    try:
        asked = subprocess.run(
            [vcgencmd, "get_throttled"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_VCGENCMD_SECONDS,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, "info", f"vcgencmd cannot be run ({type(error).__name__})")
    answer = asked.stdout.decode("utf-8", errors="replace")
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", answer)
    if found is None:
        complaint = (asked.stderr.decode("utf-8", errors="replace") or answer).strip().partition("\n")[0][:200]
        return Finding(
            name, "info", f"vcgencmd gave no answer ({complaint or f'status {asked.returncode}'})",
            'sudo usermod -aG video "$USER", then log out and in again',
        )  # fmt: skip
    now, past = decode_throttled(int(found[1], 16))
    if not now and not past:
        return Finding(name, "ok", f"never since boot ({found[1]})")
    parts = [f"now: {', '.join(now)}"] if now else []
    parts += [f"since boot: {', '.join(past)}"] if past else []
    fixes = [_POWER] if "under-voltage" in (*now, *past) else []
    fixes += [_COOLING] if {"throttled", "soft temperature limit", "frequency capped"} & {*now, *past} else []
    return Finding(name, "warning", f"{'; '.join(parts)} ({found[1]})", "; ".join(fixes))


class _Frequency(NamedTuple):
    """A core's maximum clock in kHz, from cpufreq: of the hardware, and as it is limited now."""

    possible: int
    allowed: int


def _check_zones(root: Path) -> Finding:
    name = "temperature"
    zones = [
        (celsius, read_text(zone / "type") or zone.name)
        for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"))
        if (millidegrees := read_number(zone / "temp")) is not None
        and _LEAST_CELSIUS < (celsius := millidegrees / 1000) < _MOST_CELSIUS
    ]
    frequency = _frequency(root)
    parts = [f"{max(zones)[0]:.0f} °C ({max(zones)[1]})"] if zones else []
    capped = frequency is not None and frequency.allowed < frequency.possible
    if frequency is not None:
        parts.append(f"{'capped at ' if capped else 'up to '}{frequency.allowed / 1e6:.2f} GHz")
        if capped:
            parts[-1] += f" of {frequency.possible / 1e6:.2f}"
    if not parts:
        return Finding(name, "info", "not known here")
    cooling = _active_cooling(root)
    if cooling:
        parts.append(f"throttled by the cooling device {cooling}")
    slow = _slow_governor(root)
    if slow:
        parts.append(f"the governor {slow} keeps it at its lowest frequency")
    fixes = [_COOLING] if cooling or capped or (zones and max(zones)[0] >= _HOT_CELSIUS) else []
    fixes += ["echo ondemand | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"] if slow else []
    return Finding(name, "warning" if fixes else "ok", ", ".join(parts), "; ".join(fixes) or None)


def _frequency(root: Path) -> _Frequency | None:
    """Return the clock of the fastest core."""
    found = []
    for policy in (root / "sys/devices/system/cpu/cpufreq").glob("policy*"):
        possible, allowed = read_number(policy / "cpuinfo_max_freq"), read_number(policy / "scaling_max_freq")
        if possible and allowed:
            found.append(_Frequency(possible, allowed))
    return max(found, default=None)


def _active_cooling(root: Path) -> str | None:
    """Name a cooling device that is throttling the processor, if there is one."""
    for device in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        kind = read_text(device / "type") or ""
        if re.search("cpufreq|processor", kind, re.IGNORECASE) and (read_number(device / "cur_state") or 0) > 0:
            return kind
    return None


def _slow_governor(root: Path) -> str | None:
    """Name the governor if it keeps the lowest frequency; Intel's and AMD's drivers use the word differently."""
    for policy in sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*")):
        driver, governor = read_text(policy / "scaling_driver") or "", read_text(policy / "scaling_governor")
        if governor == "powersave" and not driver.startswith(("intel_pstate", "amd-pstate", "amd_pstate")):
            return governor
    return None
