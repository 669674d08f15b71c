"""A picture of accuracy over latency on one's own photos, with intervals and the front of models that nothing beats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mobiclass.evaluation.figures import write_figure
from mobiclass.evaluation.recommendation import Recommendation


def write_recommendation_plot(found: Recommendation, path: Path, title: str) -> None:
    """Draw the models that judged all photos into a ``.png`` or ``.svg`` file.

    Raises:
        SetupError: the file cannot be written.
    """
    write_figure(draw(found, title), path)


def draw(found: Recommendation, title: str) -> Any:
    """Draw the models; returns a Matplotlib ``Figure``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    shown = [each for each in found.candidates if each.whole and each.latency_ms is not None]
    for number, each in enumerate(shown):
        top1, (low, high) = each.top1 or 0.0, each.interval or (0.0, 0.0)
        on_front = each.name in found.front
        axes.errorbar(
            each.latency_ms or 0.0, 100 * top1, yerr=[[100 * (top1 - low)], [100 * (high - top1)]], fmt="o", capsize=3,
            markersize=9 if each is found.best else 6, color="tab:blue" if on_front else "tab:grey",
            markeredgecolor="black" if each is found.best else "none",
        )  # fmt: skip
        axes.annotate(
            f"{each.name}, {each.bytes / 1e6:.1f} MB", (each.latency_ms, 100 * top1), xytext=(8, 6 - 14 * (number % 2)),
            textcoords="offset points", fontsize=8, parse_math=False,
            fontweight="bold" if each is found.best else "normal",
        )  # fmt: skip
    front = sorted((each.latency_ms or 0.0, 100 * (each.top1 or 0.0)) for each in shown if each.name in found.front)
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color="tab:blue", linewidth=1, alpha=0.6)
    axes.set(title=title, xlabel="median latency on this machine (ms)", ylabel="top-1 on these photos (%)")
    axes.set_xlim(0, max((each.latency_ms or 0.0 for each in shown), default=1.0) * 1.45)
    axes.grid(alpha=0.3)
    return figure
