"""The words that options, arguments and files may use. Light: the command line loads it for ``--help``."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Resize: TypeAlias = Literal["crop", "squash", "pad"]
"""How an image meets the input's height and width: a centre crop of its aspect ratio, stretched, or padded."""

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""The filter that resizes."""

RuntimeName: TypeAlias = Literal["litert", "tflite"]
"""A TFLite runtime: ai-edge-litert, or its predecessor tflite-runtime."""

RuntimeChoice: TypeAlias = Literal["auto", "litert", "tflite"]
"""A runtime, or LiteRT where it is installed and its predecessor elsewhere."""

EDGETPU_PATTERN: Final = re.compile(r"edgetpu(?::(?P<device>(?:usb|pci)(?::\d+)?|\d+))?")
"""``edgetpu``, ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:N``, ``edgetpu:usb:N`` or ``edgetpu:pci:N``."""


def is_device(text: str) -> bool:
    """Whether `text` names a device: ``auto``, ``cpu`` or an Edge TPU."""
    return text in ("auto", "cpu") or EDGETPU_PATTERN.fullmatch(text) is not None
