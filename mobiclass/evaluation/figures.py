"""Figures of Matplotlib (the ``plots`` extra) into files: the same figure gives the same bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from mobiclass._system import atomic_write
from mobiclass.errors import SetupError

PLOT_SUFFIXES: Final = (".png", ".svg")


def require_matplotlib() -> None:
    """Check that a plot can be drawn, before anything is measured for it.

    Raises:
        SetupError: Matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise SetupError("--plot needs Matplotlib: pip install 'mobiclass[plots]'")


def write_figure(figure: Any, path: Path) -> None:
    """Write a Matplotlib ``Figure`` to a ``.png`` or ``.svg`` file, without a date, and with ids that do not change.

    Raises:
        SetupError: the file cannot be written.
    """
    from matplotlib import rc_context

    kind = path.suffix.lower().removeprefix(".")
    with rc_context({"svg.hashsalt": "mobiclass"}), atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
