"""Which files and folders are passed over in folders: what systems keep there, and what a person excludes."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence
from typing import Final

SYSTEM_FOLDERS: Final = frozenset({
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot",  # Synology, QNAP: thumbnails, deleted files
    "$recycle.bin", "recycler", "system volume information",  # Windows
    "lost+found", "__macosx", ".ipynb_checkpoints",
})  # fmt: skip
"""Folders, in lower case, whose files are thumbnails, deleted or copies."""

_ANY_DEPTH: Final = "**"


def is_system_folder(name: str) -> bool:
    """Whether a folder of that name holds what a system keeps there, and no photos of anybody's."""
    return name.lower() in SYSTEM_FOLDERS or name.lower().startswith(".trash")


class Exclusion:
    """The patterns of files and folders to pass over, besides `SYSTEM_FOLDERS`.

    A pattern is matched against the name, and against the path below the source with ``/`` between names: ``*``, ``?``
    and ``[…]`` within a name, ``**/`` for folders at any depth. One that ends with ``/`` is for folders alone.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Compile `patterns`.

        Raises:
            ValueError: one of them is empty.
        """
        self._of_all: list[list[str]] = []
        self._of_folders: list[list[str]] = []
        for pattern in patterns:
            written = pattern.replace(os.sep, "/").removeprefix("./")
            trimmed = written.rstrip("/")
            if not trimmed:
                raise ValueError(f"{pattern!r} is no pattern of names")
            (self._of_folders if written != trimmed else self._of_all).append(trimmed.removeprefix("/").split("/"))

    def has_file(self, path: str) -> bool:
        """Whether the file at `path`, below its source, is to be passed over."""
        return bool(self._of_all) and _matches_any(self._of_all, path)

    def has_folder(self, path: str) -> bool:
        """Whether the folder at `path`, below its source, is not to be entered."""
        return is_system_folder(path.rpartition(os.sep)[2]) or _matches_any((*self._of_all, *self._of_folders), path)

    def has_part_of(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether what is at `path`, below its source, or a folder on the way to it is to be passed over."""
        names = path.split(os.sep) if path else []
        folders = len(names) if is_folder else len(names) - 1
        return (not is_folder and self.has_file(path)) or any(
            self.has_folder(os.sep.join(names[: depth + 1])) for depth in range(folders)
        )


def _matches_any(patterns: Iterable[Sequence[str]], path: str) -> bool:
    names = path.split(os.sep)
    return any(_matches(pattern, names if len(pattern) > 1 else names[-1:]) for pattern in patterns)


def _matches(pattern: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the names of a path match the parts of a pattern, one by one; ``**`` stands for any number of names."""
    if not pattern or not names:
        return not names and all(part == _ANY_DEPTH for part in pattern)
    if pattern[0] == _ANY_DEPTH:
        return _matches(pattern[1:], names) or _matches(pattern, names[1:])
    return fnmatch.fnmatch(names[0], pattern[0]) and _matches(pattern[1:], names[1:])
