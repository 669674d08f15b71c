"""A model on an Edge TPU: when a failed child process gets a successor, and when it does not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.errors import DelegateError
from mobiclass.runtime.edgetpu import interpreter as edgetpu_interpreter
from mobiclass.runtime.edgetpu.interpreter import EdgeTpuInterpreter
from mobiclass.tflite.info import ModelInfo, read_model
from tests.conftest import MakeModel
from tests.support.edge_tpus import Simulator, is_alive
from tests.support.tiny_models import edgetpu_model

RED = np.full((1, 8, 8, 3), (200, 0, 0), np.uint8)


@pytest.fixture
def model(make_model: MakeModel) -> ModelInfo:
    """Give a compiled model."""
    return read_model(make_model(edgetpu_model()))


@pytest.fixture
def notices() -> list[str]:
    """Give a list for what is told."""
    return []


@contextmanager
def loaded(
    model: ModelInfo, notices: list[str] | None = None, device_timeout: float = 1.0
) -> Iterator[EdgeTpuInterpreter]:
    """Load `model`, and close it at the end of the block."""
    notify = None if notices is None else notices.append
    interpreter = EdgeTpuInterpreter(model, RunOptions("edgetpu", "auto", 1, device_timeout), notify)
    try:
        yield interpreter
    finally:
        interpreter.close()


@pytest.mark.parametrize("fault", ["fail", "hang", "crash", "abort"])
def test_a_single_failure_is_mended_by_a_new_process(
    fault: str, model: ModelInfo, simulator: Simulator, notices: list[str]
) -> None:
    simulator.switch(**{fault: 3})
    with loaded(model, notices) as interpreter:
        outputs = [interpreter.invoke(RED).tolist() for _ in range(4)]
        first, second = simulator.pids()
        assert not is_alive(first) and is_alive(second)
    assert outputs == [[255, 0, 0]] * 4
    assert len(notices) == 1
    assert notices[0].startswith("libedgetpu.so.1 ") and notices[0].endswith("; trying again in a new process")
    assert len(simulator.log("invoke")) == 7  # two at the start of a process, four that count and one that failed


def test_a_process_that_was_killed_gets_a_successor(model: ModelInfo, simulator: Simulator, notices: list[str]) -> None:
    with loaded(model, notices) as interpreter:
        os.kill(simulator.pids()[0], signal.SIGKILL)
        assert interpreter.invoke(RED).tolist() == [255, 0, 0]
    assert "SIGKILL" in notices[0]


@pytest.mark.parametrize(("switches", "message"), [
    ({"gone": 3}, "finds no usable Edge TPU"),
    ({"hang_from": 3}, "did not answer for 1 s while it ran the model for the first time"),
    ({"fail": 3, "hang": 5}, "did not answer for 1 s while it ran the model: "),
])  # fmt: skip
def test_what_fails_again_is_given_up_for_good(
    switches: dict[str, int], message: str, model: ModelInfo, simulator: Simulator
) -> None:
    simulator.switch(**switches)
    with loaded(model) as interpreter:
        interpreter.invoke(RED)
        with pytest.raises(DelegateError, match=message):
            interpreter.invoke(RED)
        done = simulator.log()
        with pytest.raises(DelegateError, match=message):
            interpreter.invoke(RED)
        assert simulator.log() == done
        assert not any(map(is_alive, simulator.pids()))


def test_a_new_process_must_prove_itself_before_there_is_another(
    model: ModelInfo, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edgetpu_interpreter, "_PROVEN_INVOKES", 3)
    # The first fails at 3; its successor runs 5 to 8 and fails at 9; the next fails at 13, too early.
    (simulator.folder / "switches").write_text("fail=3\nfail=9\nfail=13\n")
    with loaded(model) as interpreter:
        for _ in range(7):
            assert interpreter.invoke(RED).tolist() == [255, 0, 0]
        with pytest.raises(DelegateError, match="USB transfer error 5"):
            interpreter.invoke(RED)
    assert len(simulator.pids()) == 3


def test_what_fails_at_the_start_is_not_tried_again(model: ModelInfo, simulator: Simulator) -> None:
    simulator.switch(crash="create")
    with pytest.raises(DelegateError, match="failed while it opened the device: its process crashed"), loaded(model):
        pass
    assert len(simulator.pids()) == 1


def test_threads_share_it(model: ModelInfo, simulator: Simulator) -> None:
    colours = np.eye(3, dtype=np.uint8) * 255
    simulator.switch(fail=50)
    with loaded(model, device_timeout=20) as interpreter, ThreadPoolExecutor(4) as pool:
        barrier = threading.Barrier(4)

        def run(number: int) -> list[int]:
            if number < 4:
                barrier.wait()
            return [int(value) for value in interpreter.invoke(np.full((1, 8, 8, 3), colours[number % 3], np.uint8))]

        outputs = list(pool.map(run, range(200)))
    assert outputs == [list(map(int, colours[number % 3])) for number in range(200)]
    assert len(simulator.pids()) == 2
