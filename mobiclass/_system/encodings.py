"""The text of a file that somebody else's program wrote: UTF-8, or what a byte order mark says."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

MARKS: Final = (
    # UTF-32's little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The byte order marks, and the encoding that each stands for."""

_SAMPLE_BYTES: Final = 4096
_ENOUGH_ZEROS: Final = 0.4  # of the bytes; in UTF-16 every other one of a Latin letter's is zero


def read_text_file(path: Path, max_bytes: int) -> str:
    """Read the text at `path`, which may be a pipe.

    Raises:
        ValueError: it cannot be read, is longer than `max_bytes`, or is no text; the message has no subject.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, MemoryError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "out of memory"
        raise ValueError(f"cannot be read ({reason})") from error
    if len(content) > max_bytes:
        raise ValueError(f"is longer than {max_bytes >> 20} MB")
    return decode_text(content)


def decode_text(content: bytes) -> str:
    """Decode `content`, without its byte order mark.

    Raises:
        ValueError: it is no text in UTF-8, nor in what its mark says; the message has no subject.
    """
    mark, encoding = next(((mark, name) for mark, name in MARKS if content.startswith(mark)), (b"", "utf-8"))
    if not mark and looks_like_utf16(content):
        raise ValueError("seems to be UTF-16 without a byte order mark; save the file as UTF-8")
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-le").removesuffix("-be").upper()
        raise ValueError(f"is not {name} (byte {len(mark) + error.start}); save the file as UTF-8") from error
    if "\0" in text:
        raise ValueError("holds NUL characters and so is no text")
    return text


def looks_like_utf16(content: bytes) -> bool:
    """Whether `content`, which has no mark, has a zero in every other byte, as Latin text in UTF-16 has."""
    sample = content[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    return max(even, odd) >= _ENOUGH_ZEROS * len(sample) > 0 and min(even, odd) == 0
