"""A list of paths, from a file or a pipe, to the bytes of each: one a line, or with NULs between them.

File names are bytes, and so are lists of them; a list that begins with the mark of UTF-16, as Windows PowerShell writes
them, is text. Nothing is opened but the list.
"""

from __future__ import annotations

import codecs
import os
import select
import stat
from collections.abc import Iterator
from io import RawIOBase
from typing import Final

from mobiclass._system import MARKS, looks_like_utf16
from mobiclass.errors import SetupError

_BLOCK_BYTES: Final = 1 << 16
_MAX_PATH_BYTES: Final = 1 << 16  # no system has longer ones; a binary file taken for a list has


def is_pipe_or_device(path: str) -> bool:
    """Whether what is at `path` can be read only once."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def open_list(path: str) -> RawIOBase:
    """Open the list at `path`, to be read as its bytes arrive.

    Raises:
        SetupError: it cannot be opened.
    """
    try:
        return open(path, "rb", buffering=0)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def split_list(file: RawIOBase, separator: bytes, name: str) -> Iterator[bytes]:
    """Split the bytes of `file` into paths as they arrive; line ends may be those of Windows.

    Args:
        file: the list.
        separator: what stands between two paths: a line end, or a NUL.
        name: the list's name for messages.

    Raises:
        SetupError: it cannot be read, or is no list of paths.
    """
    rest = b""
    for block in _blocks(file, separator, name):
        if separator == b"\n" and b"\0" in block:
            raise SetupError(
                f"{name}: not a list of paths, one a line (it has NUL bytes); -0 if they separate the paths"
            )
        *entries, rest = (rest + block).split(separator)
        paths = [path for entry in entries if (path := _clean(entry, separator))]
        if len(rest) > _MAX_PATH_BYTES or (len(block) == _BLOCK_BYTES and not paths and not rest):
            raise SetupError(f"{name}: not a list of paths ({_BLOCK_BYTES} bytes, and no path ends in them)")
        yield from paths
    if rest := _clean(rest, separator):
        yield rest


def _blocks(file: RawIOBase, separator: bytes, name: str) -> Iterator[bytes]:
    """Give the bytes of `file` as they arrive, from the encoding of its byte order mark to that of file names."""
    block = _read(file, name)
    while block and any(len(block) < len(mark) and mark.startswith(block) for mark, _ in MARKS):
        if not (more := _read(file, name)):  # a pipe may give a byte at a time
            break
        block += more
    mark, encoding = next(((mark, encoding) for mark, encoding in MARKS if block.startswith(mark)), (b"", "utf-8"))
    if separator != b"\n":
        if encoding != "utf-8" and looks_like_utf16(block.removeprefix(mark)):
            raise SetupError(f"{name}: this list is UTF-16 and so has a path a line: leave -0 out")
        mark = b""
    elif not mark and looks_like_utf16(block):
        raise SetupError(f"{name}: this list seems to be UTF-16 without a byte order mark; save it as UTF-8")
    if not mark or encoding == "utf-8":
        yield block.removeprefix(mark)
        while block := _read(file, name):
            yield block
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    block = block.removeprefix(mark)
    try:
        while block:
            yield os.fsencode(decoder.decode(block))
            block = _read(file, name)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        shown = encoding.removesuffix("-le").removesuffix("-be").upper()
        raise SetupError(f"{name}: the list begins as {shown} and is not; save it as UTF-8") from error


def _read(file: RawIOBase, name: str) -> bytes:
    """Read what there is, and wait only where there is nothing; empty at the end."""
    try:
        while (block := file.read(_BLOCK_BYTES)) is None:  # somebody has made our standard input non-blocking
            select.select([file], [], [])
    except OSError as error:
        raise _unreadable(name, error) from error
    return block


def _unreadable(name: str, error: OSError | ValueError) -> SetupError:
    return SetupError(f"{name}: the list of images cannot be read ({getattr(error, 'strerror', None) or error})")


def _clean(entry: bytes, separator: bytes) -> bytes:
    return entry.removesuffix(b"\r") if separator == b"\n" else entry
