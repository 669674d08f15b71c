"""The words that options, arguments and files may use. Light: the command line loads it for ``--help``."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

Resize: TypeAlias = Literal["crop", "squash", "pad"]
"""How an image is brought to the input's height and width: a centre crop of its aspect ratio, stretched, or padded."""

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""The filter that resizes."""

Channels: TypeAlias = Literal["rgb", "bgr"]
"""The order of the input's colour channels."""

Layout: TypeAlias = Literal["nhwc", "nchw"]
"""Where the input has its channels: behind height and width, or before them."""

OutputKind: TypeAlias = Literal["probabilities", "logits", "multilabel", "multilabel-logits"]
"""What an output holds: probabilities of which one class is right; logits, which want a softmax; a probability a label,
of which several may be right; or logits of such, which want a sigmoid each."""

RuntimeName: TypeAlias = Literal["litert", "tflite"]
"""A TFLite runtime: ai-edge-litert, or its predecessor tflite-runtime."""

RuntimeChoice: TypeAlias = Literal["auto", "litert", "tflite"]
"""A runtime, or LiteRT where it is installed and its predecessor elsewhere."""

EDGETPU_PATTERN: Final = re.compile(r"edgetpu(?::(?P<device>(?:usb|pci)(?::\d+)?|\d+))?")
"""``edgetpu``, ``edgetpu:usb``, ``edgetpu:pci``, ``edgetpu:N``, ``edgetpu:usb:N`` or ``edgetpu:pci:N``."""

MAX_THREADS: Final = 256
"""The runtimes crash where the system gives them fewer threads than they ask for."""


class RunOptions(NamedTuple):
    """Where and how a model runs.

    Attributes:
        device: ``auto``, ``cpu`` or ``edgetpu…``; ``auto`` is the Edge TPU for a model that was compiled for it, and
            the CPU for any other.
        runtime: the TFLite runtime.
        num_threads: threads for what runs on the CPU, 1 to `MAX_THREADS`; all cores if ``None``.
        device_timeout: seconds after which an Edge TPU that does not answer has failed.
    """

    device: str = "auto"
    runtime: RuntimeChoice = "auto"
    num_threads: int | None = None
    device_timeout: float = 10.0

    def validated(self) -> RunOptions:
        """Return these options.

        Raises:
            ValueError: one of them is impossible.
        """
        if not is_device(self.device):
            raise ValueError(f"device must be auto, cpu or edgetpu[:usb|:pci][:N], not {self.device!r}")
        if self.runtime not in get_args(RuntimeChoice):
            raise ValueError(f"runtime must be one of {', '.join(get_args(RuntimeChoice))}, not {self.runtime!r}")
        if self.num_threads is not None and not 1 <= self.num_threads <= MAX_THREADS:
            raise ValueError(f"num_threads must be from 1 to {MAX_THREADS}, not {self.num_threads}")
        if not self.device_timeout > 0:  # nor NaN
            raise ValueError(f"device_timeout must be more than 0 seconds, not {self.device_timeout}")
        return self


def is_device(text: str) -> bool:
    """Whether `text` names a device: ``auto``, ``cpu`` or an Edge TPU."""
    return text in ("auto", "cpu") or EDGETPU_PATTERN.fullmatch(text) is not None
