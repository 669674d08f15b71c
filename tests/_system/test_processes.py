"""Processes of our own: how they start and end, and what they took of the machine: real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import pytest

from mobiclass._system import processes
from mobiclass._system.processes import (
    Child,
    cpu_seconds,
    describe_end,
    last_line,
    peak_bytes,
    python_command,
    run_child,
)


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


CHILDREN = """
import ctypes, os, subprocess, sys, time
def main(what):
    if what == "echo":
        os.write(2, b"first\\n last \\n\\n")
        os.write(1, sys.stdin.buffer.read())
        sys.exit(7)
    if what == "crash":
        ctypes.string_at(0)
    if what == "hang with a child":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    print("begun", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a module whose ``main`` does what it is told."""
    (tmp_path / "children.py").write_text(CHILDREN)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return "children"


def test_a_child_is_given_its_input_and_gives_its_output(children: str) -> None:
    ended = run_child(children, "echo", stdin=bytes(300_000))  # more than a pipe holds
    assert (ended.status, ended.ending, len(ended.stdout)) == (7, "exited with status 7", 300_000)
    assert last_line(ended.stderr) == "last"


def test_a_child_that_crashes_is_told_by_its_signal(children: str) -> None:
    ended = run_child(children, "crash")
    assert (ended.status, ended.ending) == (-signal.SIGSEGV, "crashed (SIGSEGV)")


def test_a_child_whose_time_is_up_is_ended_and_its_own_child_not_waited_for(children: str) -> None:
    begin = time.monotonic()
    ended = run_child(children, "hang with a child", timeout_seconds=3)
    assert (ended.status, ended.ending, ended.stdout) == (None, "did not finish within 3 s", b"begun\n")
    assert time.monotonic() - begin < 15


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (-signal.SIGABRT, "aborted (SIGABRT)"),
        (-signal.SIGILL, "used an instruction that this CPU lacks (SIGILL)"),
        (-signal.SIGKILL, "was killed, perhaps because memory ran out (SIGKILL)"),
        (-signal.SIGTERM, "was killed (SIGTERM)"),
        (-250, "crashed (signal 250)"),
    ],
)
def test_ends_have_words(status: int, words: str) -> None:
    assert describe_end(status) == words


def test_a_child_ends_with_whoever_drops_it(children: str) -> None:
    child = Child(children, "hang")
    process = child.process
    assert process.stdout is not None and process.stdout.read(5) == b"begun"
    assert process.poll() is None
    del child
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: only Linux sends SIGIO for a pipe")
def test_a_child_ends_when_its_parent_is_killed(children: str) -> None:
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from mobiclass._system.processes import Child\n"
        f"child = Child({children!r}, 'hang')\n"
        "child.process.stdout.read(5)\nprint(child.process.pid, flush=True)\ninput()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    deadline = time.monotonic() + 20
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    """Whether there is such a process, and not its corpse alone."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


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
