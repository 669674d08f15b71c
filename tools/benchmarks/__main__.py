"""``make bench``: runs the benchmarks, and prints a table of figures and targets."""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import click

from tools.benchmarks.accuracy import measure_accuracy
from tools.benchmarks.batch import measure_memory, measure_speed
from tools.benchmarks.evaluate import measure_evaluate
from tools.benchmarks.latency import measure_latency
from tools.benchmarks.measure import machine
from tools.benchmarks.photos import real_photos
from tools.benchmarks.predict import measure_predict

_PARTS = ("accuracy", "predict", "speed", "memory", "evaluate", "latency")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option(
    "--photos", type=click.Path(path_type=Path, exists=True), help="Real photos; for accuracy, in DIR/<wnid>/."
)
@click.option(
    "--float-model",
    type=click.Path(path_type=Path, exists=True),
    help="The built-in model in float32.",
)
@click.option("--mediapipe-python", help="A Python with MediaPipe, if this one has none.")
@click.option("--rounds", default=5, show_default=True, help="Runs of each command, of which the median is used.")
def main(
    parts: tuple[str, ...], photos: Path | None, float_model: Path | None, mediapipe_python: str | None, rounds: int
) -> None:
    """Measure PARTS (all by default) and print a Markdown table."""
    # An installed package is compiled; with this variable set, every process would compile a checkout again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parts = parts or _PARTS
    samples = real_photos(photos)
    bars = []
    with tempfile.TemporaryDirectory(prefix="mobiclass-bench-") as name:
        folder = Path(name)
        if "accuracy" in parts and photos:
            bars += measure_accuracy(photos, float_model)
        if "predict" in parts:
            bars += measure_predict(samples, folder, 4 * rounds)
        if "speed" in parts:
            bars += measure_speed(samples, folder, rounds, mediapipe_python)
        if "memory" in parts:
            bars += measure_memory(samples, folder)
        if "evaluate" in parts:
            bars += measure_evaluate(samples, folder, rounds)
        if "latency" in parts:
            bars += measure_latency(2 * rounds)
    click.echo(
        f"{machine()}, {datetime.now(timezone.utc):%Y-%m-%d}\n\n| what | measured | bar | reached |\n|---|---|---|---|"
    )
    for bar in bars:
        click.echo(bar.markdown())
    sys.exit(any(bar.reached is False for bar in bars))


if __name__ == "__main__":
    main()
