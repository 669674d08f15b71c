"""The Edge TPU without one: device names, the missing library, what the delegate is asked for."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from mobiclass import edgetpu
from mobiclass.choices import is_device
from mobiclass.edgetpu import load_delegate
from mobiclass.errors import DelegateError
from mobiclass.runtimes import choose_runtime

DEVICES = {
    "edgetpu": "", "edgetpu:usb": "usb", "edgetpu:pci": "pci", "edgetpu:0": ":0", "edgetpu:12": ":12",
    "edgetpu:usb:1": "usb:1", "edgetpu:pci:0": "pci:0",
}  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
def test_devices_have_names(device: str) -> None:
    assert is_device(device)


@pytest.mark.parametrize("device", ["", "tpu", "edgetpu:", "edgetpu:usb:", "edgetpu:x", "edgetpu:usb:1:2", "EDGETPU"])
def test_other_names_are_no_devices(device: str) -> None:
    assert not is_device(device)
    with pytest.raises(ValueError, match="not an Edge TPU device"):
        load_delegate(choose_runtime(), device)


def test_a_missing_library_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(DelegateError, match=r"libedgetpu.*cannot be loaded.*install.*--device cpu"):
        load_delegate(choose_runtime(), "edgetpu")


@pytest.mark.parametrize(("device", "option"), DEVICES.items())
def test_the_delegate_is_asked_for_the_device(device: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    module = SimpleNamespace(load_delegate=lambda library, options: asked.append(options) or "the delegate")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    monkeypatch.setattr(edgetpu, "import_runtime", lambda runtime: module)
    assert load_delegate(choose_runtime(), device) == "the delegate"
    assert asked == [{"device": option}]


def test_a_library_that_finds_no_device_is_an_error_with_a_checklist(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(library: str, options: object) -> None:
        raise ValueError("Failed to load delegate from libedgetpu.so.1\n")

    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    monkeypatch.setattr(edgetpu, "import_runtime", lambda runtime: SimpleNamespace(load_delegate=refuse))
    with pytest.raises(DelegateError, match=r"finds no Edge TPU.*--device edgetpu:usb .*plugdev"):
        load_delegate(choose_runtime(), "edgetpu:usb")
