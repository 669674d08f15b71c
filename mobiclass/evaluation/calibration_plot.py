"""A picture of coverage against precision: what a stricter target costs, with groups and with the best class alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mobiclass.evaluation.calibration import Calibration, fit_thresholds
from mobiclass.evaluation.figures import write_figure

_TARGETS: Final = tuple(target / 200 for target in range(140, 200))  # 70 to 99.5 %
_MARGIN: Final = 1.5  # percent


def write_calibration_plot(calibration: Calibration, path: Path, title: str) -> None:
    """Draw into a ``.png`` or ``.svg`` file what targets come to on other photos than thresholds were fitted on.

    Raises:
        SetupError: the file cannot be written.
    """
    write_figure(draw(calibration, title), path)


def draw(calibration: Calibration, title: str) -> Any:
    """Draw the curves; returns a Matplotlib ``Figure``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    fitted_on, judged_on, cosine = calibration.fitted_on, calibration.judged_on, calibration.cosine
    fits = dict.fromkeys(fit_thresholds(fitted_on, target, cosine=cosine).thresholds for target in _TARGETS)
    outcomes = [judged_on.outcome(each) for each in fits if each is not None]
    points = [(100 * each.precision, 100 * each.coverage) for each in outcomes if each.precision is not None]
    chosen = calibration.outcome
    lowest = min((x for x, _ in points), default=100.0) - _MARGIN
    # What is reached at a precision or above it: the line falls, where a threshold's own precision goes to and fro.
    steps = [max(0.0, lowest) + step / 10 for step in range(int(10 * (100 - max(0.0, lowest))) + 1)]
    alone = [100 * judged_on.coverage_of_top1(step / 100) for step in steps]
    axes.step(steps, alone, where="pre", color="tab:grey", linewidth=1.2, label="top-1 alone, any threshold")
    label = "class, else group" if judged_on.has_groups else "targets of 70 to 99.5 %"
    axes.plot(
        *zip(*points, strict=True), color="tab:blue", marker="o", markersize=5, linestyle="none", alpha=0.8,
        label=f"{label}, fitted on the other half",
    )  # fmt: skip
    if chosen.precision is not None and chosen.precision_interval is not None:
        x, y = 100 * chosen.precision, 100 * chosen.coverage
        low, high = (100 * end for end in chosen.precision_interval)
        lower, upper = (100 * end for end in chosen.coverage_interval)
        axes.errorbar(
            [x], [y], xerr=[[x - low], [high - x]], yerr=[[y - lower], [upper - y]], color="tab:red", marker="D",
            markersize=7, linewidth=1, capsize=3, zorder=3, label="chosen, with 95 % intervals",
        )  # fmt: skip
        lowest = min(lowest, low - _MARGIN)
    axes.set(
        xlabel="precision: right answers (% of answers)", ylabel="coverage: answered (% of photos)",
        xlim=(max(0.0, lowest), 100 + _MARGIN / 3), ylim=(0, 100 + _MARGIN),
    )  # fmt: skip
    axes.set_title(title, parse_math=False)  # a name may have dollar signs
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize=9)
    return figure
