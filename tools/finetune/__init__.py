"""``python -m tools.finetune``: a MobileNet taught one's own classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.finetune.command import main

open_door(
    __name__,
    {
        "command": ("main",),
    },
)
