"""``python -m tools.finetune``: fine-tunes a MobileNet on your own classes."""

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
