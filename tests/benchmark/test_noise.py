"""What else goes on in a machine, read from trees that are laid out like /proc and /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.benchmark.noise import MachineState, machine_state, noise

QUIET = MachineState(seconds=0.0, own_seconds=0.0, busy_seconds=100.0, clock_khz=1_500_000.0, celsius=50.0)


def later(**changes: float | None) -> MachineState:
    return QUIET._replace(**{"seconds": 10.0, "own_seconds": 9.0, "busy_seconds": 109.0, **changes})


def test_a_quiet_machine_is_not_spoken_of() -> None:
    assert noise(QUIET, later(), 0.1) == []


@pytest.mark.parametrize(
    ("after", "spread", "said"),
    [
        (later(), 0.4, "one run in ten took at least 40% longer than the median"),
        (later(busy_seconds=119.0), 0.0, "other programs kept 1.0 cores busy"),
        (later(clock_khz=600_000.0), 0.0, "the clock changed by -60%, to 0.60 GHz"),
        (later(celsius=82.0), 0.0, "it warmed up from 50 to 82 °C"),
    ],
)
def test_what_spoils_figures_is_said(after: MachineState, spread: float, said: str) -> None:
    assert noise(QUIET, after, spread) == [said]


def test_nothing_is_said_of_what_the_system_does_not_tell() -> None:
    silent = MachineState(0.0, 0.0, None, None, None)
    assert noise(silent, silent._replace(seconds=1.0), 0.0) == []


def test_the_state_is_read_from_the_system(tmp_path: Path) -> None:
    files = {
        "proc/stat": "cpu  100 0 100 5000 700 0 0 50 30 0\ncpu0 1 1\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1700000\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/class/thermal/thermal_zone1/temp": "no sensor\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    state = machine_state(tmp_path)
    assert state.busy_seconds == pytest.approx(2.5)  # at 100 ticks a second: idle, waiting and guests left out
    assert state.clock_khz == 1_700_000
    assert state.celsius == pytest.approx(48.312)


def test_a_system_that_tells_nothing_is_read_too(tmp_path: Path) -> None:
    state = machine_state(tmp_path)
    assert (state.busy_seconds, state.clock_khz, state.celsius) == (None, None, None)
