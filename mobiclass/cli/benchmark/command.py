"""``mobiclass benchmark``: the latency, throughput and memory use of models on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from mobiclass.choices import MAX_THREADS, RunOptions
from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import ANY_PATH, DESCRIPTION, description_options, device_options, verbosity
from mobiclass.cli.signals import EXIT_INTERRUPTED, EXIT_TERMINATED, loaded
from mobiclass.cli.terminal.text import fit_text, safe_text

if TYPE_CHECKING:
    from mobiclass.benchmark import Measurement, Task

_MAX_SECONDS: Final = 3600.0
_NAME_CELLS: Final = 32  # beside the picture


def _seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value <= _MAX_SECONDS:  # nor "nan"
        raise click.BadParameter(f"{value:g} is not in the range 0<x<={_MAX_SECONDS:g}.")
    return value


def _thread_counts(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    try:
        counts = tuple(int(number) for number in value.split(",")) if value is not None else ()
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 1,2,4") from error
    if not all(1 <= count <= MAX_THREADS for count in counts):
        raise click.BadParameter(f"{value!r}: each number must be from 1 to {MAX_THREADS}")
    return counts


@click.command(cls=GroupedCommand)
@click.argument("models", metavar="[MODEL]...", nargs=-1, type=ANY_PATH)
@device_options
@description_options
@option(
    "Measurement", "--sweep-threads", metavar="N,N,...", callback=_thread_counts,
    help="Measure with each of these thread counts.",
)  # fmt: skip
@option(
    "Measurement", "--seconds", metavar="S", type=float, callback=_seconds,
    help="Duration of a measurement.  [default: until the median is steady, 1 to 10 s]",
)  # fmt: skip
@option(
    "Measurement", "--image", metavar="PHOTO", type=ANY_PATH,
    help="Photo to time end to end.  [default: a synthetic one of 500x375 pixels]",
)  # fmt: skip
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json", "csv")), default="table",
    show_default=True, help="Output format on stdout.",
)  # fmt: skip
@option(
    "Output", "--plot", metavar="FILE.png", type=click.Path(path_type=Path, dir_okay=False),
    help="Also plot published accuracy over latency.",
)  # fmt: skip
@option("Output", "--overwrite", is_flag=True, help="Replace FILE.png if it exists.")
@verbosity(
    quiet="Print nothing on stderr but errors.",
    verbose="Report the runtime, the number of runs and whether the median is steady on stderr.",
)
def benchmark(
    models: tuple[str, ...],
    run: RunOptions,
    labels: str | None,
    sweep_threads: tuple[int, ...],
    output_format: str,
    plot: Path | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Measure the latency, throughput and peak memory of each MODEL on this machine.

    Each model runs in a process of its own: load time, first run, latency until its median is known to within 1 %,
    throughput with the workers of a batch, and the time per stage of a photo. A noisy machine is reported. A model
    that cannot be measured does not stop the others; the exit code is then 3.

    \b
    Examples:
      mobiclass benchmark
      mobiclass benchmark --sweep-threads 1,2,4 ./birds.tflite
      mobiclass benchmark --image photo.jpg --format json > here.json
      mobiclass benchmark efficientnet_lite0 mobilenet_v1_0.25_128_quant --plot latency.png
    """
    from mobiclass.benchmark import Task

    context = click.get_current_context()
    if sweep_threads and context.get_parameter_source("num_threads") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--threads and --sweep-threads exclude each other")
    if overwrite and plot is None:
        raise click.UsageError("--overwrite needs --plot FILE.png")
    if plot is not None:
        _check_plot(plot, overwrite=overwrite)
    # Without a number of threads: all cores for one photo's latency, as predict has them, one each for many photos.
    threads: list[tuple[int | None, int]] = [(count, count) for count in sweep_threads]
    threads = threads or [(run.num_threads, run.num_threads or 1)]
    description = {name: how.pop(name) for name in DESCRIPTION}
    description = {name: value for name, value in description.items() if value is not None}
    tasks = [
        Task(
            model=model,
            labels=labels,
            description=description,
            run=run._replace(num_threads=latency),
            throughput_threads=throughput,
            **how,
        )
        for model in models or (os.environ.get("MOBICLASS_MODEL") or None,)
        for latency, throughput in threads
    ]
    measurements, exit_code = _measure_all(tasks, output_format, quiet=quiet, verbose=verbose)
    if plot is not None and measurements:
        _plot(measurements, plot)
    if exit_code:
        context.exit(exit_code)


