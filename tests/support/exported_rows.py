"""Rows of every kind that a run can write."""

from __future__ import annotations

from typing import Any


def row(path: str, *predictions: tuple[str | None, float], **fields: Any) -> dict[str, Any]:
    """Make a row with these labels and scores."""
    return {
        "path": path,
        "predictions": [
            {"index": index, "label": label, "score": score} for index, (label, score) in enumerate(predictions)
        ],
        "model": "efficientnet_lite0",
        "device": "cpu",
        "error": None,
        **fields,
    }


ROWS = [
    row("photos/cat.jpg", ("tabby", 0.5), ("tiger cat", 0.25), ("=cmd()", 0.0)),
    row("photos/sub/dög & <b>.jpg", ("dog", 1.0)),
    row(
        "photos/group.jpg", ("tabby", 0.5), ("tiger cat", 0.25),
        decision={"label": "domestic cat", "score": 0.75, "kind": "group"},
    ),
    row("photos/unknown.jpg", ("dog", 0.1), decision={"label": "unknown", "score": 0.1, "kind": "unknown"}),
    row("photos/no label.jpg", (None, 0.5)),
    row("photos/hostile.jpg", ("</script>\n\x00\u202e", 0.5)),
    row("photos/\ufffd.jpg", ("dog", 0.5), path_base64="cGhvdG9zL/8uanBn"),
    row("photos/nothing.jpg"),
    row("photos/cut.jpg", error={"type": "ImageError", "kind": "truncated", "message": "cut short"}),
]  # fmt: skip
