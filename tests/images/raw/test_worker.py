"""The process that reads a raw file: it cannot take more memory than it may."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mobiclass._system import run_child


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to an address space")
def test_the_memory_of_the_process_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greedy_worker.py").write_text(
        "from mobiclass.images.raw.worker import _limit_memory\n"
        "def main():\n"
        "    _limit_memory(64 << 20)\n"
        "    bytes(32 << 20)\n"
        "    print('enough', flush=True)\n"
        "    bytes(256 << 20)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    ended = run_child("greedy_worker")
    assert ended.stdout == b"enough\n"
    assert b"MemoryError" in ended.stderr
