"""Result rows for journals that are written without a model."""

from __future__ import annotations

from typing import Any

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
    }
