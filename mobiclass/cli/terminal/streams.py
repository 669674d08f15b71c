"""Keep the libraries' chatter out of the results: those in C write to descriptors 1 and 2 behind Python's back.

The program's own output goes to private copies of the two; what stands at 1 and 2 then leads nowhere, or, once
`show_native_output` was called, to stderr.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from typing import Any, Literal, TextIO, cast

_STDOUT, _STDERR = 1, 2


def separate_streams() -> None:
    r"""Give `sys.stdout` and `sys.stderr` descriptors of their own and silence those that C libraries use.

    Results are UTF-8 with ``\\n`` line ends wherever they go; on a terminal, what it cannot show is replaced.
    """
    silence = os.open(os.devnull, os.O_RDWR)
    while silence <= _STDERR:  # closed before we started: without this, a private copy would come to lie there
        silence = os.open(os.devnull, os.O_RDWR)
    sys.stdout = _private_copy(_STDOUT, sys.stdout)
    sys.stderr = _private_copy(_STDERR, sys.stderr)
    os.dup2(silence, _STDOUT)
    os.dup2(silence, _STDERR)
    os.close(silence)
    _on_warnings("ignore")  # Pillow warns of what it then decodes, or of what ends in an error anyway


def show_native_output() -> None:
    """Let the libraries' warnings and output appear on stderr, whichever descriptor they write it to."""
    _on_warnings("default")
    if sys.stderr is not sys.__stderr__:  # inside another program the descriptors are not ours
        os.dup2(sys.stderr.fileno(), _STDOUT)
        os.dup2(sys.stderr.fileno(), _STDERR)


def discard_stdout() -> None:
    """Let `sys.stdout` lead nowhere, with what it still holds, after it could not be written.

    The stream itself stays: what it holds would fail again when it is closed, and Python 3.13 reports that.
    """
    with contextlib.suppress(OSError):  # inside another program it may be no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)


def stdin_bytes() -> BufferedReader:
    """Open standard input for bytes; an empty one where it was closed before we started."""
    if sys.stdin is None:
        return BufferedReader(FileIO(os.devnull))
    return cast(BufferedReader, sys.stdin.buffer)


def _on_warnings(action: Literal["default", "ignore"]) -> None:
    if not sys.warnoptions:  # whoever gives -W has decided
        for category in (RuntimeWarning, UserWarning):
            warnings.simplefilter(action, category)


def _private_copy(descriptor: int, stream: TextIO | None) -> TextIO:
    if stream is None:  # it was closed before we started
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    on_terminal = stream.isatty()
    raw = (_UnfailingFile if descriptor == _STDERR else FileIO)(os.dup(descriptor), "w")
    return TextIOWrapper(
        BufferedWriter(raw),
        line_buffering=on_terminal or descriptor == _STDERR,
        encoding=stream.encoding if on_terminal else "utf-8",
        errors="replace" if on_terminal else "backslashreplace",
        newline="\n",
    )


class _UnfailingFile(FileIO):
    """A file whose writing cannot fail: what nobody can be told any more must not cost the results."""

    def write(self, content: Any, /) -> int:
        """Write `content`, a buffer; pretend that all of it was written where it was not."""
        try:
            return super().write(content)
        except OSError:
            return len(memoryview(content).cast("B"))
