"""What memory is free, read from files as the system writes them, and what a model wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass import memory
from mobiclass.memory import available_bytes, needed_bytes

MEMINFO = "MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    2000000 kB\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder whose files stand for the system's."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "memory").mkdir()
    return tmp_path


def test_the_system_says_what_is_available(system: Path) -> None:
    (system / "meminfo").write_text(MEMINFO)
    assert available_bytes() == 2_000_000 * 1024


@pytest.mark.parametrize(
    ("limit", "usage"),
    [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")],
)
def test_a_container_may_have_less(limit: str, usage: str, system: Path) -> None:
    (system / "meminfo").write_text(MEMINFO)
    (system / limit).write_text("100000000\n")
    (system / usage).write_text("30000000\n")
    assert available_bytes() == 70_000_000
    (system / usage).write_text("130000000\n")
    assert available_bytes() == 0
    (system / limit).write_text("max\n")
    assert available_bytes() == 2_000_000 * 1024


@pytest.mark.parametrize("content", [None, "", "MemAvailable:\n", "MemTotal: 1 kB\n"])
def test_a_system_that_does_not_say_it_is_not_guessed(content: str | None, system: Path) -> None:
    if content is not None:
        (system / "meminfo").write_text(content)
    assert available_bytes() is None


def test_a_larger_model_wants_more() -> None:
    assert 50e6 < needed_bytes(0) < needed_bytes(5_000_000) < 80e6
    assert needed_bytes(18_544_312) == pytest.approx(98e6, rel=0.1)  # as was measured
