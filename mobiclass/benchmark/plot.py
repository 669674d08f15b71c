"""A plot of accuracy over latency: the only module that imports Matplotlib (the ``plots`` extra)."""

from __future__ import annotations

import importlib.util
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mobiclass._system import atomic_write
from mobiclass.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

_POINTS_PER_ROOT_MB: Final = 9.0  # a bubble's area is in proportion to the file's bytes
_PLACES: Final = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_PLACES_BESIDE: Final = ((1, 0), (-1, 0), *_PLACES[1:3], *_PLACES[5:])
_NUMBER_POINTS: Final = 10.0  # a smaller bubble cannot hold its number


class Bubble(NamedTuple):
    """A model in the plot; `top1` is a fraction of 1, ``None`` where none was published."""

    name: str
    latency_ms: float
    top1: float | None
    bytes: int


def require_matplotlib() -> None:
    """Check that a plot can be drawn, before anything is measured for it.

    Raises:
        SetupError: Matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise SetupError("--plot needs Matplotlib: pip install 'mobiclass[plots]'")


def write_plot(bubbles: Sequence[Bubble], path: Path, title: str) -> None:
    """Draw `bubbles` into the PNG file `path`: published top-1 over median latency, areas in proportion to file sizes.

    Models without a published top-1 are drawn below a line at the bottom.

    Raises:
        SetupError: the file cannot be written.
    """
    figure = draw(bubbles, title)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=150)


def draw(bubbles: Sequence[Bubble], title: str) -> Any:
    """Draw `bubbles`; returns a Matplotlib ``Figure``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, max(5, 1 + 0.2 * len(bubbles))))  # so that all names fit beside it
    axes = figure.add_axes((0.08, 0.12, 0.52, 0.78))
    known = [bubble.top1 * 100 for bubble in bubbles if bubble.top1 is not None]
    low, high = (min(known), max(known)) if known else (0.0, 100.0)
    margin = max(2.0, (high - low) * 0.15)
    floor = max(0.0, low - margin) if known else 0.0
    unknown = floor - margin
    heights = [unknown if bubble.top1 is None else bubble.top1 * 100 for bubble in bubbles]
    latencies = [bubble.latency_ms for bubble in bubbles]
    axes.scatter(
        latencies, heights, s=[(diameter(bubble)) ** 2 for bubble in bubbles], alpha=0.5,
        c=["tab:grey" if bubble.top1 is None else "tab:blue" for bubble in bubbles], edgecolors="black", linewidths=0.6,
    )  # fmt: skip
    if unknown in heights:
        axes.axhline(floor, color="tab:grey", linewidth=0.8, linestyle="--")
        axes.annotate("no published top-1", (0, floor), xycoords=("axes fraction", "data"), xytext=(4, -4),
                      textcoords="offset points", ha="left", va="top", fontsize=8, color="tab:grey")  # fmt: skip
    axes.set(
        title=title, xlabel="median latency of the model alone (ms)", ylabel="published top-1 (% of ImageNet)",
        xlim=(0, max(latencies) * 1.25), ylim=(unknown - margin / 2 if unknown in heights else floor, high + margin),
    )  # fmt: skip
    ticks = [tick for tick in axes.get_yticks() if floor <= tick <= min(100.0, high + margin)]
    axes.set_yticks(ticks)
    axes.grid(alpha=0.3)
    number_bubbles(figure, axes, bubbles, heights)
    return figure


def diameter(bubble: Bubble) -> float:
    """Compute the diameter in points of a bubble whose area is in proportion to the file's bytes."""
    return _POINTS_PER_ROOT_MB * sqrt(max(bubble.bytes, 100_000) / 1e6)


def number_bubbles(figure: Any, axes: Any, bubbles: Sequence[Bubble], heights: Sequence[float]) -> None:
    """Number the bubbles, inside or beside them where no number overlaps; list their names beside the plot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = [f"{number}  {bubble.name}, {bubble.bytes / 1e6:.1f} MB" for number, bubble in enumerate(bubbles, 1)]
    figure.text(1.01, 0.98, "\n".join(names), transform=axes.transAxes, va="top", fontsize=8, linespacing=1.6,
                parse_math=False)  # fmt: skip
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()
    taken: list[Any] = []
    for number, (bubble, height) in enumerate(zip(bubbles, heights, strict=True), 1):
        text = axes.annotate(
            str(number),
            (bubble.latency_ms, height),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=8,
            ha="center",
            va="center",
        )
        away = diameter(bubble) / 2 + 5
        for x, y in _PLACES if diameter(bubble) >= _NUMBER_POINTS else _PLACES_BESIDE:
            text.set_position((x * away, y * away))
            box = text.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)
