"""The process that reads a raw file: it cannot take more memory than it may."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mobiclass._system import python_command


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to an address space")
def test_the_memory_of_the_process_is_bounded() -> None:
    command = python_command("mobiclass.images.raw.worker")
    command[-1] = command[-1].rpartition("; ")[0].replace("import main", "import _limit_memory")
    command[-1] += "; _limit_memory(64 << 20); bytes(32 << 20); print('enough'); bytes(256 << 20)"
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout == "enough\n"
    assert "MemoryError" in run.stderr
