"""The Coral Edge TPU: which device is meant, where its library is, and the delegate that it gives.

It says what is missing and how to get it. It does not decide what happens without a TPU: `Classifier` does.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from mobiclass.choices import EDGETPU_PATTERN
from mobiclass.errors import DelegateError
from mobiclass.runtimes import Runtime, import_runtime, one_line

_LIBRARIES: Final = {"linux": "libedgetpu.so.1", "darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}
_LIBRARY: Final = _LIBRARIES.get(sys.platform, "libedgetpu.so.1")
_INSTALL: Final = {
    "linux": "install it (Debian's package libedgetpu1-std, https://coral.ai/software)",
    "darwin": "install Coral's libedgetpu for macOS (https://coral.ai/software)",
    "win32": "install Coral's Edge TPU runtime for Windows (https://coral.ai/software)",
}


def load_delegate(runtime: Runtime, device: str) -> Any:
    """Load the Edge TPU's delegate into `runtime` for `device` (see `EDGETPU_PATTERN`).

    Raises:
        DelegateError: the library is missing or cannot be loaded, or it finds no device that it may use.
    """
    match = EDGETPU_PATTERN.fullmatch(device)
    if match is None:
        raise ValueError(f"not an Edge TPU device: {device!r}")
    name = match["device"] or ""
    import ctypes

    try:
        # The runtimes report a missing library with an exception of their own's making inside a destructor.
        ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise DelegateError(
            f"the Edge TPU runtime {_LIBRARY} cannot be loaded ({one_line(error)}): "
            f"{_INSTALL.get(sys.platform, _INSTALL['linux'])}, or use --device cpu with a model for the CPU"
        ) from error
    # The plugin calls the N-th device of any kind ":N".
    options = {"device": f":{name}" if name.isdecimal() else name}
    try:
        return import_runtime(runtime).load_delegate(_LIBRARY, options)
    except (OSError, RuntimeError, ValueError) as error:
        raise DelegateError(
            f"{_LIBRARY} is there but finds no Edge TPU that it may use for --device {device} ({one_line(error)}): "
            "plug it in (USB: `lsusb` shows 1a6e:089a or 18d1:9302; PCIe: /dev/apex_0), let no other program use it, "
            "and be in the group plugdev (USB) or apex (PCIe)"
        ) from error
