"""How fast a model is on this machine: each measured in a fresh process of its own, one after the other.

It starts that process and reads what it says; the measuring is `mobiclass.benchmark.worker`'s.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from mobiclass import errors
from mobiclass._system import run_child
from mobiclass.choices import RunOptions
from mobiclass.errors import ImageError, ModelError, SetupError

Measurement: TypeAlias = dict[str, Any]
"""What `measure` found, as the JSON object of ``mobiclass benchmark --format json``."""

_SETUP_ERRORS: Final = {name: getattr(errors, name) for name in ("DelegateError", "LabelsError", "ModelError")}


class Task(NamedTuple):
    """What to measure.

    Attributes:
        model: a known model's name, or a path; ``None`` is the built-in model.
        run: where and how it runs; its threads are those of the latency's interpreter.
        throughput_threads: the threads of each of the interpreters that share the cores for images a second.
        image: the photo whose way is timed; a made one of 500×375 pixels by default.
        seconds: how long the latency is measured, and how long the throughput; until the median is steady, and 2 s,
            by default.
    """

    model: str | None = None
    run: RunOptions = RunOptions()
    throughput_threads: int = 1
    image: str | None = None
    seconds: float | None = None


def measure(task: Task) -> Measurement:
    """Measure one model in a fresh process, which ends with this one.

    Latencies are those of the interpreter alone, the tensor handed in and the scores taken out; ``load_ms`` is reading,
    checking and loading the model, without importing the runtime; ``images_per_second`` counts photos that go the whole
    way in the workers of a batch; ``peak_rss_mb`` (10⁶ bytes) is the process with one interpreter, and an Edge TPU's.

    Raises:
        SetupError: the model, the device or the runtime cannot be used, or the runtime crashes.
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
