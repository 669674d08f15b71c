"""Files that stand for photos, their rows, and what is on a disk afterwards."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any


def make_photo(path: Path, content: bytes | None = None) -> Path:
    """Write a file of its own content, and with a time of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(path.name) + os.urandom(16) if content is None else content)
    second = 1_500_000_000 + int.from_bytes(sha256(os.fsencode(path)).digest()[:3], "big")
    os.utime(path, ns=(second * 10**9, second * 10**9 + 123_000))
    return path


def row(path: Path | str, label: str = "cat", score: float = 0.9, **more: Any) -> dict[str, Any]:
    """Make the row of a photo as batch writes it."""
    fields: dict[str, Any] = {
        "path": str(path), "predictions": [{"index": 0, "label": label, "score": score}], "model": "m", "device": "cpu",
        "error": None,
    }  # fmt: skip
    if os.path.isfile(path):  # noqa: PTH113 - a path that is not UTF-8 is one too
        status = os.stat(path)  # noqa: PTH116
        fields |= {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    return fields | more


def failed(path: Path | str) -> dict[str, Any]:
    """Make the row of a photo that could not be classified."""
    return row(path, predictions=[], error={"type": "ImageError", "kind": "truncated", "message": "cut short"})


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Give the digest and the time of every file under `folder`, by its path in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".mobiclass"):
            found[os.fspath(path.relative_to(folder))] = (
                sha256(path.read_bytes()).hexdigest(),
                path.stat().st_mtime_ns,
            )
    return found


def digests(*folders: Path) -> list[str]:
    """Give the digests of all files under `folders`, sorted: what is there, whatever its name."""
    return sorted(digest for folder in folders for digest, _ in tree(folder).values())


def other_file_system() -> Path | None:
    """Give a folder on another file system than that of temporary files, where there is one."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and folder.stat().st_dev != Path(gettempdir()).stat().st_dev else None
