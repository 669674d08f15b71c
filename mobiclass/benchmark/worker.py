"""The child process of a benchmark: loads one model, measures it, and writes one JSON object.

In a process of its own each model has its own peak of memory, and a runtime that crashes on it ends nothing else.
"""

from __future__ import annotations

import json
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from mobiclass._system import private_stdout
from mobiclass.benchmark.measurement import Task
from mobiclass.choices import RunOptions
from mobiclass.errors import ImageError, MobiclassError

if TYPE_CHECKING:
    from mobiclass.benchmark.latency import Latency
    from mobiclass.classifier import Classifier, Timing

_SPLIT_RUNS: Final = 20
_THROUGHPUT_SECONDS: Final = 2.0


def main(task: str) -> None:
    """Measure `task`, a `mobiclass.benchmark.Task` as JSON."""
    answers = os.fdopen(private_stdout(), "w", encoding="utf-8")
    try:
        fields = json.loads(task)
        answer = _measure(Task(**{**fields, "run": RunOptions(*fields["run"])}))
    except ImageError as error:
        answer = {"error": "ImageError", "message": error.reason, "kind": error.kind, "path": error.path}
    except MobiclassError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        answer = {"error": "SetupError", "message": "there is not enough memory to measure this model"}
    except Exception:  # noqa: BLE001 - the parent raises it again
        answer = {"bug": traceback.format_exc()}
    json.dump(answer, answers)
    answers.close()
    os._exit(0)  # an accelerator's process ends with its parent


def _measure(task: Task) -> dict[str, Any]:
    import numpy as np

    from mobiclass._system import peak_bytes
    from mobiclass.benchmark.latency import measure_latency, warm_up
    from mobiclass.benchmark.noise import machine_state, noise
    from mobiclass.classifier import Classifier
    from mobiclass.images import make_photo

    _prepare(task)
    photo = task.image if task.image is not None else make_photo()
    started = perf_counter()
    classifier = Classifier.load(task.model, labels=task.labels, **task.description, **task.run._asdict())
    loaded = perf_counter()
    session = classifier.session
    tensor = np.zeros(classifier.model.input.shape, classifier.model.input.dtype)
    session.interpreter.invoke(tensor)
    first = perf_counter()
    tensor = session.preprocessor(_decoded(photo, classifier))
    warm_up(lambda: session.interpreter.invoke(tensor))
    warm = machine_state()  # not sooner: until now the clock may have been saving power
    latency = measure_latency(lambda: session.interpreter.invoke(tensor), task.seconds)
    timed = machine_state()
    timing = _split(classifier, photo)
    peak = peak_bytes()  # of one interpreter: what `predict` takes
    per_second = _throughput(classifier, photo, task)
    # With all cores busy the clock is lower, as expected.
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
        "image": task.image,
        "noise": _doubts(latency, task.seconds) + noise(warm, done, latency.spread),
        "bytes": len(classifier.model.content),
        "model_sha256": classifier.model.sha256,
    }


def _prepare(task: Task) -> None:
    """Do what must not be timed: import the runtime, and try the model first where the runtime needs that."""
    from mobiclass.hub import find_model
    from mobiclass.runtime import choose_runtime, import_runtime, require_loadable
    from mobiclass.tflite import read_model

    runtime = choose_runtime(task.run.runtime)
    import_runtime(runtime)
    if runtime.crashes_on_damage:
        info = read_model(find_model(task.model))
        if not info.edgetpu_compiled:
            require_loadable(info, runtime)  # remembered, so that loading does not repeat it


def _doubts(latency: Latency, seconds: float | None) -> list[str]:
    if latency.steady or seconds is not None:  # a fixed duration promises no more
        return []
    return [f"after {latency.runs} runs the median is not steady"]


def _decoded(photo: str | bytes, classifier: Classifier) -> Any:
    from mobiclass.images import load_image

    preprocessor = classifier.session.preprocessor
    return load_image(photo, min_height=preprocessor.min_height, min_width=preprocessor.min_width)


def _split(classifier: Classifier, photo: str | bytes) -> Timing:
    """Return the median time of each stage of classifying `photo`."""
    from mobiclass.classifier import Timing

    timings = [classifier.result("photo", photo).timing for _ in range(_SPLIT_RUNS)]
    steps = zip(*(timing for timing in timings if timing is not None), strict=True)
    return Timing(*(round(median(step), 3) for step in steps))


def _throughput(classifier: Classifier, photo: str | bytes, task: Task) -> float:
    """Classify `photo` in as many workers as `batch` has, and return the photos per second."""
    from mobiclass._system import available_cores
    from mobiclass.classifier import Classifier

    threads = task.throughput_threads
    jobs = max(1, available_cores() // threads)
    first = classifier
    if classifier.device == "cpu" and classifier.num_threads != threads:
        first = Classifier.load(task.model, **task.run._replace(num_threads=threads)._asdict())
    workers = [first, *(first.clone() for _ in range(jobs - 1))]
    barrier = threading.Barrier(jobs)

    def work(worker: Classifier) -> tuple[int, float, float]:
        worker.classify(photo)
        barrier.wait()
        started = now = perf_counter()
        done = 0
        while now - started < (task.seconds or _THROUGHPUT_SECONDS):
            worker.classify(photo)
            done += 1
            now = perf_counter()
        return done, started, now

    with ThreadPoolExecutor(jobs) as pool:
        counts = list(pool.map(work, workers))
    elapsed = max(end for _, _, end in counts) - min(start for _, start, _ in counts)
    return sum(done for done, _, _ in counts) / elapsed
