"""``mobiclass models recommend``: which model to take for these photos and this machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from mobiclass.choices import RunOptions
from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import (
    ANY_PATH,
    DESCRIPTION,
    ModelOptions,
    all_files_option,
    device_options,
    exclude_option,
    jobs_option,
    verbosity,
)
from mobiclass.cli.signals import loaded
from mobiclass.cli.terminal.text import echo_notice, fit_text, safe_text, text_width
from mobiclass.errors import DownloadError, ImageError, MobiclassError, SetupError

if TYPE_CHECKING:
    from mobiclass.batch import Exclusion
    from mobiclass.classifier import Classifier
    from mobiclass.evaluation import Candidate, ClassMap, Judge, Limits, Photos, Recommendation, Truth

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_MOST_NAME_CELLS: Final = 44
_POSITIVE: Final = click.FloatRange(0, min_open=True)


@click.command(cls=GroupedCommand)
@click.argument("folder", metavar="DIR", type=ANY_PATH)
@click.argument("models", metavar="[MODEL...]", nargs=-1, type=ANY_PATH)
@option(
    "Sources", "--truth", "truth_file", metavar="FILE", type=_FILE,
    help="Label table: photo,label per line, for photos that are not in class folders; paths start in DIR.",
)  # fmt: skip
@option(
    "Sources", "--map", "map_file", metavar="FILE", type=_FILE, help="Class map: folder,class per line.",
)  # fmt: skip
@all_files_option
@exclude_option
@option("Model", "--pull", "fetch", is_flag=True, help="Fetch the models of the catalogue that are not here.")
@option("Model", "--max-latency", metavar="MS", type=_POSITIVE, help="Most milliseconds of an inference, median.")
@option("Model", "--max-mb", metavar="MB", type=_POSITIVE, help="Largest model file, in 10⁶ bytes.")
@device_options
@jobs_option
@option("Measurement", "--seed", type=int, default=0, show_default=True, help="Seed of the order of the photos.")
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json", "csv")), default="table",
    show_default=True, help="Output format on stdout.",
)  # fmt: skip
@option("Output", "--plot", metavar="FILE.png|.svg", type=_FILE, help="Also plot accuracy over latency.")
@option("Output", "--overwrite", is_flag=True, help="Replace the plot if it exists.")
@verbosity(quiet="Print nothing on stderr but errors.", verbose="Report each model as it is measured on stderr.")
def recommend(
    folder: str,
    models: tuple[str, ...],
    truth_file: Path | None,
    map_file: Path | None,
    all_files: bool,
    exclusion: Exclusion,
    fetch: bool,
    max_latency: float | None,
    max_mb: float | None,
    run: RunOptions,
    jobs: int | None,
    seed: int,
    output_format: str,
    plot: Path | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Recommend a model for the photos DIR/<class>/<image> and this machine.

    Judged are the models that are here (see models list) and each MODEL, a name or a path. Every model is measured in a
    process of its own, and then all judge the same photos in blocks; one that cannot win is dropped early: another that
    is no slower and no larger is right more often, beyond chance. The front are the models that no other beats in
    accuracy, latency and size at once; recommended is the one of the highest accuracy within the limits.

    A model whose labels do not match the folders is listed with the reason. Exits with 3 if no model is within the
    limits, and with 4 if some photos could not be read.

    \b
    Examples:
      mobiclass models recommend photos/
      mobiclass models recommend photos/ birds.tflite --max-latency 20
      mobiclass models recommend photos/ --max-mb 5 --plot choice.png
      mobiclass models recommend photos/ --pull --format json
    """
    from mobiclass._system import available_cores
    from mobiclass.evaluation import Judge, Limits, list_photos, read_class_map, recommend

    _check_plot(plot, overwrite=overwrite)
    photos = list_photos(folder, truth_file, all_files=all_files, exclusion=exclusion)
    class_map = read_class_map(map_file) if map_file else None
    limits = Limits(max_latency, max_mb)
    candidates = _candidates(models, fetch=fetch, quiet=quiet)
    threads = run.num_threads or 1
    loaded_models = _load(candidates, photos, class_map, limits, run._replace(num_threads=threads), verbose=verbose)
    judge = Judge(photos, photos.names, jobs=jobs or max(1, available_cores() // threads), seed=seed)
    if not judge.total:
        raise SetupError(f"{folder}: there are no photos in its {photos.unit}")
    interrupted_by = _judge(judge, loaded_models, quiet=quiet)
    found = recommend(candidates, limits)
    _print(found, judge.total, output_format, partial=interrupted_by is not None)
    if plot and any(each.whole for each in found.candidates):
        from mobiclass.evaluation import write_recommendation_plot

        write_recommendation_plot(found, plot, f"{judge.total} photos of {safe_text(folder)}")
    _conclude(found, judge.total, limits, interrupted_by, quiet=quiet)


def _check_plot(plot: Path | None, *, overwrite: bool) -> None:
    if plot is None:
        if overwrite:
            raise click.UsageError("--overwrite needs --plot FILE")
        return
    from mobiclass.evaluation import PLOT_SUFFIXES, require_matplotlib

    if plot.suffix.lower() not in PLOT_SUFFIXES:
        raise click.UsageError(f"--plot {plot}: the suffix must be one of {', '.join(PLOT_SUFFIXES)}")
    if not plot.absolute().parent.is_dir():
        raise SetupError(f"{plot}: the folder {plot.parent} does not exist; create it first")
    if plot.exists() and not overwrite:
        raise SetupError(f"{plot}: the file exists already; --overwrite replaces it")
    require_matplotlib()


def _candidates(models: tuple[str, ...], *, fetch: bool, quiet: bool) -> list[Candidate]:
    """List the models that are here, those that are given, and with `fetch` those of the catalogue."""
    from mobiclass.evaluation import Candidate
    from mobiclass.hub import find_model, known_models

    if fetch:
        _fetch_missing(quiet=quiet)
    paths = {model.name: model.path for model in known_models() if model.path is not None}
    for name in models:
        path = find_model(name)
        paths[name if name in paths else path.name.removesuffix(".tflite")] = path
    return [Candidate(name, path.stat().st_size, path) for name, path in paths.items()]


def _fetch_missing(*, quiet: bool) -> None:
    """Fetch the classifiers for the CPU that are not here; one that cannot be had does not stop the others."""
    from mobiclass.cli.models.pull import pull_entry
    from mobiclass.hub import known_models

    for model in known_models():
        entry = model.entry
        if model.path is None and entry is not None and entry.classes is not None and not entry.edgetpu_compiled:
            try:
                pull_entry(entry, quiet=quiet, verbose=False)
            except DownloadError as error:
                echo_notice(str(error))


def _load(
    candidates: list[Candidate],
    photos: Photos,
    class_map: ClassMap | None,
    limits: Limits,
    run: RunOptions,
    *,
    verbose: bool,
) -> list[tuple[Candidate, Classifier, Truth]]:
    """Load and measure the models; of those that cannot be judged, say why in `Candidate.excluded`."""
    found = []
    unset = dict.fromkeys(DESCRIPTION)
    for candidate in candidates:
        candidate.excluded = limits.exceeded_by(candidate)
        if candidate.excluded:
            continue
        try:
            options = ModelOptions(str(candidate.path), None, run, **unset)  # type: ignore[arg-type]
            found.append((candidate, *_measured(candidate, options, photos, class_map, run)))
        except MobiclassError as error:
            candidate.excluded = str(error).removeprefix(f"{candidate.path}: ")
            continue
        candidate.excluded = limits.exceeded_by(candidate)
        if candidate.excluded:
            found.pop()
        if verbose:
            echo_notice(f"{candidate.name}: {candidate.latency_ms:.2f} ms, {candidate.peak_mb:.0f} MB")
    return found


def _measured(
    candidate: Candidate, options: ModelOptions, photos: Photos, class_map: ClassMap | None, run: RunOptions
) -> tuple[Classifier, Truth]:
    """Load a model, match the photos' names to its classes, and only then measure it.

    Raises:
        MobiclassError: it cannot be loaded, its labels do not match, or it cannot be measured.
    """
    from mobiclass.benchmark import Task, measure
    from mobiclass.evaluation import match_folders

    classifier = options.load(quiet=True)
    truth = match_folders(photos.names, classifier.model, class_map, unit=photos.unit)
    measured = measure(Task(model=str(candidate.path), run=run, throughput_threads=run.num_threads or 1, seconds=0.5))
    candidate.latency_ms, candidate.peak_mb = measured["p50_ms"], measured["peak_rss_mb"]
    return classifier, truth


def _judge(judge: Judge, models: Sequence[tuple[Candidate, Classifier, Truth]], *, quiet: bool) -> int | None:
    """Judge the photos; a signal ends it after the photos in flight. Returns its number, if one did."""
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)
        judge.stop()

    def progress(judged: int) -> None:
        if not quiet and sys.stderr.isatty():
            left = sum(not candidate.beaten_by for candidate, _, _ in models)
            click.echo(f"\r\x1b[K{judged} of {judge.total} photos, {left} models", nl=False, err=True)

    handlers = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        loaded()
        judge.run(models, progress)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if not quiet and sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)
    return received[0] if received else None


