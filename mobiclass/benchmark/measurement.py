"""`measure`: how fast a model is on this machine, in a fresh process that runs `mobiclass.benchmark.worker`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from mobiclass import errors
from mobiclass._system import run_child
from mobiclass.choices import RunOptions
from mobiclass.errors import ImageError, ModelError, SetupError

Measurement: TypeAlias = dict[str, Any]
"""The result of `measure`: an object of ``mobiclass benchmark --format json``."""

_SETUP_ERRORS: Final = {name: getattr(errors, name) for name in ("DelegateError", "LabelsError", "ModelError")}


class Task(NamedTuple):
    """What to measure.

    Attributes:
        model: a known model's name, or a path; ``None`` is the built-in model.
        labels: the file of its labels, for a model that is not a classifier without one.
        description: what overrides its own description of its input and output, as `Classifier.load` takes it.
        run: where and how it runs; `num_threads` is for the latency.
        throughput_threads: threads of each interpreter in the measurement of images per second.
        image: the photo to time end to end; a synthetic one of 500×375 pixels by default.
        seconds: the duration of the latency measurement and of the throughput measurement; by default until the median
            is steady, and 2 s.
    """

    model: str | None = None
    labels: str | None = None
    description: Mapping[str, Any] = {}
    run: RunOptions = RunOptions()
    throughput_threads: int = 1
    image: str | None = None
    seconds: float | None = None


def measure(task: Task) -> Measurement:
    """Measure one model in a fresh process, which ends with this one.

    Latencies are the interpreter's alone, with copying the tensors in and out; ``load_ms`` is reading, checking and
    loading the model, without importing the runtime; ``images_per_second`` is end to end, with the workers of a batch;
    ``peak_rss_mb`` (10⁶ bytes) is the process with one interpreter, and the Edge TPU's process.

    Raises:
        SetupError: the model, the device or the runtime cannot be used, or the runtime crashed.
        ImageError: the photo cannot be classified.
        RuntimeError: a bug; the message is the child's traceback.
    """
    ended = run_child("mobiclass.benchmark.worker", json.dumps(task._asdict()), capture_stderr=False)
    if ended.status != 0 or not ended.stdout:
        raise ModelError(f"{task.model or 'the built-in model'}: the process that measured it {ended.ending}")
    answer: Measurement = json.loads(ended.stdout)
    if "bug" in answer:
        raise RuntimeError(f"in the process that measured {task.model or 'the built-in model'}:\n{answer['bug']}")
    if "error" in answer:
        _raise(answer)
    return answer


def _raise(answer: dict[str, Any]) -> NoReturn:
    if answer["error"] == "ImageError":
        raise ImageError(answer["message"], kind=answer["kind"], path=answer["path"])
    raise _SETUP_ERRORS.get(answer["error"], SetupError)(answer["message"])
