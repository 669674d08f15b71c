"""A picture of accuracy over latency on one's own photos, with intervals and the front of models that nothing beats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mobiclass.benchmark import Bubble, diameter, number_bubbles
from mobiclass.evaluation.figures import write_figure
from mobiclass.evaluation.recommendation import Recommendation
from mobiclass.results import printable_utf8


def write_recommendation_plot(found: Recommendation, path: Path, title: str) -> None:
    """Draw the models that judged all photos into a ``.png`` or ``.svg`` file.

    Raises:
        SetupError: the file cannot be written.
    """
    write_figure(draw(found, title), path)


def draw(found: Recommendation, title: str) -> Any:
    """Draw the models; returns a Matplotlib ``Figure``."""
    from matplotlib.figure import Figure

    shown = [each for each in found.candidates if each.whole and each.latency_ms is not None]
    bubbles = [
        Bubble(
            printable_utf8(each.name) + (" (recommended)" if each is found.best else ""),
            each.latency_ms or 0.0, each.top1, each.bytes,
        )
        for each in shown
    ]  # fmt: skip
    figure = Figure(figsize=(9, max(5, 1 + 0.2 * len(bubbles))))  # so that all names fit beside it
    axes = figure.add_axes((0.08, 0.12, 0.52, 0.78))
    heights = [100 * (bubble.top1 or 0.0) for bubble in bubbles]
    for each, bubble, height in zip(shown, bubbles, heights, strict=True):
        low, high = each.interval or (0.0, 0.0)
        axes.errorbar(
            bubble.latency_ms, height, yerr=[[height - 100 * low], [100 * high - height]], fmt="o", capsize=3,
            markersize=diameter(bubble), markeredgewidth=2 if each is found.best else 0.6, markeredgecolor="black",
            ecolor="black", elinewidth=0.8, color="tab:blue" if each.name in found.front else "tab:grey", alpha=0.6,
        )  # fmt: skip
    front = sorted((each.latency_ms or 0.0, 100 * (each.top1 or 0.0)) for each in shown if each.name in found.front)
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color="tab:blue", linewidth=1, alpha=0.6)
    axes.set(xlabel="median latency on this machine (ms)", ylabel="top-1 on these photos, 95 % interval (%)")
    axes.set_title(printable_utf8(title), parse_math=False)
    axes.set_xlim(0, max((bubble.latency_ms for bubble in bubbles), default=1.0) * 1.15)
    axes.grid(alpha=0.3)
    number_bubbles(figure, axes, bubbles, heights)
    return figure
