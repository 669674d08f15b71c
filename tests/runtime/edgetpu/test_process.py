"""The child process that owns the Edge TPU: whatever becomes of it, the parent goes on; and it outlives no parent."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.runtime.backends import choose_runtime
from mobiclass.runtime.edgetpu import process as edgetpu_process
from mobiclass.runtime.edgetpu.failures import LIBRARIES
from mobiclass.runtime.edgetpu.process import ChildFailure, EdgeTpuProcess
from mobiclass.tflite.info import ModelInfo, read_model
from tests.conftest import MakeModel
from tests.support.batch_runs import wait_until
from tests.support.edge_tpus import Simulator, is_alive
from tests.support.program import environment
from tests.support.tiny_models import edgetpu_model


@pytest.fixture
def model(make_model: MakeModel) -> ModelInfo:
    """Give a compiled model."""
    return read_model(make_model(edgetpu_model()))


@contextmanager
def child_of(model: ModelInfo, *, timeout_seconds: float = 20, device: str = "edgetpu") -> Iterator[EdgeTpuProcess]:
    """Start a child process with `model`, and be sure that it is gone at the end of the block."""
    run = RunOptions(device, choose_runtime().name, 1, timeout_seconds)
    child = EdgeTpuProcess(model, run, LIBRARIES)
    try:
        yield child
    finally:
        child.kill()


def image_of(red: int, green: int, blue: int, side: int = 8) -> np.ndarray[Any, Any]:
    """Make a tensor of one colour."""
    return np.full((1, side, side, 3), (red, green, blue), np.uint8)


def fails(model: ModelInfo, **how: Any) -> ChildFailure:
    """Give the failure to start."""
    with pytest.raises(ChildFailure) as caught, child_of(model, **how):
        pass
    return caught.value


@pytest.mark.usefixtures("simulator")
def test_tensors_go_in_and_outputs_come_out(model: ModelInfo) -> None:
    with child_of(model) as child:
        first = child.invoke(image_of(100, 100, 0))
        second = child.invoke(image_of(0, 50, 150))
    assert (first.tolist(), first.dtype) == ([127, 127, 0], np.uint8)  # not overwritten by the second
    assert second.tolist() == [0, 63, 191]


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("side", [2, 9, 300])
def test_other_dtypes_and_sizes(make_model: MakeModel, side: int) -> None:
    labels = [str(number) for number in range(1001)]
    model = read_model(make_model(edgetpu_model(labels, side=side, dtype="int8", classes=1001)))
    with child_of(model) as child:
        output = child.invoke((image_of(0, 50, 150, side).astype(np.int16) - 128).astype(np.int8))
    assert (output.shape, output.dtype) == ((1001,), np.int8)
    assert output[:4].tolist() == [-128, 63 - 128, 191 - 128, -128]


def test_the_model_is_run_once_before_it_is_ready(model: ModelInfo, simulator: Simulator) -> None:
    with child_of(model, device="edgetpu:usb:1"):
        assert simulator.log() == ["load", "create device=usb:1", "prepare", "invoke 1"]


def test_closing_closes_the_device_in_order(model: ModelInfo, simulator: Simulator) -> None:
    with child_of(model) as child:
        child.close()
        assert not is_alive(child.pid)
    assert simulator.log()[-1] == "destroy"


@pytest.mark.parametrize(
    ("place", "stage"),
    [("load", "library"), ("create", "device"), ("prepare", "model"), ("1", "first invoke")],
)
def test_a_child_that_hangs_or_crashes_while_it_starts(
    place: str, stage: str, model: ModelInfo, simulator: Simulator
) -> None:
    simulator.switch(hang=place)
    failure = fails(model, timeout_seconds=1)
    assert (failure.stage, failure.cause, failure.detail) == (stage, "hung", "")
    simulator.switch(crash=place)
    failure = fails(model)
    assert (failure.stage, failure.cause, failure.detail) == (stage, "died", "crashed (SIGSEGV)")
    simulator.switch(abort=place)
    failure = fails(model)
    assert (failure.stage, failure.cause) == (stage, "died")
    assert failure.detail.startswith("aborted (SIGABRT); F simulated_driver.cc:1] transfer on tag 1 failed")
    assert not any(map(is_alive, simulator.pids()))


def test_a_refusal_gives_its_reason(model: ModelInfo, simulator: Simulator) -> None:
    simulator.switch(no_device=1)
    failure = fails(model)
    assert (failure.stage, failure.cause) == ("device", "refused")
    assert failure.detail == "Failed to load delegate from libedgetpu.so.1"
    simulator.switch(old_runtime=1)
    failure = fails(model)
    assert (failure.stage, failure.cause) == ("model", "refused")
    assert "Package requires runtime version (14)" in failure.detail


def test_a_library_that_is_missing_or_broken(model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    failure = fails(model)
    assert (failure.stage, failure.cause, failure.detail) == ("library", "refused", "not found")
    (tmp_path / "libedgetpu.so.1").write_bytes(b"\x7fELF, but no more than that")
    failure = fails(model)
    assert (failure.stage, failure.cause) == ("library", "refused")
    assert "file too short" in failure.detail or "invalid ELF header" in failure.detail


def test_the_librarys_second_name(model: ModelInfo, simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "libedgetpu.so.1.0").symlink_to(simulator.library / "libedgetpu.so.1")
    os.environ["LD_LIBRARY_PATH"] = str(tmp_path / "other")  # restored by the simulator's fixture
    with child_of(model) as child:
        assert child.invoke(image_of(9, 0, 0)).tolist() == [255, 0, 0]


def test_an_invoke_that_fails_hangs_or_crashes(model: ModelInfo, simulator: Simulator) -> None:
    simulator.switch(fail=2, hang=4)
    with child_of(model, timeout_seconds=1) as child:
        with pytest.raises(ChildFailure, match="refused at invoke.*USB transfer error 5"):
            child.invoke(image_of(9, 0, 0))
        assert child.invoke(image_of(9, 0, 0)).tolist() == [255, 0, 0]
        with pytest.raises(ChildFailure, match="hung at invoke"):
            child.invoke(image_of(9, 0, 0))
        assert not is_alive(child.pid)
        with pytest.raises(ChildFailure, match="died at invoke"):
            child.invoke(image_of(9, 0, 0))
    simulator.switch(crash=2)
    with child_of(model) as child, pytest.raises(ChildFailure, match=r"died at invoke: crashed \(SIGSEGV\)"):
        child.invoke(image_of(9, 0, 0))


@pytest.mark.usefixtures("simulator")
def test_a_child_that_was_killed_between_two_tensors(model: ModelInfo) -> None:
    with child_of(model) as child:
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildFailure, match="died at invoke: was killed, perhaps because memory ran out"):
            child.invoke(image_of(9, 0, 0))


def test_a_late_answer_is_never_taken_for_another_tensors(
    model: ModelInfo, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.switch(slow_ms=300)
    with child_of(model) as child:

        def interrupt(number: int, frame: object) -> None:
            raise KeyboardInterrupt

        previous = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                child.invoke(image_of(9, 0, 0))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        with pytest.raises(ChildFailure, match="died at invoke"):
            child.invoke(image_of(0, 9, 0))


def test_its_chatter_comes_on_stderr_and_never_on_stdout(
    model: ModelInfo, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    simulator.switch(chatter=1)
    with child_of(model) as child:
        child.invoke(image_of(9, 0, 0))
        child.close()
        child._chatter.last_line()
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("simulated chatter on stdout") == err.count("simulated chatter on stderr") == 2


@pytest.mark.usefixtures("simulator")
def test_it_inherits_no_lock_and_no_stream(model: ModelInfo, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with child_of(model) as child:
            opened = {str(link.readlink()) for link in Path(f"/proc/{child.pid}/fd").iterdir()}
            # Its pipes and files are its own; what it shares with the parent beyond them is nothing.
            assert {name.partition(":")[0] for name in opened} <= {"pipe", "/dev/null", "/memfd"}
            streams = {str(Path(f"/proc/self/fd/{number}").readlink()) for number in (1, 2)} - {"/dev/null"}
            assert opened.isdisjoint(streams | {str(tmp_path / "lock")})
            assert os.getsid(child.pid) == child.pid  # Ctrl-C in a terminal does not reach it


@pytest.mark.usefixtures("simulator")
def test_nothing_is_left_open_by_children_that_are_gone(model: ModelInfo) -> None:
    with child_of(model) as child:
        child.close()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with child_of(model) as child:
            child.invoke(image_of(9, 0, 0))
    wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before, "closed descriptors")


@pytest.mark.parametrize("place", ["none", "load", "create", "2"])
def test_it_dies_with_its_parent_whatever_it_hangs_in(
    place: str, model: ModelInfo, simulator: Simulator, tmp_path: Path
) -> None:
    simulator.switch(hang=place)
    program = (
        "from pathlib import Path; import sys; from mobiclass import Classifier\n"
        "classifier = Classifier.load(sys.argv[1], device='edgetpu', device_timeout=1000)\n"
        "if sys.argv[2] == '2': classifier.classify(b'')\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    if place == "2":
        program = program.replace(
            "classifier.classify(b'')", "from PIL import Image; classifier.classify(Image.new('RGB', (9, 9)))"
        )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, model.path, place],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert parent.stdin is not None and parent.stdout is not None
    try:
        if place == "none":
            assert parent.stdout.readline() == b"ready\n"
        else:
            wait_until(lambda: bool(simulator.log("hang")), "a hang")
        (child,) = simulator.pids()
        assert is_alive(child)
        parent.kill()
        parent.wait()
        wait_until(lambda: not is_alive(child), "the child's end")
    finally:
        parent.kill()
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()


def test_a_process_that_cannot_be_started(model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    failure = fails(model)
    assert (failure.stage, failure.cause) == ("start", "died")
    assert "/nonexistent/python" in failure.detail


def test_a_process_that_does_not_come_to_its_start(
    model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(edgetpu_process, "_START_SECONDS", 0.3)
    failure = fails(model)
    assert (failure.stage, failure.cause) == ("start", "hung")


@pytest.mark.usefixtures("simulator")
def test_the_child_runs_no_code_of_a_hostile_current_folder(
    model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("numpy", "json", "mmap", "mobiclass", "ai_edge_litert", "tflite_runtime", "ctypes"):
        (hostile / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(0)\n")
    monkeypatch.chdir(hostile)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with child_of(model):
        pass
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("simulator")
def test_an_answer_that_came_while_this_process_was_stopped_counts(model: ModelInfo, tmp_path: Path) -> None:
    # Ctrl-Z stops the parent alone: the child is in a session of its own.
    with child_of(model, timeout_seconds=0.5) as child:
        poll = child._poll

        class Late:
            def poll(self, milliseconds: float) -> list[tuple[int, int]]:
                time.sleep(1)
                return poll.poll(milliseconds)

        child._poll = Late()  # type: ignore[assignment]
        assert child.invoke(image_of(9, 0, 0)).tolist() == [255, 0, 0]
