"""Renders the metrics of a training run: as JSON, and as a plot over the epochs.

It returns bytes and writes no files.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from tools.convert import encode_json
from tools.finetune.training import ValidationResult

_COLUMNS: Final = ((("loss", "training"), ("validation_loss", "validation"), "loss"),
                   (("accuracy", "training"), ("validation_accuracy", "validation"), "accuracy"))  # fmt: skip


def encode_metrics(
    run: Mapping[str, Any],
    labels: Sequence[str],
    epochs: Sequence[Mapping[str, Any]],
    best: int,
    result: ValidationResult,
) -> bytes:
    """Encode the metrics of a run as JSON.

    Args:
        run: the settings.
        labels: the names of the classes.
        epochs: the metrics of every epoch.
        best: the number of the best epoch.
        result: the validation result of the best network.
    """
    photos = result.confusion.sum(axis=1)
    correct = np.diag(result.confusion)
    classes = [
        {"name": label, "photos": int(count), "accuracy": float(hits / count)}
        for label, count, hits in zip(labels, photos, correct, strict=True)
    ]
    content = {
        **run,
        "best_epoch": best,
        "validation_accuracy": result.accuracy,
        "validation_loss": result.loss,
        "classes": classes,
        "confusion": result.confusion.tolist(),
        "epochs": list(epochs),
    }
    return encode_json(content)


def draw_plot(epochs: Sequence[Mapping[str, Any]], best: int, title: str) -> bytes:
    """Plot losses and accuracies over the epochs as a PNG; a line marks the best epoch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    numbers = [entry["epoch"] for entry in epochs]
    starts = [entry["epoch"] - 0.5 for before, entry in pairwise(epochs) if entry["stage"] != before["stage"]]
    for axes, (*curves, name) in zip(figure.subplots(1, 2), _COLUMNS, strict=True):
        for field, legend in curves:
            axes.plot(numbers, [entry[field] for entry in epochs], marker=".", label=legend)
        axes.axvline(best, color="grey", linestyle=":", label=f"best: epoch {best}")
        for start in starts:
            axes.axvline(start, color="tan", linestyle="--", label="more layers trained")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(title)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
