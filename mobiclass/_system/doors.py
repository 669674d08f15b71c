"""Doors: a room's ``__init__`` exports names of its modules, and loads a module when a name of it is first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any


def open_door(room: str, modules: Mapping[str, tuple[str, ...]]) -> None:
    """Let the package `room` export names of its modules, and load each module when it is first needed (PEP 562).

    A name is looked up each time, so that others see what replaces it in its module.

    Args:
        room: the package's ``__name__``.
        modules: the modules in it, and the names in each that others may use.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{room}.{homes[name]}"), name)

    # Set here, not in the room: a type checker that sees `__getattr__` there accepts every name.
    package: Any = sys.modules[room]
    package.__getattr__ = get
    package.__dir__ = lambda: sorted({*homes, *vars(package)})
