"""Doors: how a room's ``__init__`` hands out names of its modules without loading them before they are asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any


def open_door(room: str, modules: Mapping[str, tuple[str, ...]]) -> None:
    """Let the package `room` hand out the names of its modules, each module loaded when it is first needed (PEP 562).

    A name is looked up anew each time, so that what replaces it in its module is what others get.

    Args:
        room: the package's ``__name__``.
        modules: the modules in it, and the names in each that others may use.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{room}.{homes[name]}"), name)

    # Set here, not assigned in the room: a type checker that sees `__getattr__` there believes in every name.
    package: Any = sys.modules[room]
    package.__getattr__ = get
    package.__dir__ = lambda: sorted({*homes, *vars(package)})
