"""Load a model in a child process first: if the runtime crashes on it, the child dies and this process does not.

The SHA-256 of a model that loaded is remembered in the cache folder, so that each model is tried once.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Final

from mobiclass._system import last_line, run_child
from mobiclass.errors import ModelError
from mobiclass.hub import cache_folder
from mobiclass.runtime.backends import RUNTIMES, Runtime, load_interpreter
from mobiclass.tflite import ModelInfo

_TIMEOUT_SECONDS: Final = 120  # a Pi Zero needs about 10 for its largest models
_REFUSED: Final = 3


def require_loadable(model: ModelInfo, runtime: Runtime) -> None:
    """Load `model` and run it once in a child process, unless the same bytes have passed that before.

    Raises:
        ModelError: the runtime refused the model, crashed or hung.
    """
    marker = cache_folder() / "loaded" / f"{runtime.package}-{runtime.version}" / model.sha256
    with contextlib.suppress(OSError):  # a cache that cannot be read costs the trial again
        if marker.exists():
            return
    # The bytes, not the path: exactly what will be loaded here.
    ended = run_child("mobiclass.runtime.trial", runtime.name, stdin=model.content, timeout_seconds=_TIMEOUT_SECONDS)
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


def main(runtime_name: str) -> None:
    """Load the model on standard input and run it on zeros; exit with 0, or with 3 and the reason on stderr."""
    import numpy as np

    content = sys.stdin.buffer.read()
    try:
        interpreter = load_interpreter(RUNTIMES[runtime_name], content, "model", num_threads=1)  # type: ignore[index]
        details = interpreter.get_input_details()[0]
        interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        interpreter.invoke()
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    except (ModelError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"\n{' '.join(str(error).removeprefix('model: ').split())}\n")
        sys.exit(_REFUSED)
