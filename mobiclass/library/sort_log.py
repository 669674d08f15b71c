"""The log of what was sorted into a folder: each photo before it is moved, and each folder that was made.

It tells a second run what is done, and `undo` where everything was. A line that a crash has cut short was never acted
on: a photo is moved only when its line is on the disk.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, NamedTuple

from mobiclass._system import open_locked
from mobiclass.errors import SetupError

LOG_NAME: Final = ".mobiclass-sort.jsonl"

_WRITERS: Final = "another `mobiclass results sort` is working in it"


class Entry(NamedTuple):
    """One line: where a photo was, and where it went; or a folder that was made.

    Attributes:
        kind: ``move``, ``copy``, ``link`` or ``folder``.
        target: relative to the folder that was sorted into.
        source: absolute; empty for a folder.
    """

    kind: str
    target: str
    source: str = ""


class SortLog:
    """The log of one folder, open for this process alone."""

    def __init__(self, folder: Path) -> None:
        """Open the log in `folder`; it is made if need be.

        Raises:
            SetupError: another process has it open, or it cannot be read or written.
        """
        self.path = folder / LOG_NAME
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
        except OSError as error:
            raise SetupError(f"{self.path}: the log cannot be written ({error.strerror})") from error

    def entries(self) -> Iterator[Entry]:
        """Read the log from its beginning.

        Raises:
            SetupError: it is something else.
        """
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                yield _decode(line, f"{self.path}:{number}")

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


def _encode(entry: Entry) -> str:
    # As the file system has them, which may not be UTF-8.
    fields = {"kind": entry.kind, "target": _text(entry.target)}
    return json.dumps(fields | ({"source": _text(entry.source)} if entry.source else {})) + "\n"


def _text(path: str) -> str | list[str]:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return [base64.b64encode(os.fsencode(path)).decode("ascii")]
    return path


def _decode(line: bytes, where: str) -> Entry:
    try:
        fields: dict[str, Any] = json.loads(line)
        return Entry(fields["kind"], _path(fields["target"]), _path(fields.get("source", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupError(f"{where}: not a line of a log of sorted photos ({error})") from error


def _path(text: Any) -> str:
    if isinstance(text, list):
        return os.fsdecode(base64.b64decode(text[0], validate=True))
    if not isinstance(text, str):
        raise TypeError("a path must be text")
    return text
