"""Read the small files in which Linux tells of itself (/proc, /sys). What is not there gives nothing."""

from __future__ import annotations

from pathlib import Path


def read_text(path: Path) -> str | None:
    """Give the content of `path` without the space around it; ``None`` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """Give the whole number in `path`; ``None`` where there is none."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None