def _check_plot(plot: Path, *, overwrite: bool) -> None:
    from mobiclass.benchmark import require_matplotlib
    from mobiclass.errors import SetupError

    if plot.suffix.lower() != ".png":
        raise click.UsageError(f"--plot {plot}: the suffix must be .png")
    if not plot.absolute().parent.is_dir():
        raise SetupError(f"{plot}: the folder {plot.parent} does not exist; create it first")
    if plot.exists() and not overwrite:
        raise SetupError(f"{plot}: the file exists already; --overwrite replaces it")
    require_matplotlib()


def _measure_all(tasks: list[Task], output_format: str, *, quiet: bool, verbose: bool) -> tuple[list[Measurement], int]:
    """Measure one after the other and print each, until a signal ends it; returns them, and the exit code."""
    from mobiclass.benchmark import measure
    from mobiclass.cli.benchmark.formats import measurement_writer
    from mobiclass.errors import SetupError
    from mobiclass.hub import entry_by_sha256

    loaded()
    writer = measurement_writer(output_format, sys.stdout)
    measurements: list[Measurement] = []
    said: set[str] = set()
    exit_code = 0
    try:
        for number, task in enumerate(tasks, 1):
            _progress(task, number, len(tasks), quiet=quiet)
            try:
                measurement = measure(task)
            except SetupError as error:
                if str(error) not in said:  # with another number of threads
                    click.echo(f"mobiclass: error: {safe_text(str(error))}", err=True)
                said.add(str(error))
                exit_code = error.exit_code
                continue
            entry = entry_by_sha256(measurement["model_sha256"])
            measurement["published_top1"] = entry.published_top1 if entry else None
            measurements.append(measurement)
            writer.write(measurement)
            _explain(measurement, quiet=quiet, verbose=verbose)
    except KeyboardInterrupt:
        exit_code = EXIT_INTERRUPTED
    except SystemExit:  # SIGTERM
        exit_code = EXIT_TERMINATED
    writer.close()
    return measurements, exit_code


def _progress(task: Task, number: int, of: int, *, quiet: bool) -> None:
    if quiet or not sys.stderr.isatty():
        return
    threads = f", {_threads(task.run.num_threads)}" if task.run.num_threads else ""
    click.echo(f"measuring {safe_text(task.model or 'the built-in model')}{threads} ({number} of {of}) ...", err=True)


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _explain(measurement: Measurement, *, quiet: bool, verbose: bool) -> None:
    """Report on stderr what makes the figures doubtful (unless -q), and how they were measured (with -v)."""
    name = safe_text(measurement["model"])
    if verbose:
        click.echo(
            f"{name}: {measurement['runtime']} {measurement['runtime_version']}, {measurement['runs']} runs, "
            f"median {'steady' if measurement['steady'] else 'not steady'}",
            err=True,
        )
    if quiet:
        return
    if measurement["fallback"]:
        click.echo(f"mobiclass: {name}: fell back to the CPU: {safe_text(measurement['fallback'])}", err=True)
    if measurement["noise"]:
        click.echo(f"mobiclass: {name}: the machine was noisy: {'; '.join(measurement['noise'])}", err=True)


def _plot(measurements: list[Measurement], path: Path) -> None:
    from mobiclass.benchmark import Bubble, write_plot

    several = len({measurement["threads"] for measurement in measurements}) > 1
    bubbles = [
        Bubble(
            fit_text(safe_text(each["model"]), _NAME_CELLS).rstrip()
            + (f", {_threads(each['threads'])}" if several else ""),
            each["p50_ms"], each["published_top1"], each["bytes"],
        )
        for each in measurements
    ]  # fmt: skip
    runtimes = ", ".join(sorted({f"{each['runtime']} {each['runtime_version']}" for each in measurements}))
    write_plot(bubbles, path, f"Accuracy over latency, {runtimes}")
