"""The TFLite runtimes: which are installed, whether they work with this NumPy, and whether XNNPACK is in use."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterator
from typing import Final

from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding, Status
from mobiclass.runtime import RUNTIMES, Runtime

_CLEARLY: Final = 1.2  # more than noise
_PROCESSORS: Final = "sys/devices/system/cpu/possible"


def check_runtimes(environment: Environment) -> Iterator[Finding]:
    """Run the built-in model in each installed runtime."""
    for runtime in RUNTIMES.values():
        if runtime.installed:
            yield _check_installed(environment, runtime)
        elif not any(other.installed for other in RUNTIMES.values()):
            fix = _how_to_get_one(environment) if runtime is next(iter(RUNTIMES.values())) else None
            yield Finding(runtime.package, "problem" if fix else "info", "not installed", fix)
        else:
            fix = runtime.install if runtime.name == "litert" and environment.has_litert_wheels else None
            yield Finding(runtime.package, "info", f"not installed{'' if fix else ', and not needed'}", fix)


def check_xnnpack(environment: Environment) -> Finding:
    """Measure the speed-up of the default delegate of the runtime in use."""
    runtime = environment.chosen_runtime
    if runtime is None or environment.unsupported_reason:
        return Finding("xnnpack", "info", f"not measured {environment.unsupported_reason}")
    outcome = environment.probe("time_delegates", runtime.name, str(environment.builtin_model))
    if outcome.failure is not None:
        return Finding("xnnpack", "info", f"not measured: {outcome}")
    with_ms, without_ms = outcome.facts["with_ms"], outcome.facts["without_ms"]
    delegated = outcome.facts["delegated"]
    in_use = without_ms > with_ms * _CLEARLY if delegated is None else delegated
    if in_use:
        text = (
            f"in use: the built-in model takes {with_ms:.1f} ms with it and {without_ms:.1f} ms without, on one thread"
        )
        return Finding("xnnpack", "ok", text)
    text = f"not in use: {runtime.package} takes {with_ms:.1f} ms for the built-in model, and without delegates "
    text += f"{without_ms:.1f} ms, on one thread"
    if runtime.name == "litert" and platform.system() == "Linux" and not (environment.root / _PROCESSORS).exists():
        return Finding("xnnpack", "warning", text, f"mount /sys: XNNPACK reads the CPU's features from /{_PROCESSORS}")
    if runtime.name == "litert":
        return Finding("xnnpack", "warning", text, f"pip install --force-reinstall {runtime.package}")
    if environment.has_litert_wheels:
        return Finding("xnnpack", "warning", text, f"{RUNTIMES['litert'].install}, which uses it for int8 models")
    return Finding("xnnpack", "info", text)


def _check_installed(environment: Environment, runtime: Runtime) -> Finding:
    used = environment.chosen_runtime == runtime
    name = f"{runtime.version}{' (in use)' if used else ''}"
    if environment.builtin_model is None:
        return Finding(runtime.package, "info", f"{name}, not tried because the built-in model is missing")
    outcome = environment.run_builtin_model(runtime)
    if outcome.failure is None:
        return Finding(runtime.package, "ok", f"{name}, runs the built-in model")
    status: Status = "problem" if used else "warning"
    text = f"{name}, {outcome}"
    if runtime.name == "tflite" and (numpy := _numpy_version()).partition(".")[0] not in ("0", "1"):
        text = f"{runtime.version} needs NumPy 1 and this is NumPy {numpy}: {outcome}"
        return Finding(runtime.package, status, text, _numpy_fix(environment))
    if outcome.raised == "ModuleNotFoundError" and "numpy" in outcome.failure:
        return Finding(runtime.package, status, f"{name}, not tried: NumPy is not installed", "pip install numpy")
    fix = f"pip install --force-reinstall {runtime.package}"
    other = next((one for one in RUNTIMES.values() if one is not runtime and one.installed), None)
    if used and other is not None:
        fix += f", or use {other.package}: export MOBICLASS_RUNTIME={other.name}"
    return Finding(runtime.package, status, text, fix)


def _numpy_fix(environment: Environment) -> str:
    fix = "pip install 'numpy<2'"
    if RUNTIMES["litert"].installed:
        return f"{fix}, or use ai-edge-litert: export MOBICLASS_RUNTIME=litert"
    return f"{fix}, or {RUNTIMES['litert'].install}" if environment.has_litert_wheels else fix


def _how_to_get_one(environment: Environment) -> str:
    """Say how to get a runtime on this system."""
    if environment.has_litert_wheels:
        return RUNTIMES["litert"].install
    if environment.is_musl:
        return "use a system with glibc (Debian, Raspberry Pi OS): no runtime has wheels for musl"
    if platform.system() == "Linux" and not environment.is_64_bit and sys.version_info < (3, 12):
        return RUNTIMES["tflite"].install
    if platform.system() == "Linux" and not environment.is_64_bit:
        return "use a 64-bit system, or Python 3.11: no runtime has 32-bit wheels for newer ones"
    return f"no runtime has wheels for {platform.system()} on {platform.machine()}: use a 64-bit Arm or x86 machine"


def _numpy_version() -> str:
    try:
        return importlib.metadata.version("numpy")
    except importlib.metadata.PackageNotFoundError:
        return "1"
