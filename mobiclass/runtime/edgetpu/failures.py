"""What each failure of an Edge TPU means, and what to do about it. It loads no library and starts no process."""

from __future__ import annotations

import re
from typing import Final

from mobiclass.choices import RunOptions
from mobiclass.errors import DelegateError, SetupError
from mobiclass.runtime.backends import RUNTIMES, choose_runtime
from mobiclass.runtime.edgetpu.devices import (
    INSTALL,
    LIBRARIES,
    UPDATE,
    DeviceKind,
    advise,
    device_option,
    find_devices,
)
from mobiclass.runtime.edgetpu.process import ChildFailure
from mobiclass.runtime.edgetpu.worker import MISSING, Stage
from mobiclass.tflite import ModelInfo

_OR_CPU: Final = "or use --device cpu with a model for the CPU"
_RECONNECT: Final = "disconnect the Edge TPU and connect it again, on a port and with a cable that give enough power"
_DOING: Final[dict[Stage, str]] = {
    "start": "while its process started",
    "library": "while it was loaded",
    "runtime": "while the TFLite runtime was loaded",
    "device": "while it opened the device",
    "model": "while it prepared the model",
    "first invoke": "while it ran the model for the first time",
    "invoke": "while it ran the model",
}
_NO_DELEGATE: Final = re.compile(r"Failed to load delegate from \S+ ?(.*)")
"""What the runtimes say where libedgetpu creates no delegate, then what libedgetpu says, mostly nothing."""

_TOO_OLD: Final = re.compile(r"requires runtime version \((\d+)\).*this runtime version \((\d+)\)")


def explain_failure(failure: ChildFailure, model: ModelInfo, run: RunOptions) -> SetupError:
    """Say what `failure` means for `model`, run with the options `run`, and what to do about it."""
    library, said = LIBRARIES[0], failure.detail
    if match := _TOO_OLD.search(said):
        wanted, have = match.groups()
        return _error(
            f"{library} is too old for {model.path}: the model needs runtime version {wanted}, and this is {have}",
            f"update it ({UPDATE}), or compile the model again with `edgetpu_compiler -m {have}`",
        )
    match failure.cause, failure.stage:
        case "hung", "start" | "runtime":
            return _error(
                f"the process for {library} did not start in time",
                f"try again when the machine is less busy, {_OR_CPU}",
            )
        case "hung", stage:
            return _error(
                f"{library} did not answer for {run.device_timeout:g} s {_DOING[stage]}",
                f"{_RECONNECT}; if it is only slow, raise --device-timeout; {_OR_CPU}",
            )
        case "refused", "library" if said == MISSING:
            return _error(f"the Edge TPU's library {library} is not installed", f"{INSTALL}, {_OR_CPU}")
        case "refused", "library":
            return _error(
                f"the Edge TPU's library {library} is installed but cannot be loaded ({said})",
                f"install what it depends on, or a libedgetpu for this system and processor ({INSTALL}), {_OR_CPU}",
            )
        case "refused", "runtime":
            return SetupError(said)
        case "refused", "device" if "undefined symbol" in said or "symbol not found" in said:
            return _error(f"{library} is not libedgetpu, or is older than 2019 ({said})", f"{INSTALL}, {_OR_CPU}")
        case "refused", "device" if match := _NO_DELEGATE.fullmatch(said):
            return _no_device(run.device, match[1])
        case "refused", "model" | "first invoke":
            return _error(
                f"{library} cannot run {model.path} ({said})",
                "copy the model again in case it is damaged, or compile it again with `edgetpu_compiler`; "
                f"if other models fail too, {_RECONNECT}; {_OR_CPU}",
            )
        case "refused", "start":
            return _error(f"{library} works on Linux and macOS only ({said})", _OR_CPU.removeprefix("or "))
        case "died", "start":
            return _error(f"the process for {library} could not be started ({said})", _OR_CPU.removeprefix("or "))
        case "died", stage:
            return _crash(stage, said, run)
    return _error(f"{library} failed {_DOING[failure.stage]} ({said})", f"{_connected(run.device)}; {_OR_CPU}")


def _error(reason: str, next_step: str) -> DelegateError:
    return DelegateError(f"{reason}: {next_step}", reason=reason)


def _crash(stage: Stage, said: str, run: RunOptions) -> DelegateError:
    reason = f"{LIBRARIES[0]} failed {_DOING[stage]}: its process {said}"
    if "SIGKILL" in said:
        return _error(reason, f"end other programs if memory is short, {_OR_CPU}")
    # It aborts where the device misbehaves; other crashes are usually due to TFLite structures with another layout than
    # the runtime has.
    if stage == "invoke" or "SIGABRT" in said:
        return _error(reason, f"{_connected(run.device)}; {_OR_CPU}")
    runtime = choose_runtime(run.runtime)
    other = next((one for one in RUNTIMES.values() if one is not runtime and one.installed), None)
    try_other = f"try --runtime {other.name}, " if other else ""
    return _error(
        reason,
        f"it was probably built for another TFLite than {runtime.package} {runtime.version}: install a libedgetpu that "
        f"fits it, {try_other}{_OR_CPU}",
    )


def _kind(device: str) -> DeviceKind | None:
    option = device_option(device)
    return "usb" if option.startswith("usb") else "pci" if option.startswith("pci") else None


def _no_device(device: str, said: str) -> DelegateError:
    kind = _kind(device)
    devices = find_devices()
    number = int(digits) if (digits := device.rpartition(":")[2]).isdecimal() else 0
    matching = [one for one in devices or () if kind in (None, one.kind)]
    if matching and number >= len(matching):
        return _error(
            f"{LIBRARIES[0]} finds no Edge TPU for --device {device}: the last one connected is number "
            f"{len(matching) - 1}",
            f"use --device {device.removesuffix(f':{number}')}, or connect another",
        )
    advice = advise(devices, kind)
    return _error(
        f"{LIBRARIES[0]} finds no usable Edge TPU for --device {device}: {advice.seen}{said and f' ({said})'}",
        f"{advice.next_step}; {_OR_CPU}",
    )


def _connected(device: str) -> str:
    """Say what to do about a device that used to work."""
    kind, devices = _kind(device), find_devices()
    if devices is None or any(one.accessible and kind in (None, one.kind) for one in devices):
        return _RECONNECT
    return str(advise(devices, kind))
