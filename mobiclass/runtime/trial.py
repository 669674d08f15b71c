"""Load a model in a child process before this process does: if the runtime crashes on it, the child dies.

What loaded once is remembered by its SHA-256 in the cache folder. The model's path, labels and images play no part.
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

_TIMEOUT_SECONDS: Final = 120  # a Pi Zero needs some ten for its largest models
_REFUSED: Final = 3


def require_loadable(model: ModelInfo, runtime: Runtime) -> None:
    """Load `model` and run it once in a child process, unless the same bytes have been through that before.

    Raises:
        ModelError: the child crashed, hung, or was refused the model.
    """
    marker = cache_folder() / "loaded" / f"{runtime.package}-{runtime.version}" / model.sha256
    with contextlib.suppress(OSError):  # a cache that cannot be looked into costs the trial again
        if marker.exists():
            return
    # The bytes themselves, so that it tries what will be loaded here.
    ended = run_child("mobiclass.runtime.trial", runtime.name, stdin=model.content, timeout_seconds=_TIMEOUT_SECONDS)
    if ended.status == _REFUSED:
        raise ModelError(f"{model.path}: {last_line(ended.stderr)}")
    if ended.status != 0:
        raise ModelError(
            f"{model.path}: {runtime.package} {ended.ending} when it loaded this model in a trial; the model seems "
            "damaged: copy or download it again"
        )
    with contextlib.suppress(OSError):  # a cache that cannot be written only costs the trial again
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def main(runtime_name: str) -> None:
    """Be the child: load the model on standard input, run it on zeros, exit 0, or 3 with the reason."""
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
