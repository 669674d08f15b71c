"""The child process of a benchmark: loads one model, measures it, and writes one JSON object.

A process of its own, so that each model's peak of memory is its own, and a runtime that crashes on one model does not
end the measuring of the others. It starts nothing and prints nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mobiclass.benchmark.latency import Latency
    from mobiclass.choices import RuntimeChoice
    from mobiclass.classifier import Classifier, Timing

_SPLIT_RUNS: Final = 20
_THROUGHPUT_SECONDS: Final = 2.0


def main(task: str) -> None:
    """Be the child: measure as `task` says, the JSON of a `mobiclass.benchmark.Task`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # the runtimes write there
    from mobiclass.errors import ImageError, MobiclassError

    try:
        answer = _measure(**json.loads(task))
    except ImageError as error:
        answer = {"error": "ImageError", "message": error.reason, "kind": error.kind, "path": error.path}
    except MobiclassError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        answer = {"error": "SetupError", "message": "the memory does not suffice to measure this model"}
    except Exception:  # noqa: BLE001 - whoever started us raises it again
        answer = {"bug": traceback.format_exc()}
    json.dump(answer, answers)
    answers.close()
    os._exit(0)  # an accelerator's process ends with its parent


def _end_with_parent() -> None:
    """Wait for the end of standard input: whoever started this process is gone then, however it ended."""
    sys.stdin.buffer.read()
    os._exit(1)


def _measure(*, image: str | None, seconds: float | None, throughput_threads: int, **model: Any) -> dict[str, Any]:
    import numpy as np

    from mobiclass._system import peak_bytes
    from mobiclass.benchmark.latency import measure_latency, warm_up
    from mobiclass.benchmark.noise import machine_state, noise
    from mobiclass.classifier import Classifier
    from mobiclass.images import make_photo

    _prepare(model["model"], model["runtime"])
    photo = image if image is not None else make_photo()
    started = perf_counter()
    classifier = Classifier.load(**model)
    loaded = perf_counter()
    running = classifier.running
    tensor = np.zeros(classifier.model.input.shape, classifier.model.input.dtype)
    running.interpreter.invoke(tensor)
    first = perf_counter()
    tensor = running.preprocessor(_decoded(photo, classifier))
    warm_up(lambda: running.interpreter.invoke(tensor))
    warm = machine_state()  # not sooner: a clock that was saving power is up now
    latency = measure_latency(lambda: running.interpreter.invoke(tensor), seconds)
    timed = machine_state()
    timing = _split(classifier, photo)
    peak = peak_bytes()  # of one interpreter: what `predict` takes
    per_second = _throughput(classifier, photo, model, throughput_threads, seconds)
    # With all cores at work the clock is another one, and ought to be.
    done = machine_state()._replace(clock_khz=timed.clock_khz)
    return {
        "model": classifier.model.name,
        "runtime": classifier.runtime.package,
        "runtime_version": classifier.runtime.version,
        "device": classifier.device,
        "fallback": classifier.fallback,
        "threads": classifier.num_threads,
        "load_ms": round((loaded - started) * 1000, 3),
        "first_ms": round((first - loaded) * 1000, 3),
        "p50_ms": latency.p50_ms,
        "p90_ms": latency.p90_ms,
        "p99_ms": latency.p99_ms,
        "images_per_second": round(per_second, 2),
        "peak_rss_mb": round(peak / 1e6, 1),
        "runs": latency.runs,
        "steady": latency.steady,
        "timing_ms": {name.removesuffix("_ms"): value for name, value in timing._asdict().items()},
        "image": image,
        "noise": _doubts(latency, seconds) + noise(warm, done, latency.spread),
        "bytes": len(classifier.model.content),
        "model_sha256": classifier.model.sha256,
    }


def _prepare(model: str | None, choice: RuntimeChoice) -> None:
    """Do what the clock shall not count: import the runtime, and try the model in a process of its own, if need be."""
    from mobiclass.hub import find_model
    from mobiclass.runtime import choose_runtime, import_runtime, require_loadable
    from mobiclass.tflite import read_model

    runtime = choose_runtime(choice)
    import_runtime(runtime)
    if runtime.crashes_on_damage:
        info = read_model(find_model(model))
        if not info.edgetpu_compiled:
            require_loadable(info, runtime)  # remembered, so that loading does not do it again


def _doubts(latency: Latency, seconds: float | None) -> list[str]:
    if latency.steady or seconds is not None:  # whoever gives a time asks for no more
        return []
    return [f"after {latency.runs} runs the median is not steady"]


def _decoded(photo: str | bytes, classifier: Classifier) -> Any:
    from mobiclass.images import load_image

    preprocessor = classifier.running.preprocessor
    return load_image(photo, min_height=preprocessor.min_height, min_width=preprocessor.min_width)


def _split(classifier: Classifier, photo: str | bytes) -> Timing:
    """Give the medians of where the time of one photo goes."""
    from mobiclass.classifier import Timing

    timings = [classifier.result("photo", photo).timing for _ in range(_SPLIT_RUNS)]
    steps = zip(*(timing for timing in timings if timing is not None), strict=True)
    return Timing(*(round(median(step), 3) for step in steps))


def _throughput(
    classifier: Classifier, photo: str | bytes, model: dict[str, Any], threads: int, seconds: float | None
) -> float:
    """Classify `photo` in as many workers as `batch` would have, and count the photos a second."""
    from mobiclass._system import available_cores
    from mobiclass.classifier import Classifier

    jobs = max(1, available_cores() // threads)
    first = classifier
    if classifier.device == "cpu" and classifier.num_threads != threads:
        first = Classifier.load(**{**model, "num_threads": threads})
    workers = [first, *(first.clone() for _ in range(jobs - 1))]
    barrier = threading.Barrier(jobs)

    def work(worker: Classifier) -> tuple[int, float, float]:
        worker.classify(photo)
        barrier.wait()
        started = now = perf_counter()
        done = 0
        while now - started < (seconds or _THROUGHPUT_SECONDS):
            worker.classify(photo)
            done += 1
            now = perf_counter()
        return done, started, now

    with ThreadPoolExecutor(jobs) as pool:
        counts = list(pool.map(work, workers))
    elapsed = max(end for _, _, end in counts) - min(start for _, start, _ in counts)
    return sum(done for done, _, _ in counts) / elapsed
