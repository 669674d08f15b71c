"""A model on an Edge TPU: what `Interpreter` is for the CPU, with a child process behind it.

It decides when a failed child is replaced. What happens without an Edge TPU is decided in `mobiclass.runtime.session`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from mobiclass._system import available_cores
from mobiclass.choices import RunOptions
from mobiclass.errors import DelegateError, SetupError
from mobiclass.runtime.backends import Runtime, choose_runtime
from mobiclass.runtime.edgetpu.devices import LIBRARIES
from mobiclass.runtime.edgetpu.failures import explain_failure
from mobiclass.runtime.edgetpu.process import ChildFailure, EdgeTpuProcess
from mobiclass.tflite import ModelInfo

if TYPE_CHECKING:
    from mobiclass.runtime.extra_output import ExtraOutput

_PROVEN_INVOKES: Final = 100
"""Tensors that a restarted child must run before another restart is worth the wait."""


class EdgeTpuInterpreter:
    """One model, loaded on one Edge TPU and run once. Threads may share it; it runs one tensor at a time.

    Attributes:
        runtime: the runtime that drives libedgetpu.
        num_threads: the threads for what the model computes on the CPU.
    """

    def __init__(
        self,
        model: ModelInfo,
        run: RunOptions,
        notify: Callable[[str], None] | None = None,
        extra: ExtraOutput | None = None,
    ) -> None:
        """Load `model` on the device of `run`, an ``edgetpu…``; each step may take its timeout.

        `notify` is told, by any thread, of a failure that led to a restart; `extra` is what the model is to give
        besides its scores.

        Raises:
            DelegateError: libedgetpu or the device cannot be used, or not for this model.
            SetupError: the runtime is not installed, or cannot be imported.
        """
        self.runtime: Runtime = choose_runtime(run.runtime)
        self.num_threads = run.num_threads or available_cores()
        self._model = model
        self._extra = extra
        self._run = run._replace(runtime=self.runtime.name, num_threads=self.num_threads)
        self._notify = notify or (lambda message: None)
        self._lock = threading.Lock()
        self._given_up: SetupError | None = None
        self._unproven = 0
        try:
            self._process = self._start()
        except ChildFailure as failure:
            raise self._explain(failure) from failure

    def invoke(self, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Run the model on `tensor`, of the shape and dtype of its `ModelInfo.input`; returns the raw output (N,).

        Raises:
            DelegateError: the Edge TPU failed, and again after a restart; it is not tried again.
        """
        with self._lock:
            return self._invoke(tensor)

    def invoke_with_extra(
        self, tensor: npt.NDArray[np.generic]
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
        """Run the model, loaded with an extra output, on `tensor`; returns the raw output (N,) and the raw extra one.

        The extra one has the shape and the dtype of its tensor.

        Raises:
            DelegateError: as for `invoke`.
        """
        with self._lock:
            return self._invoke(tensor), self._process.extra()

    def _invoke(self, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        if self._given_up:
            raise self._given_up
        try:
            output = self._process.invoke(tensor)
        except ChildFailure as failure:
            output = self._invoke_again(tensor, failure)
        self._unproven = max(0, self._unproven - 1)
        return output

    def close(self) -> None:
        with self._lock:
            self._process.close()

    def _start(self) -> EdgeTpuProcess:
        return EdgeTpuProcess(self._model, self._run, LIBRARIES, self._extra)

    def _invoke_again(self, tensor: npt.NDArray[np.generic], failure: ChildFailure) -> npt.NDArray[np.generic]:
        self._process.kill()
        if self._unproven:
            raise self._give_up(failure) from failure
        error = self._explain(failure)
        self._notify(f"{error.reason if isinstance(error, DelegateError) else error}; trying again in a new process")
        try:
            self._process = self._start()
            output = self._process.invoke(tensor)
        except ChildFailure as again:
            self._process.kill()
            raise self._give_up(again) from again
        self._unproven = _PROVEN_INVOKES
        return output

    def _give_up(self, failure: ChildFailure) -> SetupError:
        self._given_up = self._explain(failure)
        return self._given_up

    def _explain(self, failure: ChildFailure) -> SetupError:
        return explain_failure(failure, self._model, self._run)
