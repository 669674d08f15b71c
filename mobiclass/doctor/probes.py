"""What is tried in child processes: importing packages, running a model, loading libedgetpu.

Each probe takes a `Report` first and reports before each step what it is about to do; a crash then says where.
"""

from __future__ import annotations

import importlib
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from mobiclass.choices import RunOptions
from mobiclass.runtime import RUNTIMES, Runtime, import_runtime, load_interpreter

if TYPE_CHECKING:
    from mobiclass.choices import RuntimeName
    from mobiclass.doctor.child import Report

_ROUNDS: Final = 5
_MAX_SECONDS: Final = 1.0


def import_modules(report: Report, modules: list[str]) -> None:
    """Import `modules`; ``failures`` has the reason for each that cannot be, ``imported`` each that could be."""
    imported: list[str] = []
    failures: dict[str, str] = {}
    for module in modules:
        report(step=module)
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - a package may raise anything while it is imported
            failures[module] = " ".join(f"{type(error).__name__}: {error}".split())
        else:
            imported.append(module)
        report(imported=imported, failures=failures)


def image_formats(report: Report) -> None:
    """Report as ``formats`` which decoders Pillow was built with."""
    from mobiclass.images import decoders

    report(formats=decoders())


def run_runtime(report: Report, name: RuntimeName, model: str) -> None:
    """Import the runtime `name` and run `model` in it, with nothing of ours around it but its constructor's call.

    tflite-runtime beside NumPy 2 can be imported, and fails only here.
    """
    report(step="import numpy")
    import numpy as np

    runtime = RUNTIMES[name]
    report(step=f"import {runtime.module}")
    importlib.import_module(runtime.module)
    report(step="load the model")
    interpreter = importlib.import_module(runtime.module).Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    report(step="run the model")
    interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
    interpreter.invoke()
    interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def classify(report: Report, model: str | None, run: list[Any]) -> None:
    """Classify the test picture as ``mobiclass predict`` would; report the best ``label`` and its ``score``.

    `run` has the values of a `RunOptions`.
    """
    from mobiclass.classifier import Classifier
    from mobiclass.doctor.known_picture import draw_picture

    report(step="load the model")
    classifier = Classifier.load(model, **RunOptions(*run)._asdict())
    report(step="classify", device=classifier.device, fallback=classifier.fallback)
    result = classifier.result("the test picture", draw_picture(), top_k=1)
    if result.error:
        raise result.error
    best = result.predictions[0]
    report(
        label=best.label,
        index=best.index,
        score=best.score,
        invoke_ms=result.timing and result.timing.invoke_ms,
        peak_bytes=_peak_bytes(),
    )


def time_delegates(report: Report, name: RuntimeName, model: str) -> None:
    """Run `model` with and without the runtime's default delegates (XNNPACK), in turns, on one thread.

    Reports the best time of each (``with_ms``, ``without_ms``: what else the machine does only ever adds), and
    whether a delegate took over a part of the graph (``delegated``, ``None`` where the runtime does not tell).
    """
    from pathlib import Path

    runtime = RUNTIMES[name]
    content = Path(model).read_bytes()
    report(step="load the model")
    interpreters = [_fed_interpreter(runtime, content, model, default) for default in (True, False)]
    report(step="run the model", delegated=_delegated(interpreters[0]))
    begin = perf_counter()
    best = [float("inf")] * 2
    for _ in range(_ROUNDS):
        for number, interpreter in enumerate(interpreters):
            start = perf_counter()
            interpreter.invoke()
            best[number] = min(best[number], perf_counter() - start)
        if perf_counter() - begin > _MAX_SECONDS:
            break
    report(with_ms=best[0] * 1000, without_ms=best[1] * 1000)


def load_library(report: Report, names: list[str]) -> None:
    """Load the first of the libraries `names` that there is, as ``library``, and ask it for its ``version``."""
    import ctypes

    errors = []
    for name in names:
        report(step=name)
        try:
            library = ctypes.CDLL(name)
        except OSError as error:
            errors.append(" ".join(str(error).split()))
            continue
        report(library=name)
        if hasattr(library, "edgetpu_version"):
            library.edgetpu_version.restype = ctypes.c_char_p
            report(version=(library.edgetpu_version() or b"").decode("utf-8", errors="replace"))
        return
    report(errors=errors)


def _fed_interpreter(runtime: Runtime, content: bytes, file: str, default_delegates: bool) -> Any:
    import numpy as np

    import_runtime(runtime)
    interpreter = load_interpreter(runtime, content, file, num_threads=1, default_delegates=default_delegates)
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
    return interpreter


def _delegated(interpreter: Any) -> bool | None:
    try:
        return any(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details())
    except (AttributeError, KeyError, RuntimeError, TypeError):  # it is not part of the runtimes' promises
        return None


def _peak_bytes() -> int | None:
    """Give the most memory that this process has held at once; ``None`` where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
