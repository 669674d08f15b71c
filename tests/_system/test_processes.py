"""Processes of our own: their command, and what they took of the machine: real ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import pytest

from mobiclass._system import processes
from mobiclass._system.processes import cpu_seconds, peak_bytes, python_command


def test_the_function_is_called_with_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echo.py").write_text("def main(*words):\n    print(words)\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    words = ("a 'quoted' word", 'another "one"', "new\nline", "\\", "ü", "")
    done = subprocess.run(python_command("echo", *words), capture_output=True, text=True, check=True)
    assert done.stdout == f"{words!r}\n"


def test_the_current_folder_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    done = subprocess.run(python_command("json.tool"), capture_output=True, input=b"{}", check=False)
    assert (done.returncode, done.stdout) == (0, b"{}\n")


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="NOT TESTED: there is no /proc here that tells of children"
)
WORK = "import time\nwhile time.process_time() < 0.5: pass\n"
HOLD = "held = b'x' * (80 << 20)\ndel held\n"


@contextmanager
def child_after(work: str) -> Iterator[None]:
    """Start a child of a child, which has done `work` and waits."""
    inner = f"{work}print('done', flush=True)\ninput()\n"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"done\n"
        yield
        child.communicate(b"\n", timeout=60)


@needs_proc
def test_the_cpu_time_of_those_below_is_counted() -> None:
    with child_after(WORK):
        assert cpu_seconds() - process_time() >= 0.4  # the system counts in ticks
    assert cpu_seconds() - process_time() < 0.4


@needs_proc
def test_the_peak_of_those_below_is_counted_though_it_is_past() -> None:
    alone = peak_bytes()
    with child_after(HOLD):
        assert peak_bytes() >= alone + (80 << 20)


@needs_proc
def test_the_own_peak_stays_when_the_memory_is_free_again() -> None:
    program = f"from mobiclass._system.processes import peak_bytes\n{HOLD}print(peak_bytes())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 80 << 20


@needs_proc
def test_the_peak_of_whoever_started_it_is_not_its_own() -> None:
    held = b"x" * (300 << 20)
    program = "from mobiclass._system.processes import peak_bytes\nprint(peak_bytes())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < len(held) / 2


@needs_proc
def test_where_the_system_does_not_tell_it_is_this_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    with child_after(WORK):
        assert cpu_seconds() == pytest.approx(process_time(), abs=0.1)
    assert peak_bytes() > 1 << 20


@needs_proc
def test_a_program_may_be_called_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_bytes(b"7 (a) R 1 (\xff) S 1 7 7 0 -1 0 0 0 0 0 250 150 9 9 20 0 1 0\n")
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    assert processes._cpu_seconds(7) == 4.0
