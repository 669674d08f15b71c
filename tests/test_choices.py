"""The words that options, arguments and files may use."""

from __future__ import annotations

import pytest

from mobiclass.choices import is_device


@pytest.mark.parametrize(
    "text",
    [
        "auto",
        "cpu",
        "edgetpu",
        "edgetpu:0",
        "edgetpu:12",
        "edgetpu:usb",
        "edgetpu:pci",
        "edgetpu:usb:1",
        "edgetpu:pci:0",
    ],
)
def test_devices(text: str) -> None:
    assert is_device(text)


@pytest.mark.parametrize(
    "text",
    ["", "CPU", "gpu", "edgetpu:", "edgetpu:usb:", "edgetpu:x", "edgetpu:usb:1:2", "edgetpu:-1", "cpu\n", " cpu"],
)
def test_what_is_no_device(text: str) -> None:
    assert not is_device(text)
