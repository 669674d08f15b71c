"""The Coral Edge TPU: libedgetpu, and the devices that the system sees. Both are optional."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding
from mobiclass.runtime import INSTALL, LIBRARIES, EdgeTpuDevice, advise, find_devices

_HOT_CELSIUS: Final = 85.0  # where Coral's PCIe driver begins to throttle by default


def check_edgetpu(environment: Environment) -> Iterator[Finding]:
    """Load libedgetpu in a child process, and look for devices, which needs no library."""
    devices = find_devices(environment.root)
    yield _check_library(environment, connected=bool(devices))
    if devices is None:
        yield Finding("edgetpu", "info", advise(None).seen)
    elif not devices:
        yield Finding("edgetpu", "info", "no Edge TPU is connected")
    for device in devices or ():
        yield _check_device(device)


def _check_library(environment: Environment, *, connected: bool) -> Finding:
    name = "libedgetpu"
    outcome = environment.probe("load_library", list(LIBRARIES))
    library = outcome.facts.get("library")
    if outcome.failure is not None:
        text = f"{library or outcome.step} is installed but cannot be loaded: {outcome.failure}"
        return Finding(name, "warning", text, f"it was built for another system: {INSTALL}")
    if library is not None:
        # "BuildLabel(COMPILER=…), RuntimeVersion(14)"
        version = re.search(r"RuntimeVersion\((\d+)\)", outcome.facts.get("version", ""))
        return Finding(name, "ok", f"{library}{f', runtime version {version[1]}' if version else ''}")
    errors = outcome.facts.get("errors", [])
    if broken := [error for error in errors if not _is_absence(error)]:
        return Finding(name, "warning", f"installed, but cannot be loaded: {broken[0]}", INSTALL)
    if connected:
        return Finding(name, "warning", "not installed, but an Edge TPU is connected", INSTALL)
    return Finding(name, "info", "not installed: models run on the CPU")


def _is_absence(error: str) -> bool:
    """Whether the loader's `error` says that the library is missing, and not something that it needs."""
    missing = "No such file" in error or "no such file" in error or "Could not find module" in error
    return missing and any(error.startswith((f"{name}:", f"dlopen({name}", "Could not find")) for name in LIBRARIES)


def _check_device(device: EdgeTpuDevice) -> Finding:
    text = str(device)
    if not device.accessible:
        advice = advise((device,))
        return Finding("edgetpu", "warning", advice.seen, advice.next_step)
    if device.temperature_celsius is not None and device.temperature_celsius >= _HOT_CELSIUS:
        return Finding("edgetpu", "warning", f"{text}: hot, and throttled", "cool it: a heat sink or a fan")
    return Finding("edgetpu", "ok", f"{text}, {device.node}, group {device.group}")
