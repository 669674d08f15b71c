"""Measuring processes: that failures are not timed, and that a child's memory is seen. No figure is asserted."""

from __future__ import annotations

import sys

import pytest

from tools.benchmarks.measure import Bar, machine, mobiclass_command, peak_pss_mb, peak_rss_mb, ratio, run

NOTHING = [sys.executable, "-c", ""]
FAILURE = [sys.executable, "-c", "raise SystemExit(3)"]
ALLOCATE = "import time; block = bytearray(b'x' * 100_000_000); time.sleep(0.5)"
IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ALLOCATE!r}])"


def test_a_command_that_fails_is_no_measurement() -> None:
    assert run([NOTHING, NOTHING]) > 0
    with pytest.raises(RuntimeError, match=r"exit codes \[0, 3\]"):
        run([NOTHING, FAILURE])
    if sys.platform == "linux":
        with pytest.raises(RuntimeError, match="exit code 3"):
            peak_pss_mb(FAILURE)


def test_ratios_are_ours_over_theirs() -> None:
    ours, theirs, over = ratio([NOTHING], [NOTHING], rounds=1)
    assert over == ours / theirs


def test_memory_includes_that_of_children() -> None:
    assert peak_rss_mb([sys.executable, "-c", ALLOCATE]) > 100
    if sys.platform == "linux":
        assert peak_pss_mb([sys.executable, "-c", IN_A_CHILD]) > 100


def test_lines_of_the_table() -> None:
    assert Bar("speed", "2.1", "≥ 2", True).markdown() == "| speed | 2.1 | ≥ 2 | yes |"
    assert Bar("speed", "1.9", "≥ 2", False).markdown().endswith("| **no** |")
    assert Bar("speed", "1.9", "–", None).markdown().endswith("| – |")
    assert "Python 3" in machine()
    assert mobiclass_command()
