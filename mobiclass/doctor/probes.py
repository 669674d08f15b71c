"""What is tried in child processes: importing packages, running a model, loading libedgetpu.

`mobiclass.doctor.environment` starts them. Each probe takes a `Report` first and reports what it finds as it goes, and
before each step what it is about to do; after a crash it is known how far it came.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from mobiclass._system import peak_bytes, private_stdout
from mobiclass.choices import RunOptions
from mobiclass.errors import MobiclassError
from mobiclass.runtime import RUNTIMES, Runtime, import_runtime, load_interpreter

if TYPE_CHECKING:
    from mobiclass.choices import RuntimeName

Report: TypeAlias = Callable[..., None]
"""Takes what a probe found, name to value (JSON); ``step`` is what it does next."""

_MAX_REASON: Final = 300
_ROUNDS: Final = 5
_MAX_SECONDS: Final = 1.0


def main(name: str, arguments: str) -> NoReturn:
    """Run the probe `name` with `arguments` (JSON), and report on standard output, a JSON object a line."""
    stdout = private_stdout()

    def report(**facts: Any) -> None:
        os.write(stdout, f"\n{json.dumps(facts)}\n".encode())

    try:
        globals()[name](report, *json.loads(arguments))
        report(ended=True)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
        report(ended=True, failure=_reason(error), raised=type(error).__name__)
    os._exit(0)  # without the teardown, in which libraries may crash


def import_modules(report: Report, modules: list[str]) -> None:
    """Import `modules`; report those ``imported``, and the ``failures`` with their reasons."""
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
    """Import the runtime `name` and run `model` in it directly, without our code around it.

    Beside NumPy 2, tflite-runtime can be imported and fails only here.
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
    )
    with contextlib.suppress(ImportError):  # Windows does not tell
        report(peak_bytes=peak_bytes())


def time_delegates(report: Report, name: RuntimeName, model: str) -> None:
    """Run `model` with and without the runtime's default delegates (XNNPACK), in turns, on one thread.

    Reports the best time of each (``with_ms``, ``without_ms``; other programs only ever add to it), and whether a
    delegate took over a part of the graph (``delegated``, ``None`` where the runtime does not tell).
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
    """Load the first of the libraries `names` that exists; report it as ``library``, and its ``version``."""
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
    except (AttributeError, KeyError, RuntimeError, TypeError):  # not a public API
        return None


def _reason(error: BaseException) -> str:
    """Return the message of `error` on one line, with its type unless the message is made for people."""
    message = " ".join(str(error).split())[:_MAX_REASON]
    if isinstance(error, MobiclassError):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
