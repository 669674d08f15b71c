"""Does it classify? A picture whose answer is known, then the model and device of the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mobiclass.choices import RunOptions, is_device
from mobiclass.doctor import known_picture
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding
from mobiclass.errors import MobiclassError
from mobiclass.hub import find_model
from mobiclass.tflite import read_model

_MEGABYTE = 1_000_000


def check_classification(environment: Environment) -> Finding:
    """Classify the known picture end to end with the built-in model, on the CPU."""
    name = "self-test"
    runtime = environment.chosen_runtime
    if runtime is None or environment.unsupported_reason:
        return Finding(name, "problem", f"not tried {environment.unsupported_reason}")
    outcome = environment.probe("classify", str(environment.builtin_model), RunOptions("cpu", runtime.name, 1))
    if outcome.failure is not None:
        fix = "fix the other problems of this report first; if there are none, report this output"
        return Finding(name, "problem", str(outcome), fix)
    label, score = outcome.facts["label"], outcome.facts["score"]
    expected = f"{known_picture.LABEL} {_percent(known_picture.SCORE)}"
    text = f"{label} {_percent(score)} (expected: {expected})"
    if label != known_picture.LABEL or abs(score - known_picture.SCORE) > known_picture.TOLERANCE:
        return Finding(
            name, "problem", f"a wrong answer: {text}",
            f"`pip install --force-reinstall mobiclass {runtime.package}`; otherwise try another --runtime, "
            "and report it with this output",
        )  # fmt: skip
    text += f" in {outcome.facts['invoke_ms']:.0f} ms on one thread"
    if "peak_bytes" in outcome.facts:
        text += f", with {outcome.facts['peak_bytes'] / _MEGABYTE:.0f} MB of memory"
    return Finding(name, "ok", text)


def check_as_set(environment: Environment) -> Iterator[Finding]:
    """Classify with the model and device that the environment variables name, if they do."""
    model, device = os.environ.get("MOBICLASS_MODEL"), os.environ.get("MOBICLASS_DEVICE") or "auto"
    if not model and device in ("auto", "cpu"):
        return
    runtime = environment.chosen_runtime
    if runtime is None or not is_device(device) or not _is_readable(model):
        return  # another check says so
    outcome = environment.probe("classify", model or None, RunOptions(device, runtime.name))
    if outcome.failure is not None:
        variables = " and ".join(name for name in ("MOBICLASS_MODEL", "MOBICLASS_DEVICE") if os.environ.get(name))
        yield Finding("as configured", "problem", outcome.failure, f"correct them, or unset {variables}")
    elif outcome.facts["fallback"]:
        yield Finding("as configured", "warning", f"runs on the CPU instead: {outcome.facts['fallback']}")
    else:
        yield Finding("as configured", "ok", f"{model or 'the built-in model'} classifies on {outcome.facts['device']}")


def _is_readable(model: str | None) -> bool:
    try:
        read_model(find_model(model or None))
    except MobiclassError:
        return False
    return True


def _percent(score: float) -> str:
    return f"{score * 100:.1f} %"
