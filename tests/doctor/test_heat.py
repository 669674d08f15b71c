"""Throttling: a real program in vcgencmd's place, and trees laid out like /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding
from mobiclass.doctor.heat import check_heat, decode_throttled
from tests.support.sysfs import lay_out

ZONE = "sys/class/thermal/thermal_zone0"
POLICY = "sys/devices/system/cpu/cpufreq/policy0"


def ask(root: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Finding:
    """Give what is found with `script` in vcgencmd's place."""
    lay_out(root, {"bin/vcgencmd": f"#!/bin/sh\n{script}\n"})
    (root / "bin/vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{root / 'bin'}:/usr/bin:/bin")
    first, second = check_heat(Environment(root=root))
    assert (first.name, second.name) == ("throttling", "temperature")
    return first


def test_the_bits_are_named() -> None:
    assert decode_throttled(0) == ([], [])
    assert decode_throttled(0x1) == (["under-voltage"], [])
    assert decode_throttled(0x2) == (["frequency capped"], [])
    assert decode_throttled(0x4) == (["throttled"], [])
    assert decode_throttled(0x8) == (["soft temperature limit"], [])
    assert decode_throttled(0x50005) == (["under-voltage", "throttled"],) * 2
    assert decode_throttled(0xA0000) == ([], ["frequency capped", "soft temperature limit"])


@pytest.mark.parametrize(
    ("bits", "status", "text", "fixes"),
    [
        ("0x0", "ok", "never since boot (0x0)", []),
        ("0x50000", "warning", "since boot: under-voltage, throttled (0x50000)", ["power supply", "cool it"]),
        (
            "0x50005",
            "warning",
            "now: under-voltage, throttled; since boot: under-voltage, throttled (0x50005)",
            ["cool it"],
        ),
        (
            "0x80008",
            "warning",
            "now: soft temperature limit; since boot: soft temperature limit (0x80008)",
            ["cool it"],
        ),
        ("0x10000", "warning", "since boot: under-voltage (0x10000)", ["power supply"]),
    ],
)
def test_the_firmware_is_asked(
    bits: str, status: str, text: str, fixes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = ask(tmp_path, monkeypatch, f'[ "$1" = get_throttled ] && echo throttled={bits}')
    assert (finding.status, finding.text) == (status, text)
    assert all(fix in (finding.fix or "") for fix in fixes)
    assert ("power supply" in (finding.fix or "")) == ("under-voltage" in text)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo VCHI initialization failed >&2; exit 255", "vcgencmd gave no answer (VCHI initialization failed)"),
        ("exit 3", "vcgencmd gave no answer (status 3)"),
        ("printf 'throttled=\\377\\n'", "vcgencmd gave no answer"),
    ],
)
def test_a_firmware_that_does_not_tell(script: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = ask(tmp_path, monkeypatch, script)
    assert finding.status == "info"
    assert text in finding.text


def test_a_firmware_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobiclass.doctor.heat._VCGENCMD_SECONDS", 0.2)
    finding = ask(tmp_path, monkeypatch, "exec sleep 20")
    assert (finding.status, finding.text) == ("info", "vcgencmd cannot be run (TimeoutExpired)")


def temperature(root: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Finding:
    monkeypatch.setenv("PATH", str(root))
    lay_out(root, files)
    (finding,) = check_heat(Environment(root=root))
    return finding


CLOCK = {f"{POLICY}/cpuinfo_max_freq": "1800000\n", f"{POLICY}/scaling_max_freq": "1800000\n"}


@pytest.mark.parametrize(
    ("files", "status", "text"),
    [
        ({}, "info", "not known here"),
        ({f"{ZONE}/temp": "48312\n", f"{ZONE}/type": "cpu-thermal\n"}, "ok", "48 °C (cpu-thermal)"),
        ({f"{ZONE}/temp": "84000\n", f"{ZONE}/type": "cpu-thermal\n"}, "warning", "84 °C (cpu-thermal)"),
        ({f"{ZONE}/temp": "-274000\n"}, "info", "not known here"),
        ({f"{ZONE}/temp": "50000\n", "sys/class/thermal/thermal_zone1/temp": "61000\n"}, "ok", "61 °C (thermal_zone1)"),
        (CLOCK, "ok", "up to 1.80 GHz"),
        ({**CLOCK, f"{POLICY}/scaling_max_freq": "600000\n"}, "warning", "capped at 0.60 GHz of 1.80"),
        ({**CLOCK, "sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
          "sys/class/thermal/cooling_device0/cur_state": "2\n"},
         "warning", "throttled by the cooling device cpufreq-cpu0"),
        ({**CLOCK, "sys/class/thermal/cooling_device0/type": "gpio-fan\n",
          "sys/class/thermal/cooling_device0/cur_state": "1\n"}, "ok", "up to 1.80 GHz"),
        ({**CLOCK, f"{POLICY}/scaling_governor": "powersave\n", f"{POLICY}/scaling_driver": "cpufreq-dt\n"},
         "warning", "the governor powersave keeps it at its lowest frequency"),
        ({**CLOCK, f"{POLICY}/scaling_governor": "powersave\n", f"{POLICY}/scaling_driver": "intel_pstate\n"},
         "ok", "up to 1.80 GHz"),
    ],
)  # fmt: skip
def test_temperature_and_clock(
    files: dict[str, str], status: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = temperature(tmp_path, monkeypatch, files)
    assert finding.status == status
    assert text in finding.text
    assert (finding.fix is not None) == (status == "warning")
