"""`open_session`: a model on a device, ready to run: on the CPU, on an Edge TPU, or on the CPU where an Edge TPU fails.

A model for the CPU does not pay for the Edge TPU: its code is imported where one is wanted. The CPU model that takes
over from ``X_edgetpu.tflite`` is ``X.tflite``, in the same folder or among the models that are here (`mobiclass.hub`);
nothing is downloaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass.choices import RunOptions
from mobiclass.errors import DelegateError, ModelError, SetupError
from mobiclass.hub import find_model
from mobiclass.images import Preprocessor
from mobiclass.runtime.interpreter import Interpreter
from mobiclass.tflite import Facts, ModelInfo, TensorSpec, read_model

if TYPE_CHECKING:
    from mobiclass.runtime.edgetpu.interpreter import EdgeTpuInterpreter
    from mobiclass.runtime.extra_output import ExtraKind, ExtraOutput

_COMPILED: Final = "_edgetpu"


class Session(NamedTuple):
    """A model on a device, ready to run.

    Attributes:
        model: what is known of the model; its output kind always is.
        interpreter: runs it.
        preprocessor: makes its input.
        run: the options that it was opened with.
        device: ``cpu`` or ``edgetpu…``.
        fallback: why the CPU took over from an accelerator, or ``None``.
        extra_output: what the model gives besides its scores, by `Interpreter.invoke_with_extra`; ``None`` for nothing.
    """

    model: ModelInfo
    interpreter: Interpreter | EdgeTpuInterpreter
    preprocessor: Preprocessor
    run: RunOptions
    device: str
    fallback: str | None = None
    extra_output: ExtraOutput | None = None

    @property
    def extra(self) -> TensorSpec | None:
        """The tensor that the model gives besides its scores."""
        return self.extra_output.spec if self.extra_output else None

    def clone(self) -> Session:
        """Open one more on the CPU; an accelerator is shared."""
        if self.device != "cpu":
            return self
        return _open_on_cpu(self.model, self.run, self.fallback, self.extra_output)


def open_session(
    model: ModelInfo,
    run: RunOptions,
    overrides: Facts,
    notify: Callable[[str], None] | None = None,
    *,
    extra: ExtraKind | None = None,
) -> tuple[Session, Fallback | None]:
    """Load `model` on the device of `run`.

    Args:
        model: the model, described with `overrides`.
        run: valid options.
        overrides: what the user says of the model, and so of one that takes over.
        notify: is told, by any thread, when an Edge TPU fails and how it goes on.
        extra: what the model is to give besides its scores, by `Interpreter.invoke_with_extra`.

    Returns:
        The session, and what takes over if it raises a `DelegateError`.

    Raises:
        DelegateError: the device is the wrong one for the model, or an Edge TPU cannot be used.
        ModelError: the runtime cannot load it, or it has nothing that is `extra`.
        SetupError: the runtime is not installed, or cannot be imported.
    """
    _check_device(model, run.device)
    if not model.edgetpu_compiled:
        return _open_on_cpu(model, run, None, _extra_output(model, extra)), None
    if run.device != "auto":
        return _open_on_edgetpu(model, run, notify, extra), None
    fallback = Fallback(model, run, overrides, notify, extra)
    try:
        return _open_on_edgetpu(model, run._replace(device="edgetpu"), notify, extra), fallback
    except DelegateError as error:
        return fallback.take_over(error), fallback


def _open_on_cpu(model: ModelInfo, run: RunOptions, fallback: str | None, extra: ExtraOutput | None) -> Session:
    return _session(model, Interpreter(model, run, extra), run, "cpu", fallback)._replace(extra_output=extra)


def _open_on_edgetpu(
    model: ModelInfo, run: RunOptions, notify: Callable[[str], None] | None, kind: ExtraKind | None
) -> Session:
    from mobiclass.runtime.edgetpu.interpreter import EdgeTpuInterpreter

    extra = _extra_output(model, kind)
    session = _session(model, EdgeTpuInterpreter(model, run, notify, extra), run, run.device)
    return session._replace(extra_output=extra)


def _extra_output(model: ModelInfo, kind: ExtraKind | None) -> ExtraOutput | None:
    if kind is None:
        return None
    from mobiclass.runtime.extra_output import find_extra_output

    return find_extra_output(model, kind)


def _session(
    model: ModelInfo,
    interpreter: Interpreter | EdgeTpuInterpreter,
    run: RunOptions,
    device: str,
    fallback: str | None = None,
) -> Session:
    preprocessor = Preprocessor(model.input, model.preprocessing)
    if model.output_kind is None:
        from mobiclass.runtime.probing import with_known_output

        model = with_known_output(model, preprocessor, interpreter.invoke)
    return Session(model, interpreter, preprocessor, run, device, fallback)


class Fallback:
    """The CPU model that takes over from a compiled one, read when it is first asked for. Threads may share it.

    Attributes:
        compiled: the compiled model.
    """

    def __init__(
        self,
        compiled: ModelInfo,
        run: RunOptions,
        overrides: Facts,
        notify: Callable[[str], None] | None,
        extra: ExtraKind | None = None,
    ) -> None:
        self.compiled = compiled
        self._extra = extra
        self._run = run
        self._overrides = overrides
        self._notify = notify
        self._lock = threading.Lock()
        self._found: ModelInfo | SetupError | None = None

    @property
    def model(self) -> ModelInfo | None:
        """The CPU model; ``None`` where there is none that can be used."""
        found = self._look()
        return found if isinstance(found, ModelInfo) else None

    def take_over(self, error: DelegateError) -> Session:
        """Load the CPU model because of `error`; every call loads it anew, and the first one is announced.

        Raises:
            DelegateError: there is no CPU model; the message says why, after that of `error`.
            ModelError: the runtime cannot load it.
        """
        found = self._look()
        if not isinstance(found, ModelInfo):
            raise DelegateError(f"{error}. There is no fallback on the CPU: {found}", reason=error.reason) from error
        session = _open_on_cpu(found, self._run, error.reason, _extra_output(found, self._extra))
        with self._lock:
            notify, self._notify = self._notify, None
        if notify:
            notify(f"using {found.path} on the CPU: {error}")
        return session

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


def _check_device(model: ModelInfo, device: str) -> None:
    """Refuse a device that cannot run `model`, and say which model it can run."""
    if model.edgetpu_compiled and device == "cpu":
        sibling = sibling_path(model)
        raise DelegateError(
            f"{model.path} is compiled for the Edge TPU and cannot run on the CPU: use "
            f"{sibling or 'the .tflite that it was compiled from'}, or install libedgetpu "
            "and plug an Edge TPU in"
        )
    if not model.edgetpu_compiled and device not in ("auto", "cpu"):
        raise DelegateError(
            f"{model.path} is not compiled for the Edge TPU, and libedgetpu would let it run on the CPU: compile it "
            f"with `edgetpu_compiler {model.path.name}`, or use --device cpu"
        )


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
