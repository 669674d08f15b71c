"""Result rows and journals that are written without a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mobiclass.batch.journal import Journal
from mobiclass.batch.row_options import RowOptions
from mobiclass.results import path_fields

MODEL = "0" * 64


def make_row(
    path: str, *, size: int = 10, mtime_ns: int = 1, model: str = MODEL, error: bool = False
) -> dict[str, Any]:
    """Make the row of a file, good or bad."""
    return {
        **path_fields(path),
        "predictions": [] if error else [{"index": 0, "label": "red", "score": 0.5}],
        "model": "colours",
        "device": "cpu",
        "error": {"type": "ImageError", "kind": "truncated", "message": "cut short"} if error else None,
        "bytes": size,
        "mtime_ns": mtime_ns,
        "model_sha256": model,
        "options_sha256": RowOptions().sha256,
    }


@contextmanager
def journal(path: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[Journal]:
    opened = Journal(path, RowOptions(), resume=resume, overwrite=overwrite)
    try:
        yield opened
    finally:
        opened.close()


def write(path: Path, *names: str, finish: bool = True) -> bytes:
    with journal(path, overwrite=True) as rows:
        for name in names:
            rows.write(make_row(name))
        if finish:
            rows.finish()
    return path.read_bytes()


def resume(path: Path, *names: str) -> list[str]:
    """Do what a resumed batch does, and give the names that had to be done anew."""
    anew = []
    with journal(path, resume=True) as rows:
        for name in names:
            earlier = rows.finished_row(name, 10, 1, (MODEL,))
            if earlier:
                rows.reuse(earlier[0])
            else:
                anew.append(name)
                rows.write(make_row(name))
        rows.finish()
    return anew
