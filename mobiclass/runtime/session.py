"""A model on a device, ready to run: on the CPU, on an Edge TPU, or on the CPU where an Edge TPU fails.

What a model for the CPU does not need costs it nothing: all about the Edge TPU is imported where one is wanted. The
model for the CPU that takes over is ``X.tflite`` for ``X_edgetpu.tflite``, in the same folder or among the models that
are here (`mobiclass.hub`); nothing is downloaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass.choices import is_device
from mobiclass.errors import DelegateError, ModelError, SetupError
from mobiclass.hub import find_model
from mobiclass.images import Preprocessor
from mobiclass.runtime.backends import Runtime
from mobiclass.runtime.interpreter import Interpreter
from mobiclass.tflite import Facts, ModelInfo, read_model

if TYPE_CHECKING:
    from mobiclass.runtime.edgetpu.interpreter import EdgeTpuInterpreter

_COMPILED: Final = "_edgetpu"


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


def place(model: ModelInfo, overrides: Facts, options: DeviceOptions) -> tuple[Running, Fallback | None]:
    """Load `model`, whose description `overrides` are part of, on the device of `options`.

    Returns:
        What runs, and what takes over if it raises a `DelegateError`.

    Raises:
        DelegateError: the device is the wrong one for the model, or an Edge TPU cannot be used.
        ModelError: the runtime cannot load it.
        SetupError: the runtime cannot be imported.
        ValueError: there is no such device.
    """
    if not _needs_edgetpu(model, options.device):
        return run_on_cpu(model, options.runtime, options.num_threads), None
    from mobiclass.runtime.edgetpu.interpreter import EdgeTpuInterpreter

    stand_in = Fallback(model, overrides, options) if options.device == "auto" else None
    device = "edgetpu" if options.device == "auto" else options.device
    try:
        interpreter = EdgeTpuInterpreter(
            model,
            runtime=options.runtime,
            device=device,
            num_threads=options.num_threads,
            timeout_seconds=options.timeout_seconds,
            notify=options.notify,
        )
    except DelegateError as error:
        if stand_in is None:
            raise
        return stand_in.take_over(error), stand_in
    return Running(model, interpreter, Preprocessor(model.input, model.preprocessing), device), stand_in


def run_on_cpu(model: ModelInfo, runtime: Runtime, num_threads: int | None, fallback: str | None = None) -> Running:
    """Load `model` on the CPU.

    Raises:
        ModelError: the runtime cannot load it.
        SetupError: the runtime cannot be imported.
    """
    interpreter = Interpreter(model, runtime=runtime, num_threads=num_threads)
    return Running(model, interpreter, Preprocessor(model.input, model.preprocessing), fallback=fallback)


class Fallback:
    """The CPU model that stands in for a compiled one, read when it is first asked for. Threads may share it.

    Attributes:
        compiled: the model that it stands in for.
    """

    def __init__(self, compiled: ModelInfo, overrides: Facts, options: DeviceOptions) -> None:
        """Stand in for `compiled`; described by the same `overrides`, and run as `options` say."""
        self.compiled = compiled
        self._overrides = overrides
        self._options = options
        self._lock = threading.Lock()
        self._found: ModelInfo | SetupError | None = None
        self._announced = False

    @property
    def model(self) -> ModelInfo | None:
        """The model; ``None`` where there is none that can be used."""
        found = self._look()
        return found if isinstance(found, ModelInfo) else None

    def take_over(self, error: DelegateError) -> Running:
        """Load the model on the CPU because of `error`; every call loads it anew.

        Raises:
            DelegateError: there is no model to stand in; the message says why, after that of `error`.
            ModelError: the runtime cannot load it.
        """
        found = self._look()
        if not isinstance(found, ModelInfo):
            message = f"{error}. Nothing can stand in on the CPU: {found}"
            raise DelegateError(message, reason=error.reason) from error
        running = run_on_cpu(found, self._options.runtime, self._options.num_threads, error.reason)
        with self._lock:
            announced, self._announced = self._announced, True
        if self._options.notify and not announced:
            self._options.notify(f"using {found.path} on the CPU: {error}")
        return running

    def _look(self) -> ModelInfo | SetupError:
        with self._lock:
            if self._found is None:
                try:
                    self._found = self._read()
                except SetupError as error:
                    self._found = error
            return self._found

    def _read(self) -> ModelInfo:
        path = sibling_path(self.compiled)
        if path is None:
            stem = self.compiled.name.removesuffix(_COMPILED)
            raise ModelError(
                f"there is no {stem}.tflite, beside it or among the known models"
                if stem != self.compiled.name
                else f"the name {self.compiled.path.name} does not end in {_COMPILED}.tflite"
            )
        model = read_model(path, self._overrides)
        if model.edgetpu_compiled:
            raise ModelError(f"{path} is compiled for the Edge TPU too")
        return model


def _needs_edgetpu(model: ModelInfo, device: str) -> bool:
    """Whether `model` is to run on an Edge TPU; otherwise it can run on the CPU."""
    if not is_device(device):
        raise ValueError(f"device must be auto, cpu or edgetpu[:usb|:pci][:N], not {device!r}")
    if model.edgetpu_compiled and device == "cpu":
        raise only_on_edgetpu(model)
    if not model.edgetpu_compiled and device not in ("auto", "cpu"):
        raise DelegateError(
            f"{model.path} is not compiled for the Edge TPU, and libedgetpu would let it run on the CPU: compile it "
            f"with `edgetpu_compiler {model.path.name}`, or use --device cpu"
        )
    return model.edgetpu_compiled


def sibling_path(model: ModelInfo) -> Path | None:
    """Find the file of the CPU model that `model`, by its name, was compiled from."""
    stem = model.name.removesuffix(_COMPILED)
    if stem in ("", model.name):
        return None
    beside = model.path.with_name(f"{stem}.tflite")
    if beside.is_file():
        return beside
    try:
        known = find_model(stem)
    except ModelError:
        return None
    # A name may also be that of some file in the current folder.
    return known if known.name.lower() == beside.name.lower() else None


def only_on_edgetpu(model: ModelInfo) -> DelegateError:
    """Say that `model` cannot run on the CPU, and which one can."""
    sibling = sibling_path(model)
    return DelegateError(
        f"{model.path} is compiled for the Edge TPU and cannot run on the CPU: use "
        f"{f'--model {sibling}' if sibling else 'the .tflite that it was compiled from'}, or install libedgetpu "
        "and plug an Edge TPU in"
    )
