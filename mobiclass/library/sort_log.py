"""The log of what was sorted into a folder: each photo before it is moved, and each folder that was made.

It tells a second run what is done, and `undo` where everything was. A line that a crash has cut short was never acted
on: a photo is moved only when its line is on the disk.
"""

from __future__ import annotations

import base64
import json
import os
from array import array
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, NamedTuple

from mobiclass._system import open_locked
from mobiclass.errors import SetupError
from mobiclass.library.transfer import sync_folder

LOG_NAME: Final = ".mobiclass-sort.jsonl"

_WRITERS: Final = "another `mobiclass results sort` is working in it"


class Entry(NamedTuple):
    """One line: where a photo was, and where it went; or a folder that was made.

    Attributes:
        kind: ``move``, ``copy``, ``link`` or ``folder``.
        target: relative to the folder that was sorted into.
        source: absolute; empty for a folder.
        mtime_ns: of a photo that is moved, as not every file system keeps it to the nanosecond.
    """

    kind: str
    target: str
    source: str = ""
    mtime_ns: int | None = None


class SortLog:
    """The log of one folder, open for this process alone."""

    def __init__(self, folder: Path) -> None:
        """Open the log in `folder`; it is made if need be.

        Raises:
            SetupError: another process has it open, or it cannot be read or written.
        """
        self.path = folder / LOG_NAME
        self._synced = False
        taken = SetupError(f"{folder}: {_WRITERS}")

        def give_up() -> None:
            raise taken

        try:
            descriptor = open_locked(
                self.path,
                flags=getattr(os, "O_NOFOLLOW", 0),
                taken=give_up,
                not_regular=SetupError(f"{self.path}: not a regular file; it may be somebody's trap: remove it"),
            )
            self._file: IO[bytes] = open(descriptor, "r+b", buffering=0)  # noqa: SIM115, PTH123
            end = self._find_end()
            os.ftruncate(descriptor, end)
            self._file.seek(end)
        except OSError as error:
            raise SetupError(f"{self.path}: the log cannot be written ({error.strerror})") from error

    def __enter__(self) -> SortLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, entries: list[Entry], *, sync: bool) -> None:
        """Append `entries`; with `sync` they are on the disk when this returns.

        Raises:
            SetupError: they cannot be written.
        """
        try:
            view = memoryview("".join(_encode(entry) for entry in entries).encode("ascii"))
            while view:
                view = view[self._file.write(view) :]
            if sync:
                os.fsync(self._file.fileno())
                if not self._synced:
                    sync_folder(self.path.parent)
                    self._synced = True
        except OSError as error:
            raise SetupError(f"{self.path}: the log cannot be written ({error.strerror})") from error

    def _find_end(self) -> int:
        """Find where the last whole line ends."""
        content_end = self._file.seek(0, os.SEEK_END)
        position = content_end
        while position:
            start = max(0, position - 4096)
            self._file.seek(start)
            block = self._file.read(position - start)
            if (newline := block.rfind(b"\n")) >= 0:
                return start + newline + 1
            position = start
        return 0


class History:
    """What a log says, at the time when this is made: where each photo went. Holds some 100 bytes a photo."""

    def __init__(self, folder: Path) -> None:
        """Read the log in `folder`; where there is none, nothing was sorted into it.

        Raises:
            SetupError: it cannot be read, or is something else.
        """
        self._path = folder / LOG_NAME
        self._starts = array("q")  # of the lines
        self._last_of: dict[int, int] = {}  # by digests of sources
        try:
            self._file = self._path.open("rb") if self._path.is_file() and not self._path.is_symlink() else None
        except OSError as error:
            raise SetupError(f"{self._path}: the log cannot be read ({error.strerror})") from error
        position = 0
        for number, line in enumerate(self._file or (), 1):
            if not line.endswith(b"\n"):
                break
            if source := _decode(line, f"{self._path}:{number}").source:
                self._last_of[path_digest(source)] = position
            self._starts.append(position)
            position += len(line)

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def of(self, source: str) -> Entry | None:
        """Give the last entry of a photo."""
        start = self._last_of.get(path_digest(source)) if self._last_of else None
        if start is None:
            return None
        found = self._at(start)
        return found if found.source == source else None

    def newest_first(self) -> Iterator[Entry]:
        """Give all entries."""
        return map(self._at, reversed(self._starts))

    def folders(self) -> Iterator[str]:
        """Give the names of the folders that were made, the newest first."""
        # No more than a name: a log may come from anywhere.
        return (entry.target for entry in self.newest_first() if entry.kind == "folder" and is_plain(entry.target))

    def _at(self, start: int) -> Entry:
        assert self._file is not None  # there are lines
        self._file.seek(start)
        return _decode(self._file.readline(), str(self._path))


def is_plain(name: str) -> bool:
    """Whether `name` is that of something in a folder, and leads nowhere else."""
    return name not in ("", ".", "..") and os.path.split(name) == ("", name) and not os.path.splitdrive(name)[0]


def path_digest(path: str) -> int:
    """Give a number of 8 bytes that stands for a path."""
    return int.from_bytes(blake2b(os.fsencode(path), digest_size=8).digest(), "big")


def _encode(entry: Entry) -> str:
    # As the file system has them, which may not be UTF-8.
    fields: dict[str, Any] = {"kind": entry.kind, "target": _text(entry.target)}
    if entry.source:
        fields["source"] = _text(entry.source)
    if entry.mtime_ns is not None:
        fields["mtime_ns"] = entry.mtime_ns
    return json.dumps(fields) + "\n"


def _text(path: str) -> str | list[str]:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return [base64.b64encode(os.fsencode(path)).decode("ascii")]
    return path


def _decode(line: bytes, where: str) -> Entry:
    try:
        fields: dict[str, Any] = json.loads(line)
        mtime_ns = fields.get("mtime_ns")
        if not isinstance(mtime_ns, (int, type(None))):
            raise TypeError("a time must be a number")
        return Entry(fields["kind"], _path(fields["target"]), _path(fields.get("source", "")), mtime_ns)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupError(f"{where}: not a line of a log of sorted photos ({error})") from error


def _path(text: Any) -> str:
    if isinstance(text, list):
        return os.fsdecode(base64.b64decode(text[0], validate=True))
    if not isinstance(text, str):
        raise TypeError("a path must be text")
    return text
