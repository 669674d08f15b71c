"""The Edge TPU in words: device names, and what each failure means to a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.choices import RunOptions, is_device
from mobiclass.errors import DelegateError, SetupError
from mobiclass.runtime.backends import choose_runtime
from mobiclass.runtime.edgetpu import failures as edgetpu
from mobiclass.runtime.edgetpu.devices import EdgeTpuDevice, device_option
from mobiclass.runtime.edgetpu.failures import LIBRARIES, explain_failure
from mobiclass.runtime.edgetpu.process import ChildFailure
from mobiclass.runtime.edgetpu.worker import MISSING, STAGES
from mobiclass.tflite.info import ModelInfo, read_model
from tests.conftest import MakeModel
from tests.support.tiny_models import edgetpu_model

DEVICES = {
    "edgetpu": "", "edgetpu:usb": "usb", "edgetpu:pci": "pci", "edgetpu:0": ":0", "edgetpu:12": ":12",
    "edgetpu:usb:1": "usb:1", "edgetpu:pci:0": "pci:0",
}  # fmt: skip
READY_STICK = EdgeTpuDevice("usb", "1-1", Path("/dev/bus/usb/001/002"), True, True, "plugdev")
FORBIDDEN_STICK = EdgeTpuDevice("usb", "1-1", Path("/dev/bus/usb/001/002"), True, False, "plugdev")
FORBIDDEN_CARD = EdgeTpuDevice("pci", "0000:01:00.0", Path("/dev/apex_0"), True, False, "apex")
NO_DELEGATE = "Failed to load delegate from libedgetpu.so.1"


@pytest.fixture
def model(make_model: MakeModel) -> ModelInfo:
    """Give a compiled model."""
    return read_model(make_model(edgetpu_model(), name="birds_edgetpu"))


def explained(
    model: ModelInfo,
    stage: str,
    cause: str,
    said: str = "",
    *,
    device: str = "edgetpu",
) -> SetupError:
    """Give the error for a failure."""
    failure = ChildFailure(stage, cause, said)  # type: ignore[arg-type]
    return explain_failure(failure, model, RunOptions(device, choose_runtime().name, device_timeout=2.5))


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[EdgeTpuDevice]:
    """Give the list of the devices that the system sees, to be filled."""
    devices: list[EdgeTpuDevice] = []
    monkeypatch.setattr(edgetpu, "find_devices", lambda: tuple(devices))
    return devices


@pytest.mark.parametrize(("device", "option"), DEVICES.items())
def test_devices_have_names(device: str, option: str) -> None:
    assert is_device(device)
    assert device_option(device) == option


@pytest.mark.parametrize("device", ["", "tpu", "edgetpu:", "edgetpu:usb:", "edgetpu:x", "edgetpu:usb:1:2", "EDGETPU"])
def test_other_names_are_no_devices(device: str) -> None:
    assert not is_device(device)
    with pytest.raises(ValueError, match="not an Edge TPU device"):
        device_option(device)


@pytest.mark.parametrize("cause", ["refused", "died", "hung"])
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "runtime"])
def test_every_failure_names_the_library_and_the_next_step(
    stage: str, cause: str, model: ModelInfo, connected: list[EdgeTpuDevice]
) -> None:
    error = explained(model, stage, cause, "" if cause == "hung" else "what was said")
    assert isinstance(error, DelegateError)
    assert "libedgetpu" in error.reason
    assert str(error).startswith(f"{error.reason}: ")
    assert "use --device cpu" in str(error)
    assert cause == "hung" or "what was said" in error.reason


def test_a_missing_library(model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(explained(model, "library", "refused", MISSING)) == (
        f"the Edge TPU's library {LIBRARIES[0]} is not installed: {edgetpu.INSTALL}, or use --device cpu with a model "
        "for the CPU"
    )
    assert "libedgetpu" in edgetpu.INSTALL


def test_a_library_that_lacks_something(model: ModelInfo) -> None:
    error = explained(model, "library", "refused", "libusb-1.0.so.0: cannot open shared object file")
    assert "is installed but cannot be loaded (libusb-1.0.so.0: cannot" in str(error)
    error = explained(model, "device", "refused", "libedgetpu.so.1: undefined symbol: tflite_plugin_create_delegate")
    assert "is not libedgetpu" in str(error)


def test_no_device(model: ModelInfo, connected: list[EdgeTpuDevice]) -> None:
    message = str(explained(model, "device", "refused", NO_DELEGATE, device="edgetpu:usb"))
    assert "finds no usable Edge TPU for --device edgetpu:usb: no USB Edge TPU is connected: " in message
    assert "1a6e:089a" in message and "18d1:9302" in message and "power" in message
    message = str(explained(model, "device", "refused", NO_DELEGATE))
    assert "USB: " in message and "PCIe: " in message


def test_no_permission(model: ModelInfo, connected: list[EdgeTpuDevice]) -> None:
    connected.append(FORBIDDEN_STICK)
    message = str(explained(model, "device", "refused", NO_DELEGATE))
    assert "this user may not open /dev/bus/usb/001/002" in message and "plugdev" in message
    connected[:] = [FORBIDDEN_CARD]
    message = str(explained(model, "device", "refused", NO_DELEGATE, device="edgetpu:pci"))
    assert "this user may not open /dev/apex_0" in message and "apex" in message


def test_a_device_that_is_busy_or_has_another_number(model: ModelInfo, connected: list[EdgeTpuDevice]) -> None:
    connected.append(READY_STICK)
    assert "end other programs that use it" in str(explained(model, "device", "refused", NO_DELEGATE))
    assert "end other programs" in str(explained(model, "device", "refused", NO_DELEGATE, device="edgetpu:usb:0"))
    message = str(explained(model, "device", "refused", NO_DELEGATE, device="edgetpu:usb:1"))
    assert "the last one connected is number 0: use --device edgetpu:usb, or connect another" in message
    assert "but a USB Edge TPU" in str(explained(model, "device", "refused", NO_DELEGATE, device="edgetpu:pci"))


def test_what_the_library_says_of_a_device_is_passed_on(model: ModelInfo, connected: list[EdgeTpuDevice]) -> None:
    error = explained(model, "device", "refused", f"{NO_DELEGATE} firmware is wrong")
    assert isinstance(error, DelegateError)
    assert error.reason.endswith("(firmware is wrong)")


def test_a_library_that_is_too_old(model: ModelInfo) -> None:
    said = "Internal: Package requires runtime version (14), which is newer than this runtime version (13). Node number"
    for stage in ("model", "first invoke"):
        message = str(explained(model, stage, "refused", said))
        assert f"too old for {model.path}: the model needs runtime version 14, and this is 13: update it" in message
        assert "`edgetpu_compiler -m 13`" in message


def test_a_hang_names_the_option_that_gives_more_time(model: ModelInfo) -> None:
    message = str(explained(model, "device", "hung"))
    assert "did not answer for 2.5 s while it opened the device" in message
    assert "--device-timeout" in message


def test_a_crash_is_probably_another_tflite(model: ModelInfo) -> None:
    message = str(explained(model, "model", "died", "crashed (SIGSEGV)"))
    package = choose_runtime().package
    assert "failed while it prepared the model: its process crashed (SIGSEGV): it was probably built for" in message
    assert f"another TFLite than {package}" in message


def test_an_abort_is_probably_the_device(model: ModelInfo, connected: list[EdgeTpuDevice]) -> None:
    connected.append(READY_STICK)
    assert "disconnect the Edge TPU and connect it again" in str(
        explained(model, "device", "died", "aborted (SIGABRT); F usb")
    )
    assert "disconnect the Edge TPU and connect it again" in str(
        explained(model, "invoke", "died", "crashed (SIGSEGV)")
    )


def test_an_unplugged_device_is_missed(model: ModelInfo, connected: list[EdgeTpuDevice]) -> None:
    assert "no Edge TPU is connected" in str(explained(model, "invoke", "refused", "USB transfer error 5"))
    connected.append(READY_STICK)
    assert "no Edge TPU is" not in str(explained(model, "invoke", "refused", "USB transfer error 5"))


def test_a_broken_runtime_is_not_laid_to_the_device(model: ModelInfo) -> None:
    error = explained(model, "runtime", "refused", "tflite-runtime needs NumPy 1")
    assert not isinstance(error, DelegateError)
    assert str(error) == "tflite-runtime needs NumPy 1"
