"""The process that owns an Edge TPU: it loads libedgetpu and the model, and runs one tensor after the other.

This is the child's side; the parent's is `process`. Tensors are exchanged in shared memory. The pipes carry one byte
for each tensor to run, and lines of text back: each stage as it begins, ``ready``, or ``refused`` and the reason.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final, Literal, NamedTuple, NoReturn, TypeAlias, get_args

from mobiclass._system import private_stdout
from mobiclass.choices import RunOptions

Stage: TypeAlias = Literal["start", "library", "runtime", "device", "model", "first invoke", "invoke"]
"""What the child is doing: starting Python, opening libedgetpu, importing the runtime, opening the device, preparing
the model, running it once on zeros (which uploads it to the device), and running it on the parent's tensors."""

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
READY: Final = "ready"
REFUSED: Final = "refused"
MISSING: Final = "not found"
"""The reason it refuses where no library is installed."""

_ALIGNMENT: Final = 64  # bytes, of the output in the shared memory


class Task(NamedTuple):
    """What the parent tells the child to do.

    Attributes:
        run: the Edge TPU, the runtime, and the threads for what the model computes on the CPU.
        libraries: file names of libedgetpu; the first that can be opened is used.
        input_shape: shape of the model's input.
        input_dtype: NumPy's name of its dtype.
        output_place: which of the model's outputs holds the scores.
        output_values: the number of its values.
        output_dtype: NumPy's name of their dtype.
        extra_values: the number of values of the last output, where that is wanted too; 0 where not.
        extra_dtype: NumPy's name of their dtype.
        model: a descriptor of a file with the model.
        tensors: a descriptor of the shared memory: the input, from `output_offset` of that on the output, and from
            that of both on the extra output.
    """

    run: RunOptions
    libraries: Sequence[str]
    input_shape: Sequence[int]
    input_dtype: str
    output_place: int
    output_values: int
    output_dtype: str
    extra_values: int
    extra_dtype: str
    model: int
    tensors: int


def output_offset(input_bytes: int) -> int:
    """Return the offset in the shared memory of what follows so many bytes of it."""
    return -(-input_bytes // _ALIGNMENT) * _ALIGNMENT


def main(task: str) -> NoReturn:
    """Run `task`, a `Task` as JSON, until the parent closes standard input."""
    fields = json.loads(task)
    _run(Task(**{**fields, "run": RunOptions(*fields["run"])}))


def _run(task: Task) -> NoReturn:
    commands, replies = _take_over_streams()
    try:
        model = _Model(task, lambda stage: _reply(replies, stage))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        _reply(replies, f"{REFUSED} {_reason(error)}")
        # At once: the runtimes' clean-up of half a delegate calls libedgetpu, or fails noisily.
        os._exit(1)
    _reply(replies, READY)
    while os.read(commands, 1):
        try:
            model.invoke()
        except (RuntimeError, ValueError) as error:
            _reply(replies, f"{REFUSED} {_reason(error)}")
        else:
            _reply(replies, READY)
    del model  # closes the device in order
    os._exit(0)


class _Model:
    """The model on the device, and the two tensors in shared memory."""

    def __init__(self, task: Task, begin: Callable[[Stage], None]) -> None:
        """Load the model and run it once; `begin` is called with each stage."""
        begin("library")
        library = _open_library(task.libraries)
        begin("runtime")
        import numpy as np

        from mobiclass.runtime.backends import choose_runtime, import_runtime, load_interpreter
        from mobiclass.runtime.edgetpu.devices import device_option

        runtime = choose_runtime(task.run.runtime)
        module = import_runtime(runtime)
        begin("device")
        self._delegate = module.load_delegate(
            library, {"device": device_option(task.run.device)}
        )  # must outlive the interpreter
        begin("model")
        self._interpreter = load_interpreter(
            runtime, _content(task.model), "model", num_threads=task.run.num_threads or 1, delegate=self._delegate
        )
        self._image = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._scores, self._last = outputs[task.output_place]["index"], outputs[-1]["index"]
        memory = mmap.mmap(task.tensors, 0)
        self._input = np.frombuffer(memory, task.input_dtype, prod(task.input_shape)).reshape(task.input_shape)
        offset = output_offset(self._input.nbytes)
        self._output = np.frombuffer(memory, task.output_dtype, task.output_values, offset)
        offset = output_offset(offset + self._output.nbytes)
        self._extra = np.frombuffer(memory, task.extra_dtype, task.extra_values, offset) if task.extra_values else None
        begin("first invoke")
        self.invoke()  # on zeros

    def invoke(self) -> None:
        self._interpreter.set_tensor(self._image, self._input)
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._scores)
        if raw.size != self._output.size:
            raise ValueError(f"the model declares {self._output.size} outputs and returns {raw.size}")
        self._output[:] = raw.reshape(-1)
        if self._extra is not None:
            self._extra[:] = self._interpreter.get_tensor(self._last).reshape(-1)

    def __del__(self) -> None:
        self.__dict__.pop("_interpreter", None)  # before the delegate


def _take_over_streams() -> tuple[int, int]:
    """Return private descriptors of the pipes from and to the parent; libraries find others at 0 and 1."""
    commands = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return commands, private_stdout()


def _open_library(names: Sequence[str]) -> str:
    """Return the first of `names` that can be opened.

    Raises:
        OSError: none can; `MISSING` if none is there.
    """
    import ctypes

    broken = None
    for name in names:
        # Before the runtime tries: for a missing library it raises inside a destructor.
        try:
            ctypes.CDLL(name)
        except OSError as error:
            broken = broken or (None if _is_missing(name, str(error)) else error)
        else:
            return name
    raise broken or OSError(MISSING)


def _is_missing(name: str, message: str) -> bool:
    """Whether the loader's `message` says that `name` is not there, and not something that `name` needs."""
    needs = "needed by" in message or "Library not loaded" in message  # musl's and macOS' words
    return name in message and "no such file" in message.lower() and not needs


def _content(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def _reason(error: BaseException) -> str:
    """Return the message of the runtime or the library on one line."""
    origin: Any = error.__cause__ or error
    return " ".join(str(origin).split()) or type(origin).__name__


def _reply(replies: int, line: str) -> None:
    os.write(replies, f"{line}\n".encode("utf-8", errors="replace"))
