"""Rows with their truth."""

from __future__ import annotations

from typing import Any

NAMES = ("red", "green", "blue", "black", "white", "grey", "pink")


def named(index: int) -> dict[str, Any]:
    """Write a class as rows do."""
    return {"index": index, "label": NAMES[index]}


def evaluated(truth: int, *found: int, path: str = "a.jpg", score: float = 0.9, **more: Any) -> dict[str, Any]:
    """Make a row of a photo of class `truth` for which `found` were predicted, in that order."""
    predictions = [{**named(index), "score": score / (rank + 1)} for rank, index in enumerate(found)]
    row = {"path": path, "predictions": predictions, "model": "m", "device": "cpu", "error": None}
    return {**row, "truth": named(truth), **more}


def failed(truth: int, kind: str = "truncated", *, path: str = "bad.jpg") -> dict[str, Any]:
    """Make a row of a photo of class `truth` that could not be classified."""
    return evaluated(truth, path=path, error={"type": "ImageError", "kind": kind, "message": "cut short"})
