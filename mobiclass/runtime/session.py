"""A model on a device, ready to run: what is known of it, what runs it, and what makes its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mobiclass.interpreter import Interpreter
from mobiclass.model import ModelInfo
from mobiclass.preprocess import Preprocessor
from mobiclass.runtimes import Runtime

if TYPE_CHECKING:
    from mobiclass.edgetpu_interpreter import EdgeTpuInterpreter


class Running(NamedTuple):
    """A model on a device, ready to run.

    Attributes:
        model: what is known of the model.
        interpreter: what runs it.
        preprocessor: makes its input.
        device: ``cpu`` or ``edgetpu…``.
        fallback: why the CPU stands in for an accelerator, or ``None``.
    """

    model: ModelInfo
    interpreter: Interpreter | EdgeTpuInterpreter
    preprocessor: Preprocessor
    device: str = "cpu"
    fallback: str | None = None


class DeviceOptions(NamedTuple):
    """How a model is to run.

    Attributes:
        device: ``auto``, ``cpu`` or ``edgetpu…``.
        runtime: the TFLite runtime.
        num_threads: threads for the CPU; all cores if ``None``.
        timeout_seconds: after which an Edge TPU that gives no answer has failed.
        notify: is told, by any thread, when an Edge TPU fails and how it goes on.
    """

    device: str
    runtime: Runtime
    num_threads: int | None
    timeout_seconds: float
    notify: Callable[[str], None] | None


def run_on_cpu(model: ModelInfo, runtime: Runtime, num_threads: int | None, fallback: str | None = None) -> Running:
    """Load `model` on the CPU.

    Raises:
        ModelError: the runtime cannot load it.
        SetupError: the runtime cannot be imported.
    """
    interpreter = Interpreter(model, runtime=runtime, num_threads=num_threads)
    return Running(model, interpreter, Preprocessor(model.input, model.preprocessing), fallback=fallback)
