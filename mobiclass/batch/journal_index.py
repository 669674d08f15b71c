"""The positions of a journal's rows by path: 16 bytes a row, so that a million rows fit a small machine.

It reads a journal once, from start to end, and finds where its whole rows end. It does not write.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import IO, Any, Final

import numpy as np

from mobiclass.errors import SetupError
from mobiclass.results import Row, path_bytes

_ROW_BEGINS: Final = b'{"path": "'
_BLOCK_BYTES: Final = 1 << 20


class JournalIndex:
    """The rows of a journal by path.

    Attributes:
        end: the position after the last whole line; what follows was cut short.
        lines: the number of whole lines.
        options_sha256s: what rows have in that field; ``None`` is among them if a row has none.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        """Read the journal `file` from its start; `name` is for messages.

        Raises:
            SetupError: the file does not hold result rows.
        """
        hashes, offsets = array("Q"), array("Q")
        self.end = self.lines = 0
        self.options_sha256s: set[str | None] = set()
        for line in file:
            if not line.endswith(b"\n"):
                break
            row = parse_row(line)
            if row is not None:
                hashes.append(_path_hash(path_bytes(row)))
                offsets.append(self.end)
                digest = row.get("options_sha256")
                self.options_sha256s.add(digest if isinstance(digest, str) else None)
            elif self.lines == 0:
                raise SetupError(f"{name}: not results of mobiclass; --overwrite would replace them")
            # A later line that is no row is what a power cut leaves; its photo is classified again.
            self.end += len(line)
            self.lines += 1
        if self.lines == 0 and not _may_be_torn(file):
            raise SetupError(f"{name}: not results of mobiclass; --overwrite would replace them")
        unsorted = np.frombuffer(hashes, np.uint64) if hashes else np.empty(0, np.uint64)
        order = np.argsort(unsorted, kind="stable")
        self._hashes = unsorted[order]
        self._offsets = np.frombuffer(offsets, np.uint64)[order] if offsets else np.empty(0, np.uint64)

    def offsets(self, path: bytes) -> Iterator[int]:
        """Yield the positions of the rows that may be those of `path`, the latest first."""
        wanted = np.uint64(_path_hash(path))
        first, last = np.searchsorted(self._hashes, wanted, "left"), np.searchsorted(self._hashes, wanted, "right")
        for position in range(int(last) - 1, int(first) - 1, -1):
            yield int(self._offsets[position])

    def count_others(self, paths: Iterable[bytes]) -> int:
        """Count the paths with a row here that are not among `paths`."""
        given = array("Q", map(_path_hash, paths))
        return int(np.setdiff1d(self._hashes, np.frombuffer(given, np.uint64) if given else []).size)


def parse_row(line: bytes) -> Row | None:
    """Parse one line of a journal; ``None`` where it is no result row."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not isinstance(row.get("path"), str) or "error" not in row:
        return None
    try:
        path_bytes(row)
    except (TypeError, ValueError):  # somebody has edited it
        return None
    return row if _is_outcome(row["error"], row.get("predictions")) else None


def _is_outcome(error: Any, predictions: Any) -> bool:
    """Whether the two fields have the form that `mobiclass.results` gives them."""
    error_fields, prediction_fields = {"kind", "message"}, {"index", "label", "score"}
    return (
        (error is None or (isinstance(error, dict) and error.keys() >= error_fields))
        and isinstance(predictions, list)
        and all(isinstance(each, dict) and each.keys() >= prediction_fields for each in predictions)
    )


def _may_be_torn(file: IO[bytes]) -> bool:
    """Whether a file without a whole line is empty, the beginning of a first row, or what a power cut left of it."""
    file.seek(0)
    begin = file.read(len(_ROW_BEGINS))
    if begin.strip(b"\0"):
        return _ROW_BEGINS.startswith(begin.rstrip(b"\0"))
    return not any(block.strip(b"\0") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))


def _path_hash(path: bytes) -> int:
    return int.from_bytes(blake2b(path, digest_size=8).digest(), "little")
