"""``mobiclass models recommend``: which model to take for these photos and this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NamedTuple

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
from mobiclass.cli.terminal.text import echo_notice, fit_text, safe_text
from mobiclass.errors import ClassesError, DownloadError, ImageError, MobiclassError, SetupError

if TYPE_CHECKING:
    from mobiclass.batch import Exclusion
    from mobiclass.classifier import Classifier
    from mobiclass.evaluation import Candidate, ClassMap, Judge, Limits, Photos, Recommendation, Truth

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_MOST_NAME_CELLS: Final = 44
_IMAGENET_CLASSES: Final = (1000, 1001)  # with a background class
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
@option("Model", "--pull", "fetch", is_flag=True, help="Fetch the models of the catalogue that fit.")
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

    A model whose labels do not match the folders is listed with the reason. Photos in the folders unknown and none are
    left out. Latency is that of one thread unless --threads says otherwise. Exits with 3 if no model is within the
    limits, and with 4 if some photos could not be read.

    \b
    Examples:
      mobiclass models recommend photos/
      mobiclass models recommend photos/ birds.tflite --max-latency 20
      mobiclass models recommend photos/ --max-mb 5 --plot choice.png
      mobiclass models recommend photos/ --pull --format json
    """
    from mobiclass._system import available_cores
    from mobiclass.cli.models.recommendation_table import print_recommendation
    from mobiclass.evaluation import Judge, Limits, list_photos, read_class_map, recommend

    _check_plot(plot, overwrite=overwrite)
    photos = list_photos(folder, truth_file, all_files=all_files, exclusion=exclusion)
    class_map = read_class_map(map_file) if map_file else None
    limits = Limits(max_latency, max_mb)
    if fetch:
        _fetch_missing(photos, class_map, limits, quiet=quiet)
    candidates = _candidates(models)
    threads = run.num_threads or 1
    with _Interruption() as interruption:
        loading = _Loading(photos, class_map, limits, run._replace(num_threads=threads), quiet, verbose)
        models_to_judge = loading.load(candidates, interruption)
        names = [name for name in photos.names if all(name in truth.indices for _, _, truth in models_to_judge)]
        judge = Judge(photos, names, jobs=jobs or max(1, available_cores() // threads), seed=seed)
        if not judge.total and not interruption.signal:
            raise SetupError(f"{folder}: there are no photos in its {photos.unit}")
        _judge(judge, models_to_judge, interruption, quiet=quiet)
    found = recommend(candidates, limits)
    print_recommendation(found, judge.total, output_format, partial=bool(interruption.signal))
    if plot and any(each.whole for each in found.candidates):
        from mobiclass.evaluation import write_recommendation_plot

        write_recommendation_plot(found, plot, f"{judge.total} photos of {safe_text(folder)}")
    _conclude(found, judge.total, limits, interruption.signal, quiet=quiet)


class _Interruption:
    """Notes SIGINT and SIGTERM, so that what was found so far can still be printed; a second one ends at once."""

    def __init__(self) -> None:
        self.signal = 0
        self.stop: Callable[[], None] = lambda: None

    def __enter__(self) -> _Interruption:
        self._handlers = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            os._exit(128 + number)
        self.signal = number
        self.stop()


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


def _candidates(models: tuple[str, ...]) -> list[Candidate]:
    """List the models that are here and those that are given, each file once, each under a name of its own."""
    from mobiclass.evaluation import Candidate
    from mobiclass.hub import find_model, known_models

    paths = {model.name: model.path for model in known_models() if model.path is not None}
    for given in models:
        path = find_model(given)
        if any(path.samefile(other) for other in paths.values()):
            continue
        name = path.name.removesuffix(".tflite")
        paths[name if name not in paths else str(path)] = path
    return [Candidate(name, path.stat().st_size, path) for name, path in paths.items()]


def _fetch_missing(photos: Photos, class_map: ClassMap | None, limits: Limits, *, quiet: bool) -> None:
    """Fetch the models for the CPU that are not here, within the limits, and may have these classes.

    The labels of a model are in its file. But those with as many classes as ImageNet have the built-in model's, and the
    others have none of them. One that cannot be had does not stop the others.
    """
    from mobiclass.cli.models.pull import pull_entry
    from mobiclass.evaluation import match_folders, names_of_other_things
    from mobiclass.hub import find_model, known_models
    from mobiclass.tflite import read_model

    built_in = read_model(find_model())
    others = names_of_other_things(photos.names, built_in.labels)
    try:
        match_folders(photos.names, built_in, class_map, others=others, unit=photos.unit)
        of_imagenet = True
    except ClassesError:
        of_imagenet = False
    for model in known_models():
        entry = model.entry
        if model.path is not None or entry is None or entry.classes is None or entry.edgetpu_compiled:
            continue
        too_large = limits.megabytes is not None and entry.bytes > limits.megabytes * 1e6
        if too_large or (entry.classes in _IMAGENET_CLASSES) != of_imagenet:
            continue
        try:
            pull_entry(entry, quiet=quiet, verbose=False)
        except DownloadError as error:
            echo_notice(str(error))


class _Loading(NamedTuple):
    """What loading and measuring the models depends on."""

    photos: Photos
    class_map: ClassMap | None
    limits: Limits
    run: RunOptions
    quiet: bool
    verbose: bool

    def load(
        self, candidates: list[Candidate], interruption: _Interruption
    ) -> list[tuple[Candidate, Classifier, Truth]]:
        """Load and measure the models; of those that cannot be judged, say why in `Candidate.excluded`."""
        found = []
        for number, candidate in enumerate(candidates, 1):
            candidate.excluded = self.limits.exceeded_by(candidate)
            if candidate.excluded:
                continue
            if not self.quiet and sys.stderr.isatty():
                name = fit_text(safe_text(candidate.name), _MOST_NAME_CELLS).rstrip()
                click.echo(f"\r\x1b[Kmeasuring {name} ({number} of {len(candidates)})", nl=False, err=True)
            loaded_model = None
            try:
                loaded_model = None if interruption.signal else self._measured(candidate)
            except ClassesError as error:
                candidate.excluded = str(error)
            except MobiclassError as error:  # a signal also ends the process that measures
                candidate.excluded = "" if interruption.signal else str(error).removeprefix(f"{candidate.path}: ")
            if interruption.signal and candidate.latency_ms is None and not candidate.excluded:
                candidate.excluded = "not measured: interrupted"
            if loaded_model and not candidate.excluded:
                found.append((candidate, *loaded_model))
        return found

    def _measured(self, candidate: Candidate) -> tuple[Classifier, Truth] | None:
        """Load a model, match the photos' names to its classes, and only then measure it; ``None`` if it is excluded.

        Raises:
            MobiclassError: it cannot be loaded, its labels do not match, or it cannot be measured.
        """
        from mobiclass.benchmark import Task, measure
        from mobiclass.evaluation import match_folders, names_of_other_things

        unset = dict.fromkeys(DESCRIPTION)
        options = ModelOptions(str(candidate.path), None, self.run, **unset)  # type: ignore[arg-type]
        classifier = options.load(quiet=True)
        if classifier.fallback:
            candidate.excluded = f"needs the Edge TPU: {classifier.fallback}"
            return None
        names = self.photos.names
        others = names_of_other_things(names, classifier.model.labels)
        truth = match_folders(names, classifier.model, self.class_map, others=others, unit=self.photos.unit)
        threads = self.run.num_threads or 1
        measured = measure(Task(model=str(candidate.path), run=self.run, throughput_threads=threads, seconds=0.5))
        candidate.latency_ms, candidate.peak_mb = measured["p50_ms"], measured["peak_rss_mb"]
        if measured["fallback"]:
            candidate.excluded = f"needs the Edge TPU: {measured['fallback']}"
            return None
        candidate.excluded = self.limits.exceeded_by(candidate)
        self._report(candidate, measured["noise"])
        return None if candidate.excluded else (classifier, truth)

    def _report(self, candidate: Candidate, noise: list[str]) -> None:
        if self.quiet:
            return
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)
        if self.verbose:
            echo_notice(f"{candidate.name}: {candidate.latency_ms:.2f} ms, {candidate.peak_mb:.0f} MB")
        if noise:
            echo_notice(f"{candidate.name}: the machine was noisy: {'; '.join(noise)}")


def _judge(
    judge: Judge, models: Sequence[tuple[Candidate, Classifier, Truth]], interruption: _Interruption, *, quiet: bool
) -> None:
    """Judge the photos; a signal ends it after the photos in flight."""
    shows = not quiet and sys.stderr.isatty()

    def progress(judged: int) -> None:
        if shows:
            left = sum(not candidate.beaten_by and not candidate.excluded for candidate, _, _ in models)
            click.echo(f"\r\x1b[K{judged} of {judge.total} photos, {left} models", nl=False, err=True)

    interruption.stop = judge.stop
    if interruption.signal:  # before that
        judge.stop()
    loaded()
    judge.run(models, progress)
    if shows:
        click.echo("\r\x1b[K", nl=False, err=True)


def _conclude(found: Recommendation, total: int, limits: Limits, interrupted_by: int, *, quiet: bool) -> None:
    context = click.get_current_context()
    if interrupted_by:
        if not quiet:
            click.echo("interrupted: the result covers the photos judged so far", err=True)
        context.exit(128 + interrupted_by)
    if found.best is None:
        if any(limits.exceeded_by(each) for each in found.candidates):
            raise SetupError("no model is within the limits; the table says why")
        if any(not each.excluded for each in found.candidates):
            raise ImageError("no photo can be read; `mobiclass evaluate` names them", kind="unreadable")
        raise SetupError("no model here can be judged on these photos; the table says why")
    if found.best.photos < total:
        if not quiet:
            echo_notice(f"{total - found.best.photos} photos cannot be read; `mobiclass evaluate` names them")
        context.exit(ImageError.exit_code)
