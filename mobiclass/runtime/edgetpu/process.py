"""The child process that owns an Edge TPU, seen from its parent: start it, send it tensors, notice its end.

Every reply has a time limit. It decides nothing: whoever gets a `ChildFailure` may start another child.
The child's side is `mobiclass.runtime.edgetpu.worker`.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from math import prod
from time import monotonic
from typing import IO, TYPE_CHECKING, Final, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from mobiclass._system import Child, describe_end, last_line
from mobiclass.choices import RunOptions
from mobiclass.runtime.edgetpu.worker import READY, REFUSED, STAGES, Stage, Task, output_offset
from mobiclass.tflite import ModelInfo

if TYPE_CHECKING:
    from mobiclass.runtime.extra_output import ExtraOutput

Cause: TypeAlias = Literal["refused", "died", "hung"]

_SUPPORTED: Final = hasattr(select, "poll") and hasattr(signal, "SIGIO")  # all but Windows
_START_SECONDS: Final = 120.0  # to start Python and import NumPy and the runtime: a slow memory card, no device
_DEATH_SECONDS: Final = 5.0  # for a killed child to be gone
_FAREWELL_SECONDS: Final = 1.0  # for a child to close the device
_REMEMBERED_LINES: Final = 20


class ChildFailure(Exception):
    """The child refused, died or hung.

    Attributes:
        stage: what it was doing.
        cause: which of the three.
        detail: its reason, or how it ended; empty if it hung.
    """

    def __init__(self, stage: Stage, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause} at {stage}{detail and f': {detail}'}")
        self.stage: Stage = stage
        self.cause: Cause = cause
        self.detail = detail


class EdgeTpuProcess:
    """A child process with one model on one Edge TPU. One thread at a time may use it."""

    def __init__(
        self, model: ModelInfo, run: RunOptions, libraries: Sequence[str], extra: ExtraOutput | None = None
    ) -> None:
        """Start the child with the first of `libraries` that is installed, and wait until it has run `model` once.

        `extra` is what the model is to give besides its scores. The timeout of `run` applies to each stage on the
        device, and to each invoke.

        Raises:
            ChildFailure: it did not get that far.
        """
        if not _SUPPORTED:
            raise ChildFailure("start", "refused", "this system cannot watch over its process")
        self._timeout_seconds = run.device_timeout
        self._values = model.output_values
        self._stage: Stage = "start"
        self._received = b""
        try:
            whole = extra.content if extra else model.content
            with _SharedTensors(model, extra) as self._tensors, _anonymous_file(whole) as content:
                task = Task(
                    run=run,
                    libraries=libraries,
                    input_shape=model.input_shape,
                    input_dtype=model.input.dtype,
                    output_place=model.output_place,
                    output_values=model.output.values,
                    output_dtype=model.output.dtype,
                    extra_values=extra.spec.values if extra else 0,
                    extra_dtype=extra.spec.dtype if extra else model.output.dtype,
                    model=content.fileno(),
                    tensors=self._tensors.fileno(),
                )
                self._child = Child(
                    "mobiclass.runtime.edgetpu.worker",
                    json.dumps(task._asdict()),
                    pass_fds=(task.model, task.tensors),
                )
        except OSError as error:
            raise ChildFailure("start", "died", str(error)) from error
        process = self._child.process
        self._commands, self._replies = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        self._chatter = _Chatter(cast("IO[bytes]", process.stderr))
        try:
            while (line := self._reply()) != READY:
                self._stage = next((stage for stage in STAGES if stage == line), self._stage)
        except BaseException:
            self.kill()
            raise
        self._stage = "invoke"

    @property
    def pid(self) -> int:
        return self._child.process.pid

    def invoke(self, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Run the model on `tensor`, of the input's shape and dtype; returns the raw output (N,).

        Raises:
            ChildFailure: there is no output.
        """
        if not self._child.end.alive:
            raise ChildFailure("invoke", "died", "it was stopped")
        self._tensors.input[...] = tensor
        try:
            self._commands.write(b"\n")
            self._reply()
        except BrokenPipeError as error:
            raise self._death() from error
        except ChildFailure as failure:
            if failure.cause == "hung":
                self.kill()
            raise
        except BaseException:  # Ctrl-C: a late reply must not be taken for the next one
            self.kill()
            raise
        # A copy: the next invoke overwrites it. Of a model for several images the first one's scores.
        output: npt.NDArray[np.generic] = self._tensors.output[: self._values].copy()
        return output

    def extra(self) -> npt.NDArray[np.generic]:
        """Give the raw extra output of the last `invoke`, of its tensor's shape."""
        extra: npt.NDArray[np.generic] = self._tensors.extra.copy()
        return extra

    def close(self) -> None:
        """Have the child close the device and exit."""
        with contextlib.suppress(OSError):
            self._commands.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.process.wait(_FAREWELL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the child whatever it is doing; does nothing if it has ended."""
        self._child.end()

    def _reply(self) -> str:
        """Wait for a line from the child.

        Raises:
            ChildFailure: it refused, died or hung.
        """
        deadline = monotonic() + (_START_SECONDS if self._stage in ("start", "runtime") else self._timeout_seconds)
        while b"\n" not in self._received:
            # This process may have been stopped (Ctrl-Z) past the deadline; a reply that came meanwhile counts.
            if not self._poll.poll(max(0.0, deadline - monotonic()) * 1000):
                raise ChildFailure(self._stage, "hung")
            block = os.read(self._replies.fileno(), 4096)
            if not block:
                raise self._death()
            self._received += block
        line, _, self._received = self._received.partition(b"\n")
        text = line.decode("utf-8", errors="replace")
        if text.startswith(REFUSED):
            raise ChildFailure(self._stage, "refused", text.removeprefix(REFUSED).strip())
        return text

    def _death(self) -> ChildFailure:
        try:
            status = self._child.process.wait(_DEATH_SECONDS)
        except subprocess.TimeoutExpired:
            return ChildFailure(self._stage, "hung")
        return ChildFailure(
            self._stage, "died", "; ".join(filter(None, (describe_end(status), self._chatter.last_line())))
        )


class _SharedTensors:
    """The memory that the two processes share. At the end of its block its descriptor is closed; the memory stays.

    Attributes:
        input: the model's input.
        output: its raw output (N,).
        extra: its raw extra output; empty where it has none.
    """

    def __init__(self, model: ModelInfo, extra: ExtraOutput | None) -> None:
        input_bytes = prod(model.input_shape) * np.dtype(model.input.dtype).itemsize
        offset = output_offset(input_bytes)
        extra_offset = output_offset(offset + model.output.values * np.dtype(model.output.dtype).itemsize)
        shape = tuple(max(1, side) for side in extra.spec.shape) if extra else (0,)
        dtype = np.dtype(extra.spec.dtype if extra else model.output.dtype)
        self._file = _anonymous_file(bytes(extra_offset + prod(shape) * dtype.itemsize))
        memory = mmap.mmap(self._file.fileno(), 0)
        self.extra: npt.NDArray[np.generic] = np.ndarray(shape, dtype, memory, extra_offset)
        self.input: npt.NDArray[np.generic] = np.ndarray(model.input_shape, model.input.dtype, memory)
        self.output: npt.NDArray[np.generic] = np.ndarray((model.output.values,), model.output.dtype, memory, offset)

    def fileno(self) -> int:
        return self._file.fileno()

    def __enter__(self) -> _SharedTensors:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


class _Chatter:
    """Copies the child's stderr to descriptor 2, and remembers the last lines.

    In the program, descriptor 2 is silenced, or is stderr with ``-v`` (`mobiclass.cli.terminal.streams`).
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._lines: deque[bytes] = deque(maxlen=_REMEMBERED_LINES)
        self._thread = threading.Thread(target=_pass_on, args=(pipe, self._lines), name="chatter", daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """Return the last line of a child that has ended."""
        self._thread.join(_FAREWELL_SECONDS)
        return last_line(b"\n".join(self._lines))


def _pass_on(pipe: IO[bytes], lines: deque[bytes]) -> None:
    with pipe:
        while block := os.read(pipe.fileno(), 4096):
            lines.extend(block.splitlines())
            with contextlib.suppress(OSError):
                os.write(2, block)


def _anonymous_file(content: bytes) -> IO[bytes]:
    """Make a file without a name that holds `content`, in memory where the system supports that."""
    if hasattr(os, "memfd_create"):
        file = cast("IO[bytes]", open(os.memfd_create("mobiclass"), "r+b", buffering=0))  # noqa: PTH123, SIM115
    else:
        file = cast("IO[bytes]", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
    return file
