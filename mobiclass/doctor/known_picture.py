"""The picture of the self-test, and the built-in model's answer. It is drawn here, not shipped."""

from __future__ import annotations

from typing import Final

LABEL: Final = "honeycomb"
SCORE: Final = 242 / 256
"""Measured on x86-64: 242/256 with XNNPACK (VNNI) and in tflite-runtime's builtin kernels."""
TOLERANCE: Final = 13 / 256
"""How far the outputs of different kernels may differ. With red and blue swapped the score is 223/256, outside."""

_SIDE: Final = 256  # its centre crop, 0.875, is the model's 224: nothing is resized
_WAX: Final = b"\xf0\xbe\x3c"
_CELL: Final = b"\x78\x3c\x0a"
_COLUMN, _ROW, _RADIUS = 32, 28, 13


def draw_picture() -> bytes:
    """Draw a honeycomb in integer arithmetic; returns a PPM file, 256 × 256 RGB, which needs no encoder."""
    pixels = bytearray()
    for y in range(_SIDE):
        row, from_centre = divmod(y, _ROW)
        shift = row % 2 * (_COLUMN // 2)
        for x in range(_SIDE):
            dx, dy = (x + shift) % _COLUMN - _COLUMN // 2, from_centre - _ROW // 2
            pixels += _CELL if dx * dx + dy * dy < _RADIUS * _RADIUS else _WAX
    return b"P6 %d %d 255\n" % (_SIDE, _SIDE) + pixels
