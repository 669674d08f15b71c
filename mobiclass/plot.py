"""Accuracy over latency, as a picture: the only module that imports Matplotlib (the ``plots`` extra)."""

from __future__ import annotations

import importlib.util
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mobiclass.errors import SetupError
from mobiclass.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence

_POINTS_PER_ROOT_MB: Final = 9.0  # a bubble's area is in proportion to the file's bytes
_PLACES: Final = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


class Bubble(NamedTuple):
    """A model in the picture; `top1` is a fraction of 1, ``None`` where none was published."""

    name: str
    latency_ms: float
    top1: float | None
    bytes: int


def require_matplotlib() -> None:
    """Make sure that a picture can be drawn, before anything is measured for it.

    Raises:
        SetupError: Matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise SetupError("--plot needs Matplotlib: pip install 'mobiclass[plots]'")


def write_plot(bubbles: Sequence[Bubble], path: Path, title: str) -> None:
    """Draw `bubbles` into the PNG file `path`: published top-1 over median latency, the area the size of the file.

    Models without a published top-1 stand on a line of their own below the axis.

    Raises:
        SetupError: the file cannot be written.
    """
    figure = draw(bubbles, title)
    with whole_file(path) as file:
        figure.savefig(file, format="png", dpi=150)


def draw(bubbles: Sequence[Bubble], title: str) -> Any:
    """Draw `bubbles`, as a Matplotlib ``Figure``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    known = [bubble.top1 * 100 for bubble in bubbles if bubble.top1 is not None]
    low, high = (min(known), max(known)) if known else (0.0, 100.0)
    margin = max(2.0, (high - low) * 0.15)
    floor = max(0.0, low - margin) if known else 0.0
    unknown = floor - margin
    heights = [unknown if bubble.top1 is None else bubble.top1 * 100 for bubble in bubbles]
    latencies = [bubble.latency_ms for bubble in bubbles]
    axes.scatter(
        latencies, heights, s=[(_diameter(bubble)) ** 2 for bubble in bubbles], alpha=0.5,
        c=["tab:grey" if bubble.top1 is None else "tab:blue" for bubble in bubbles], edgecolors="black", linewidths=0.6,
    )  # fmt: skip
    if unknown in heights:
        axes.axhline(floor, color="tab:grey", linewidth=0.8, linestyle="--")
        axes.annotate("no published top-1", (1, floor), xycoords=("axes fraction", "data"), xytext=(-4, -4),
                      textcoords="offset points", ha="right", va="top", fontsize=8, color="tab:grey")  # fmt: skip
    axes.set(
        title=title, xlabel="median latency of the model alone (ms)", ylabel="published top-1 (% of ImageNet)",
        xlim=(0, max(latencies) * 1.25), ylim=(unknown - margin / 2 if unknown in heights else floor, high + margin),
    )  # fmt: skip
    ticks = [tick for tick in axes.get_yticks() if floor <= tick <= min(100.0, high + margin)]
    axes.set_yticks(ticks)
    axes.grid(alpha=0.3)
    _name(figure, axes, bubbles, heights)
    return figure


def _diameter(bubble: Bubble) -> float:
    return _POINTS_PER_ROOT_MB * sqrt(max(bubble.bytes, 100_000) / 1e6)


def _name(figure: Any, axes: Any, bubbles: Sequence[Bubble], heights: Sequence[float]) -> None:
    """Write each bubble's name beside it, where it covers neither a name nor the picture's edge if that can be had."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()
    taken: list[Any] = []
    for bubble, height in zip(bubbles, heights, strict=True):
        label = f"{bubble.name}\n{bubble.bytes / 1e6:.1f} MB"
        choices: list[tuple[int, int, Any, Any]] = []
        for x, y in _PLACES:
            away = _diameter(bubble) / 2 + 3
            text = axes.annotate(
                label, (bubble.latency_ms, height), xytext=(x * away, y * away), textcoords="offset points", fontsize=7,
                ha={0: "center", 1: "left", -1: "right"}[x], va={0: "center", 1: "bottom", -1: "top"}[y],
            )  # fmt: skip
            box, room = text.get_window_extent(renderer), axes.get_window_extent(renderer)
            outside = not (room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 and box.y1 <= room.y1)
            choices.append((sum(box.overlaps(other) for other in taken) + outside, len(choices), text, box))
            text.set_visible(False)
        _, _, text, box = min(choices, key=lambda choice: choice[:2])
        for *_, other, _ in choices:
            if other is not text:
                other.remove()
        text.set_visible(True)
        taken.append(box)
