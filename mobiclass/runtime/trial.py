"""Load a model in a child process first: if the runtime crashes on it, the child dies and this process does not.

The SHA-256 of a model that loaded is remembered in the cache folder, so that each model is tried once.
"""

from __future__ import annotations

import contextlib
import sys
from hashlib import sha256
from typing import Final

from mobiclass._system import last_line, run_child
from mobiclass.errors import ModelError
from mobiclass.hub import cache_folder
from mobiclass.runtime.backends import RUNTIMES, Runtime, load_interpreter
from mobiclass.tflite import ModelInfo

_TIMEOUT_SECONDS: Final = 120  # a Pi Zero needs about 10 for its largest models
_REFUSED: Final = 3


def require_loadable(model: ModelInfo, runtime: Runtime, content: bytes | None = None) -> None:
    """Load `model` and run it once in a child process, unless the same bytes have passed that before.

    `content` is what will be loaded, where that is not the model as it is.

    Raises:
        ModelError: the runtime refused the model, crashed or hung.
    """
    digest = model.sha256 if content is None else sha256(content).hexdigest()
    marker = cache_folder() / "loaded" / f"{runtime.package}-{runtime.version}" / f"{digest}{_shape(model)}"
    with contextlib.suppress(OSError):  # a cache that cannot be read costs the trial again
        if marker.exists():
            return
    # The bytes, not the path: exactly what will be loaded here.
    arguments = (runtime.name, _shape(model))
    ended = run_child(
        "mobiclass.runtime.trial", *arguments, stdin=content or model.content, timeout_seconds=_TIMEOUT_SECONDS
    )
    if ended.status == _REFUSED:
        raise ModelError(f"{model.path}: {last_line(ended.stderr)}")
    if ended.status != 0:
        raise ModelError(
            f"{model.path}: {runtime.package} {ended.ending} when it loaded this model in a trial; the model seems "
            "damaged: copy or download it again"
        )
    with contextlib.suppress(OSError):  # a cache that cannot be written costs the trial again
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _shape(model: ModelInfo) -> str:
    """Write the shape of an input that the model leaves open; empty for one that is fixed."""
    is_open = model.input_shape[1:] != model.input.signature[1:]
    return f"-{'x'.join(map(str, model.input_shape))}" if is_open else ""


def main(runtime_name: str, shape: str = "") -> None:
    """Load the model on standard input and run it on zeros; exit with 0, or with 3 and the reason on stderr.

    `shape` is that of an input that the model leaves open, ``-1x8x8x3``.
    """
    import numpy as np

    content = sys.stdin.buffer.read()
    try:
        input_shape = [int(side) for side in shape[1:].split("x")] if shape else None
        interpreter = load_interpreter(
            RUNTIMES[runtime_name],  # type: ignore[index]
            content,
            "model",
            num_threads=1,
            input_shape=input_shape,
        )
        details = interpreter.get_input_details()[0]
        interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        interpreter.invoke()
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    except (ModelError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"\n{' '.join(str(error).removeprefix('model: ').split())}\n")
        sys.exit(_REFUSED)
