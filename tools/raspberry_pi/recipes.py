"""The systems that are tested, and what they consist of. It builds none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final, Literal

from tools.raspberry_pi.agreement import Tolerance

Architecture = Literal["arm64", "armhf"]

# Increment when `roots` builds differently, so that roots built by older versions are not reused.
_BUILD_VERSION: Final = 1
# The relevant packages of a fresh Raspberry Pi OS Lite, which has no compiler.
_PYTHON: Final = ("ca-certificates", "python3", "python3-venv")
_PYTHON_32: Final = (*_PYTHON, "python3-click", "python3-numpy", "python3-pil")
# That of the Pi 3 and Zero 2 W, without dot product instructions (like the Pi 4's), and that of the Pi 5, with them.
_64_BIT: Final = ("cortex-a53", "cortex-a76")
_32_BIT: Final = ("cortex-a7",)
_LITERT: Final = Tolerance(worst_steps=3, mean_steps=1, near_tie_steps=0)
_TFLITE: Final = Tolerance(worst_steps=32, mean_steps=6, near_tie_steps=8)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The contents of a root.

    Attributes:
        name: its name on the command line and in the cache folder.
        suite: the Debian suite, such as ``bookworm``.
        architecture: the Debian architecture.
        packages: the packages added to the minimal system.
        system_packages: whether virtual environments use Debian's Python packages, for lack of wheels.
        runtime: the package of the runtime that pip must install.
        cpus: the processors to emulate, the weakest first.
        tolerance: the allowed difference of its predictions from this machine's.
    """

    name: str
    suite: str
    architecture: Architecture
    packages: tuple[str, ...]
    system_packages: bool
    runtime: str
    cpus: tuple[str, ...]
    tolerance: Tolerance

    def digest(self) -> str:
        """Return a hash of everything that a built root depends on."""
        parts = {name: value for name, value in asdict(self).items() if name in ("suite", "architecture", "packages")}
        return hashlib.sha256(json.dumps([_BUILD_VERSION, parts], sort_keys=True).encode()).hexdigest()


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        # Raspberry Pi OS of 2025: Python 3.13.
        Recipe("trixie-arm64", "trixie", "arm64", _PYTHON, False, "ai-edge-litert", _64_BIT, _LITERT),
        # Raspberry Pi OS of 2023: Python 3.11.
        Recipe("bookworm-arm64", "bookworm", "arm64", _PYTHON, False, "ai-edge-litert", _64_BIT, _LITERT),
        # The same in 32 bits, for which there are no wheels of NumPy 1 and Pillow, only Debian's packages.
        Recipe("bookworm-armhf", "bookworm", "armhf", _PYTHON_32, True, "tflite-runtime", _32_BIT, _TFLITE),
    )
}
DEFAULT: Final = "trixie-arm64"
