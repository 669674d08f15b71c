"""libedgetpu by name: the file names that it has on this system, and how to get it. It loads nothing."""

from __future__ import annotations

import sys
from typing import Final

_LIBRARIES: Final = {
    "darwin": ("libedgetpu.1.dylib",),
    "win32": ("edgetpu.dll",),
}
LIBRARIES: Final = _LIBRARIES.get(sys.platform, ("libedgetpu.so.1", "libedgetpu.so.1.0"))
"""The file names of libedgetpu on this system, the usual one first."""

_INSTALL: Final = {
    "darwin": "install libedgetpu from Coral's archive edgetpu_runtime (https://coral.ai/software)",
    "win32": "install libedgetpu from Coral's archive edgetpu_runtime (https://coral.ai/software)",
}
INSTALL: Final = _INSTALL.get(sys.platform, "install Debian's package libedgetpu1-std (https://coral.ai/software)")
"""How to get libedgetpu on this system."""

_UPDATE: Final = {"linux": "`sudo apt install --only-upgrade libedgetpu1-std`"}
UPDATE: Final = _UPDATE.get(sys.platform, "https://coral.ai/software")
"""How to get a newer libedgetpu on this system."""
