"""The model for the CPU that stands in where an Edge TPU fails: ``X.tflite`` for ``X_edgetpu.tflite``.

It is looked for in the same folder, then among the models that are here (`mobiclass.catalog`); nothing is downloaded.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from mobiclass.catalog import find_model
from mobiclass.errors import DelegateError, ModelError, SetupError
from mobiclass.facts import Facts
from mobiclass.model import ModelInfo, read_model
from mobiclass.running import DeviceOptions, Running, run_on_cpu

_COMPILED: Final = "_edgetpu"


class StandIn:
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
