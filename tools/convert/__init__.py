"""``python -m tools.convert``: converts a Keras image classifier to int8 TFLite, and checks the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.convert.command import main
    from tools.convert.metadata import ModelCard, encode_config, encode_json, encode_lines, write_metadata

open_door(
    __name__,
    {
        "command": ("main",),
        "metadata": ("ModelCard", "encode_config", "encode_json", "encode_lines", "write_metadata"),
    },
)