def _print(found: Recommendation, photos: int, output_format: str, *, partial: bool) -> None:
    from mobiclass.evaluation import candidate_fields, recommendation_json

    if output_format == "json":
        import json

        click.echo(json.dumps(recommendation_json(found, photos, partial=partial), ensure_ascii=False, indent=2))
    elif output_format == "csv":
        from mobiclass.results import csv_table

        write_line = csv_table(sys.stdout, for_spreadsheets=False)
        for number, fields in enumerate(candidate_fields(found)):
            if number == 0:
                write_line(fields)
            write_line(fields.values())
    else:
        for line in _table(found):
            click.echo(line.rstrip())
    sys.stdout.flush()


def _table(found: Recommendation) -> list[str]:
    names = [safe_text(each.name) for each in found.candidates]
    width = min(_MOST_NAME_CELLS, max(map(text_width, [*names, "model"])))
    lines = [f"{fit_text('model', width)}  {'top-1':>7}  {'95 % interval':>13}  {'ms':>7}  {'peak MB':>7}  {'MB':>5}"]
    for name, each in zip(names, found.candidates, strict=True):
        top1 = f"{each.top1 * 100:5.1f} %" if each.top1 is not None else "–"
        interval = "–" if each.interval is None else f"{each.interval[0] * 100:.1f}–{each.interval[1] * 100:.1f}"
        latency = "–" if each.latency_ms is None else f"{each.latency_ms:.2f}"
        peak = "–" if each.peak_mb is None else f"{each.peak_mb:.0f}"
        lines.append(
            f"{fit_text(name, width)}  {top1:>7}  {interval:>13}  {latency:>7}  {peak:>7}  {each.bytes / 1e6:>5.1f}  "
            f"{safe_text(found.verdict(each))}"
        )
    if found.best and found.as_good:
        for each in found.as_good:
            if (each.latency_ms or 0) < (found.best.latency_ms or 0):
                times = (found.best.latency_ms or 0) / (each.latency_ms or 1)
                lines.append(
                    f"{safe_text(each.name)} may be as good (the difference may be chance), {times:.1f} times as fast"
                )
    return lines


def _conclude(found: Recommendation, total: int, limits: Limits, interrupted_by: int | None, *, quiet: bool) -> None:
    context = click.get_current_context()
    if interrupted_by:
        if not quiet:
            click.echo("interrupted: the result covers the photos judged so far", err=True)
        context.exit(128 + interrupted_by)
    if found.best is None:
        judged = any(each.whole for each in found.candidates)
        limited = judged or limits.latency_ms is not None or limits.megabytes is not None
        what = "no model is within the limits" if limited else "no model here has these classes"
        raise SetupError(f"{what}; the table says why")
    if found.best.photos < total:
        if not quiet:
            echo_notice(f"{total - found.best.photos} photos cannot be read; `mobiclass evaluate` names them")
        context.exit(ImageError.exit_code)
