"""Text that may hold file names: what of it can be written as UTF-8."""

from __future__ import annotations

import os


def printable_utf8(text: str) -> str:
    """Replace what UTF-8 cannot write (the bytes of a file name that are not UTF-8) by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text).decode("utf-8", errors="replace")
    return text
