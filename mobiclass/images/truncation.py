"""Taking what there is of an image that was cut short, without making other threads lenient.

Pillow has one switch for the whole process, ``ImageFile.LOAD_TRUNCATED_IMAGES``. It is on only while a thread that
wants it holds a lock; a thread that must be strict, and finds that the switch was on meanwhile, decodes again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from PIL import ImageFile

_Decoded = TypeVar("_Decoded")

_switch = threading.Lock()
_turns = 0  # of the switch: odd while it is on


def strictly(decode: Callable[[], _Decoded]) -> _Decoded:
    """Call `decode` with Pillow's switch off from its beginning to its end."""
    before = _turns
    if before % 2 == 0:
        decoded = decode()
        if _turns == before:
            return decoded
    with _switch:
        return decode()


def leniently(decode: Callable[[], _Decoded]) -> _Decoded:
    """Call `decode` with Pillow's switch on."""
    global _turns
    with _switch:
        _turns += 1
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            return decode()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            _turns += 1
