"""Median latency reported by `mobiclass benchmark` against a bare loop over the runtime."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from mobiclass.hub import BUILT_IN, find_model
from tools.benchmarks.measure import Bar, Command, mobiclass_command

_PEERS: Final = Path(__file__).parent / "peers"
_SECONDS: Final = "2"
_TOLERANCE: Final = 0.05


def measure_latency(rounds: int) -> list[Bar]:
    """Time the built-in model on one thread with both, alternately; the result is the median ratio of the pairs."""
    ours: Command = [
        *mobiclass_command(), "benchmark", BUILT_IN, "--threads", "1", "--seconds", _SECONDS, "--device", "cpu",
        "--runtime", "litert", "--format", "json", "--quiet",
    ]  # fmt: skip
    theirs: Command = [sys.executable, str(_PEERS / "bare_latency.py"), str(find_model()), _SECONDS]
    pairs = []
    for number in range(rounds):  # in alternating order, so that drift favours neither
        if number % 2:
            bare = float(_output(theirs))
            pairs.append((_median_ms(ours), bare))
        else:
            pairs.append((_median_ms(ours), float(_output(theirs))))
    ratios = sorted(first / second for first, second in pairs)
    over = statistics.median(ratios)
    medians = " / ".join(f"{statistics.median(times):.2f} ms" for times in zip(*pairs, strict=True))
    return [
        Bar(
            "`benchmark`'s p50 over that of a bare loop",
            f"{over:.3f} ({medians}; single pairs {ratios[0]:.2f} to {ratios[-1]:.2f})",
            "0.95 to 1.05",
            abs(over - 1) <= _TOLERANCE,
        )
    ]


def _median_ms(command: Command) -> float:
    return float(json.loads(_output(command))[0]["p50_ms"])


def _output(command: Command) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
