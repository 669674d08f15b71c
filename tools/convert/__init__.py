"""``python -m tools.convert``: a Keras image classifier to an int8 TFLite model that has been checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.convert.command import main
    from tools.convert.metadata import ModelCard, encode_lines, write_metadata

open_door(
    __name__,
    {
        "command": ("main",),
        "metadata": ("ModelCard", "encode_lines", "write_metadata"),
    },
)
