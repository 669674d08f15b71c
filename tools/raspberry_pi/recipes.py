"""The systems that are tested: what each is made of. It builds none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final, Literal

from tools.raspberry_pi.agreement import Tolerance

Architecture = Literal["arm64", "armhf"]

# Raised when the way of building changes, so that roots that were built the old way are not taken for new ones.
_WAY_OF_BUILDING: Final = 1
# What a fresh Raspberry Pi OS Lite has of all that matters here; no compiler among it.
_PYTHON: Final = ("ca-certificates", "python3", "python3-venv")
_PYTHON_32: Final = (*_PYTHON, "python3-click", "python3-numpy", "python3-pil")
# The Pi 3's and Zero 2 W's, which has no dot products (nor has the Pi 4's); and the Pi 5's, which has.
_64_BIT: Final = ("cortex-a53", "cortex-a76")
_32_BIT: Final = ("cortex-a7",)
_LITERT: Final = Tolerance(worst_steps=3, mean_steps=1, near_tie_steps=0)
_TFLITE: Final = Tolerance(worst_steps=32, mean_steps=6, near_tie_steps=8)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a root is made of.

    Attributes:
        name: what the command line and the cache folder call it.
        suite: Debian's, as ``bookworm``.
        architecture: Debian's name of it.
        packages: those beside the minimal system.
        system_packages: whether Python environments see Debian's packages, because no others exist.
        runtime: the package of the runtime that pip must bring.
        cpus: the processors that QEMU plays, the least first.
        tolerance: how far its predictions may be from this machine's.
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
        """Give what changes with everything that a built root depends on."""
        parts = {name: value for name, value in asdict(self).items() if name in ("suite", "architecture", "packages")}
        return hashlib.sha256(json.dumps([_WAY_OF_BUILDING, parts], sort_keys=True).encode()).hexdigest()


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        # Raspberry Pi OS of 2025: Python 3.13.
        Recipe("trixie-arm64", "trixie", "arm64", _PYTHON, False, "ai-edge-litert", _64_BIT, _LITERT),
        # Raspberry Pi OS of 2023: Python 3.11.
        Recipe("bookworm-arm64", "bookworm", "arm64", _PYTHON, False, "ai-edge-litert", _64_BIT, _LITERT),
        # The same in 32 bits. No wheels of NumPy 1 and Pillow are for it: Debian's packages are.
        Recipe("bookworm-armhf", "bookworm", "armhf", _PYTHON_32, True, "tflite-runtime", _32_BIT, _TFLITE),
    )
}
DEFAULT: Final = "trixie-arm64"
