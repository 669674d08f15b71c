"""`Interpreter`: one model, loaded on the CPU. Tensors in, tensors out.

A model for several images at once is resized to one; where its graph does not allow that, one image fills the batch.

LiteRT refuses a damaged model with an error. tflite-runtime crashes on some, so a model that it has never loaded before
is loaded in a child process first (`mobiclass.runtime.trial`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mobiclass._system import available_cores
from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError
from mobiclass.runtime.backends import Runtime, choose_runtime, import_runtime, load_interpreter, one_line
from mobiclass.tflite import ModelInfo

if TYPE_CHECKING:
    from mobiclass.runtime.extra_output import ExtraOutput


class Interpreter:
    """One loaded model. Threads that share it take turns; one each is faster.

    Attributes:
        runtime: the runtime that runs it.
        num_threads: the threads that one `invoke` may use.
    """

    def __init__(self, model: ModelInfo, run: RunOptions, extra: ExtraOutput | None = None) -> None:
        """Load `model` in the runtime of `run`, with its threads; `extra` is what it is to give besides its scores.

        Raises:
            SetupError: the runtime is not installed, or cannot be imported, e.g. beside this NumPy.
            ModelError: the runtime cannot load the model.
        """
        self.runtime: Runtime = choose_runtime(run.runtime)
        self.num_threads = run.num_threads or available_cores()
        self._model = model
        self._content = extra.content if extra else model.content
        import_runtime(self.runtime)  # first, so that the model is not blamed for a broken runtime
        if self.runtime.crashes_on_damage:
            from mobiclass.runtime.trial import require_loadable

            require_loadable(model, self.runtime, extra.content if extra else None)
        self._lock = threading.Lock()
        self._load(model.input_shape, model.output.values)
        if model.output.values > model.output_values:
            self._take_single_images()

    def invoke(self, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Run the model on `tensor`, of the shape and dtype of its `ModelInfo.input`; returns the raw output (N,).

        Raises:
            ModelError: the runtime cannot run the model.
        """
        return self._invoke(tensor, with_extra=False)[0]

    def invoke_with_extra(
        self, tensor: npt.NDArray[np.generic]
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
        """Run the model, loaded with an extra output, on `tensor`; returns the raw output (N,) and the raw extra one.

        The extra one has the shape and the dtype of its tensor.

        Raises:
            ModelError: the runtime cannot run the model.
        """
        return self._invoke(tensor, with_extra=True)

    def _invoke(
        self, tensor: npt.NDArray[np.generic], *, with_extra: bool
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
        if tensor.shape != self._shape:
            tensor = self._fitted(tensor)
        with self._lock, self._as_model_errors():
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            output: npt.NDArray[np.generic] = self._interpreter.get_tensor(self._output)
            extra = self._interpreter.get_tensor(self._extra) if with_extra else output
        if output.size != self._values:
            raise ModelError(
                f"{self._model.path}: the model declares {self._values} outputs and returns {output.size}; it is "
                "damaged, or does not give one score per class at this resolution"
            )
        return output.reshape(-1)[: self._model.output_values], extra

    def close(self) -> None:
        """Do nothing: only an Edge TPU must be released."""

    def _load(self, shape: tuple[int, ...], values: int) -> None:
        """Load the model with an input of `shape`, which gives an output of so many `values`."""
        model = self._model
        self._interpreter = load_interpreter(
            self.runtime, self._content, str(model.path), num_threads=self.num_threads, input_shape=shape
        )
        with self._as_model_errors():
            self._input = self._interpreter.get_input_details()[0]["index"]
            outputs = self._interpreter.get_output_details()
            self._output = outputs[model.output_place]["index"]
            self._extra = outputs[-1]["index"]
        self._shape = shape
        self._values = values

    def _fitted(self, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Give one image the shape that the runtime is fed; what is no image of the model's is left to the runtime."""
        if tensor.shape != self._model.input.shape:
            return tensor
        if tensor.size == prod(self._shape):
            return tensor.reshape(self._shape)
        return np.ascontiguousarray(np.broadcast_to(tensor, self._shape))

    def _take_single_images(self) -> None:
        """Resize the input to one image, if the model gives the same scores then."""
        tensor = _noise(self._model.input.shape, self._model.input.dtype)
        whole = self.invoke(tensor)
        loaded = (self._interpreter, self._input, self._output, self._extra, self._shape, self._values)
        try:
            self._load((1, *self._shape[1:]), self._model.output_values)
            alike = np.allclose(whole.astype(np.float64), self.invoke(tensor).astype(np.float64), rtol=1e-3, atol=1e-4)
        except ModelError:  # a reshaping to a fixed batch, say
            alike = False
        if not alike:
            self._interpreter, self._input, self._output, self._extra, self._shape, self._values = loaded

    @contextmanager
    def _as_model_errors(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{self._model.path}: the model cannot be run by {self.runtime.package}: {one_line(error)}"
            ) from error


def _noise(shape: tuple[int, ...], dtype: str) -> npt.NDArray[np.generic]:
    """Make a tensor of values that differ, the same every time."""
    steps = np.random.default_rng(0).integers(0, 128, shape)
    return (steps / 128).astype(dtype) if dtype.startswith("float") else steps.astype(dtype)
