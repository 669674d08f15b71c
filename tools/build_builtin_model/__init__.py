"""``python -m tools.build_builtin_model``: builds the model that mobiclass ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.build_builtin_model.command import main

open_door(
    __name__,
    {
        "command": ("main",),
    },
)
