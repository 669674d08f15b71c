"""A pattern with wildcards to the paths that match it, listed lazily, sorted within each folder.

Unlike `glob.glob` it yields the first match before it has seen the whole tree, visits every folder once even if
symbolic links loop, and yields a folder that it cannot list as a path itself. It opens no files.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final

_ANY_DEPTH: Final = "**"


def has_wildcards(text: str) -> bool:
    """Whether `text` may match names other than itself."""
    return glob.has_magic(text)


def matching_paths(pattern: str) -> Iterator[str]:
    r"""Yield what matches `pattern`: ``*``, ``?``, ``[…]`` in a name, ``**`` for folders at any depth.

    As in a shell, hidden names match only a pattern that begins with a dot; a name that exists literally is preferred.
    """
    drive, rest = os.path.splitdrive(pattern)
    rest = rest.replace(os.altsep, os.sep) if os.altsep else rest
    names = rest.lstrip(os.sep)
    root = drive + rest[: len(rest) - len(names)]
    yield from _expand(root, [part for part in names.split(os.sep) if part], set())


def fixed_folder(pattern: str) -> str:
    """Give the folder that `pattern` names before its first wildcard; empty where it begins with one."""
    parts = pattern.replace(os.altsep, os.sep).split(os.sep) if os.altsep else pattern.split(os.sep)
    fixed = next(number for number, part in enumerate(parts) if has_wildcards(part) or number == len(parts) - 1)
    return os.sep.join(parts[:fixed]) + (os.sep if fixed else "")


def _expand(folder: str, parts: Sequence[str], seen: set[tuple[int, int, int]]) -> Iterator[str]:
    """Yield what matches `parts` in `folder`; `seen` has the folders that ``**`` visited, with the parts left."""
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == _ANY_DEPTH:
        yield from _descend(folder, rest, seen)
        return
    literal = os.path.join(folder, part)
    if os.path.lexists(literal):
        yield from _expand(literal, rest, seen)
    elif has_wildcards(part):
        names = _list(folder)
        if names is None:
            yield folder
            return
        names = [name for name in names if part.startswith(".") or not name.startswith(".")]
        for name in sorted(fnmatch.filter(names, part)):
            yield from _expand(os.path.join(folder, name), rest, seen)


def _descend(folder: str, rest: Sequence[str], seen: set[tuple[int, int, int]]) -> Iterator[str]:
    """Yield what matches `rest` in `folder` and in every folder below it; the folders if `rest` is empty."""
    # A stack, not recursion: folders may be nested deeper than Python's calls.
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder or os.curdir)
        except OSError:
            continue
        state = (status.st_dev, status.st_ino, len(rest))
        if state in seen or not stat.S_ISDIR(status.st_mode):
            continue
        seen.add(state)
        subfolders = _list(folder, folders_only=True)
        if subfolders is None:
            yield folder
            continue
        yield from _expand(folder, rest, seen) if rest else (folder or os.curdir,)
        waiting.extend(os.path.join(folder, name) for name in sorted(subfolders, reverse=True) if name[0] != ".")


def _list(folder: str, *, folders_only: bool = False) -> list[str] | None:
    """List a folder: empty if it is gone or no folder, ``None`` if it cannot be listed."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            return [entry.name for entry in entries if not folders_only or is_folder(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a folder or leads to one."""
    try:
        return entry.is_dir()
    except OSError:  # a loop of symbolic links: let it be a file that cannot be read
        return False
