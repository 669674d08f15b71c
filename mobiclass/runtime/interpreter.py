"""`Interpreter`: one model, loaded on the CPU. Tensors in, tensors out.

LiteRT refuses a damaged model with an error. tflite-runtime crashes on some, so a model that it has never loaded before
is loaded in a child process first (`mobiclass.runtime.trial`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from mobiclass._system import available_cores
from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError
from mobiclass.runtime.backends import Runtime, choose_runtime, import_runtime, load_interpreter, one_line
from mobiclass.runtime.trial import require_loadable
from mobiclass.tflite import ModelInfo


class Interpreter:
    """One loaded model. Threads that share it take turns; one each is faster.

    Attributes:
        runtime: the runtime that runs it.
        num_threads: the threads that one `invoke` may use.
    """

    def __init__(self, model: ModelInfo, run: RunOptions) -> None:
        """Load `model` in the runtime of `run`, with its threads.

        Raises:
            SetupError: the runtime is not installed, or cannot be imported, e.g. beside this NumPy.
            ModelError: the runtime cannot load the model.
        """
        self.runtime: Runtime = choose_runtime(run.runtime)
        self.num_threads = run.num_threads or available_cores()
        self._model = model
        import_runtime(self.runtime)  # first, so that the model is not blamed for a broken runtime
        if self.runtime.crashes_on_damage:
            require_loadable(model, self.runtime)
        self._lock = threading.Lock()
        self._interpreter = load_interpreter(self.runtime, model.content, str(model.path), num_threads=self.num_threads)
        with self._as_model_errors():
            self._input = self._interpreter.get_input_details()[0]["index"]
            self._output = self._interpreter.get_output_details()[0]["index"]

    def invoke(self, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Run the model on `tensor` (1, height, width, 3) of its dtype; returns the raw output (N,).

        Raises:
            ModelError: the runtime cannot run the model.
        """
        with self._lock, self._as_model_errors():
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            output: npt.NDArray[np.generic] = self._interpreter.get_tensor(self._output)
        if output.size != self._model.classes:
            raise ModelError(
                f"{self._model.path}: the model is damaged: it declares {self._model.classes} outputs and returns "
                f"{output.size}"
            )
        return output.reshape(-1)

    def close(self) -> None:
        """Do nothing: only an Edge TPU must be released."""

    @contextmanager
    def _as_model_errors(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{self._model.path}: the model cannot be run by {self.runtime.package}: {one_line(error)}"
            ) from error
