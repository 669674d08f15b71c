"""Labels and file names as names of folders and files that every system takes."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import Final

_MAX_BYTES: Final = 200  # of 255: room for a mark that tells two photos apart, and for a temporary name
_HASH_BYTES: Final = 6  # 100,000 photos of one name in one folder meet in 2 of 100,000 sortings
# What Windows forbids in names, and what ends or hides text: controls, and what changes the direction of writing.
_FORBIDDEN: Final = re.compile(
    r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd\ud800-\udfff]'
)
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_LONGEST_SUFFIX: Final = 16


def safe_name(text: str) -> str:
    """Give the name of a file or folder that stands for `text` on Linux, macOS and Windows.

    What is no name as it is gets a mark made of the whole text, so that two texts have one name only if they differ in
    nothing but case or Unicode form, which some systems do not tell apart either.

    Returns:
        1 to 213 bytes of UTF-8, composed (NFC); never ``.`` or ``..``, and nothing that is hidden by a dot in front.
    """
    composed = unicodedata.normalize("NFC", text)
    name = _FORBIDDEN.sub("_", composed).rstrip(". ").lstrip(" ")
    if name.startswith("."):
        name = f"_{name[1:]}"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    if name == composed and len(name.encode()) <= _MAX_BYTES and name:
        return name
    return marked_name(name or "_", text)


def marked_name(name: str, text: str) -> str:
    """Put a mark made of `text` into `name`, before its suffix: ``cat~1a2b3c4d5e6f.jpg``."""
    mark = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_HASH_BYTES).hexdigest()
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix) > _LONGEST_SUFFIX or not suffix.isalnum():
        stem, dot, suffix = name, "", ""
    return f"{_cut(stem, _MAX_BYTES - len(suffix.encode()) - 1)}~{mark}{dot}{suffix}"


def _cut(text: str, most: int) -> str:
    """Cut `text` to so many bytes of UTF-8, between characters."""
    return text.encode()[:most].decode(errors="ignore").rstrip(". ")
