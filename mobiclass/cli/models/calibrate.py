"""``mobiclass models calibrate``: score thresholds for a model's answers, fitted on labelled photos."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass.choices import RunOptions
from mobiclass.cli.evaluate.evaluated_models import check_photos, tell_what_is_left_out
from mobiclass.cli.long_runs import for_throughput, row_options, run_until_signal
from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import (
    ANY_PATH,
    DESCRIPTION,
    Decisions,
    ModelOptions,
    all_files_option,
    allow_truncated_option,
    device_options,
    exclude_option,
    jobs_option,
    verbosity_options,
)
from mobiclass.cli.output import explain, suggest_allow_truncated
from mobiclass.cli.terminal.text import safe_text
from mobiclass.errors import ImageError, SetupError
from mobiclass.results import path_bytes, printable_utf8

if TYPE_CHECKING:
    from mobiclass.batch import Exclusion, RowOptions
    from mobiclass.classifier import Classifier
    from mobiclass.decisions import Rules
    from mobiclass.evaluation import Calibration, Observation, Photos, Truth
    from mobiclass.results import Row
    from mobiclass.tflite import ModelInfo

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_FEW: Final = 200  # photos; with fewer the intervals are wide


def _target(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not 0 < value < 1:  # nor "nan"
        raise click.BadParameter(f"{value:g} is not between 0 and 1")
    return value


@click.command(cls=GroupedCommand)
@click.argument("model", metavar="MODEL", type=ANY_PATH)
@click.argument("folder", metavar="DIR", type=ANY_PATH)
@option(
    "Sources", "--map", "map_file", metavar="FILE", type=_FILE,
    help="Class map: folder,class per line, or a JSON object; an empty class skips the folder.",
)  # fmt: skip
@option(
    "Sources", "--truth", "truth_file", metavar="FILE", type=_FILE,
    help="Label table: photo,label per line, for photos that are not in class folders; paths start in DIR.",
)  # fmt: skip
@all_files_option
@exclude_option
@option(
    "Decisions", "--target", metavar="P", type=float, callback=_target, default=0.95, show_default=True,
    help="Share of answers that must be right.",
)  # fmt: skip
@option(
    "Decisions", "--seed", metavar="N", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="Seed of the split into halves.",
)  # fmt: skip
@device_options
@jobs_option
@allow_truncated_option
@option(
    "Output", "-o", "--output", metavar="COPY.tflite", type=_FILE,
    help="Also write a copy of the model with the thresholds.",
)  # fmt: skip
@option(
    "Output", "--plot", metavar="FILE.png|FILE.svg", type=_FILE, help="Also plot coverage over precision.",
)  # fmt: skip
@option("Output", "--overwrite", is_flag=True, help="Replace COPY.tflite and the plot if they exist.")
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True,
    help="Output format on stdout.",
)  # fmt: skip
@verbosity_options
def calibrate(
    model: str,
    folder: str,
    map_file: Path | None,
    truth_file: Path | None,
    all_files: bool,
    exclusion: Exclusion,
    target: float,
    seed: int,
    run: RunOptions,
    jobs: int | None,
    allow_truncated: bool,
    output: Path | None,
    plot: Path | None,
    overwrite: bool,
    output_format: str,
    quiet: bool,
    verbose: bool,
) -> None:
    """Fit score thresholds for a model's answers on labelled photos.

    The photos are DIR/<class>/<photo>, or those of a table (--truth); class folders are matched as in evaluate. The
    thresholds are fitted on one half and judged on the other: precision is the share of answers that are right,
    coverage the share of photos that get one. An answer is the class if its score suffices, else a group, else
    unknown. A folder named unknown or none holds photos of other things: any answer to them is wrong.

    COPY.tflite is the same network with the thresholds in it; predict, batch and evaluate then decide by them. If no
    thresholds reach the target, nothing is written and the highest precision is reported (exit code 3). Photos that
    cannot be classified are left out (exit code 4).

    \b
    Examples:
      mobiclass models calibrate efficientnet_lite0 photos/
      mobiclass models calibrate birds.tflite photos/ --target 0.98 -o birds_sure.tflite
      mobiclass models calibrate birds.tflite photos/ --plot curve.png --format json
    """
    _check_files(output, plot, overwrite=overwrite)
    from mobiclass.evaluation import (
        fit_and_judge,
        fitted_rules,
        list_photos,
        match_folders,
        names_of_other_things,
        read_class_map,
    )

    photos = list_photos(folder, truth_file, all_files=all_files, exclusion=exclusion)
    unset: dict[str, Any] = dict.fromkeys(DESCRIPTION)
    options, jobs = for_throughput(ModelOptions(model, None, run, **unset, decisions=Decisions(decide=True)), jobs)
    classifier = options.load(quiet=quiet)
    _check_copy(classifier.model.path, output)
    explain(classifier, quiet=quiet, verbose=verbose)
    others = names_of_other_things(photos.names, classifier.model.labels)
    own = [name for name in photos.names if name not in others]
    truth = match_folders(own, classifier.model, read_class_map(map_file) if map_file else None, unit=photos.unit)
    names = (*truth.indices, *others)
    tell_what_is_left_out(photos, names, truth, quiet=quiet)
    check_photos(photos, names)
    seen = _Seen(classifier, photos, truth)
    shape = row_options(
        classifier, options, top_k=classifier.model.classes, threshold=0.0, allow_truncated=allow_truncated,
        timing=False,
    )  # fmt: skip
    seen.classify(names, shape, jobs, quiet=quiet)
    found = fit_and_judge(seen.with_cosines(allow_truncated), target=target, seed=seed, cosine=seen.cosine)
    rules = fitted_rules(found, classifier.model, f"{Path(folder).resolve().name}, {date.today()}")
    _write(classifier.model, found, rules, output, plot)
    _print(classifier.model, found, rules, output_format)
    if not quiet:
        _tell(found, classifier.model, output)
    suggest_allow_truncated(seen.failures, allowed=allow_truncated, quiet=quiet)
    if seen.failures:
        click.get_current_context().exit(ImageError.exit_code)


def _check_files(output: Path | None, plot: Path | None, *, overwrite: bool) -> None:
    """Refuse impossible files before anything is done."""
    if overwrite and output is None and plot is None:
        raise click.UsageError("--overwrite needs something to replace: -o COPY.tflite or --plot")
    if output is not None and output.suffix.lower() != ".tflite":
        raise click.UsageError(f"-o {output}: the suffix must be .tflite")
    for path in filter(None, (output, plot)):
        if not path.absolute().parent.is_dir():
            raise SetupError(f"{path}: the folder {path.parent} does not exist; create it first")
        if path.exists() and not overwrite:
            raise SetupError(f"{path}: the file exists already; --overwrite replaces it")
    if plot is not None:
        from mobiclass.evaluation import PLOT_SUFFIXES, require_matplotlib

        if plot.suffix.lower() not in PLOT_SUFFIXES:
            raise click.UsageError(f"--plot {plot}: the suffix must be one of {', '.join(PLOT_SUFFIXES)}")
        require_matplotlib()


def _check_copy(model: Path, output: Path | None) -> None:
    if output is not None and output.exists() and output.samefile(model):
        raise click.UsageError(f"-o {output} is the model itself: name another file for the copy")


class _Seen:
    """What the model says of the photos.

    Attributes:
        failures: the photos that could not be classified, by kind of error.
        cosine: the threshold of the model's rule of unknown photos; ``None`` where it has none.
    """

    def __init__(self, classifier: Classifier, photos: Photos, truth: Truth) -> None:
        from mobiclass.decisions import model_taxonomy
        from mobiclass.evaluation import Observer

        model, decider = classifier.model, classifier.choice.decider
        self._classifier = classifier
        self._photos = photos
        self._truth = truth
        self._observer = Observer(
            model.classes, model_taxonomy(model), scores_add_up=model.output_kind in ("probabilities", "logits")
        )
        self._decider = decider if decider and decider.needs_features else None
        self._observed: list[tuple[Observation, Row]] = []
        self.failures: Counter[str] = Counter()
        self.cosine = decider.rules.unknown.threshold if self._decider and decider and decider.rules.unknown else None

    def classify(self, names: tuple[str, ...], shape: RowOptions, jobs: int, *, quiet: bool) -> None:
        """Run the model over the photos; a signal ends the command, as there is nothing to keep."""
        from mobiclass.batch import Batch

        batch = Batch(self._classifier, jobs=jobs, options=shape, receive=self._receive, fields=self._fields)
        _, interrupted_by = run_until_signal(batch, self._photos.paths(names), resumable=False, quiet=quiet)
        if interrupted_by:
            click.get_current_context().exit(128 + interrupted_by)

    def _fields(self, path: str) -> dict[str, Any]:
        from mobiclass.images import difference_hash

        name = self._photos.name_of(path)
        looks = None
        with suppress(ImageError):  # the model will tell
            looks = difference_hash(path)
        known = name in self._truth.indices
        return {"name": name, "looks": looks, "truth": self._truth.field(name) if known else None}

    def _receive(self, row: Row) -> None:
        if row["error"]:
            self.failures[row["error"]["kind"]] += 1
            return
        observation = self._observer.observe(row, row["name"], row["looks"])
        if observation:
            self._observed.append((observation, {key: row[key] for key in row if key.startswith("path")}))

    def with_cosines(self, allow_truncated: bool) -> list[Observation]:
        """Return the observations, with the cosines where the model's rule of unknown photos needs them."""
        if self._decider is None:
            return [observation for observation, _ in self._observed]
        return [
            observation._replace(cosine=self._cosine_of(os.fsdecode(path_bytes(row)), allow_truncated))
            for observation, row in self._observed
        ]

    def _cosine_of(self, path: str, allow_truncated: bool) -> float:
        assert self._decider is not None
        features = self._classifier.features(path, allow_truncated=allow_truncated)
        return self._decider.nearest_cosine(features)


def _write(model: ModelInfo, found: Calibration, rules: Rules, output: Path | None, plot: Path | None) -> None:
    from mobiclass._system import atomic_write
    from mobiclass.evaluation import calibrated_copy, write_calibration_plot

    if output is not None:
        content = calibrated_copy(model, rules)
        with atomic_write(output) as file:
            file.write(content)
    if plot is not None:
        write_calibration_plot(found, plot, f"{printable_utf8(model.name)}, {found.outcome.photos} photos")


def _print(model: ModelInfo, found: Calibration, rules: Rules, output_format: str) -> None:
    if output_format == "json":
        import json

        from mobiclass.evaluation import calibration_json

        click.echo(json.dumps(calibration_json(found, rules, model), ensure_ascii=False, indent=2))
        return
    from mobiclass.cli.models.calibration_table import calibration_text

    click.echo(calibration_text(found, model.name))


def _tell(found: Calibration, model: ModelInfo, output: Path | None) -> None:
    from mobiclass.cli.models.calibration_table import percent
    from mobiclass.evaluation import FEWEST_OTHERS

    others = found.outcome.others + found.fitted.others
    if found.cosine is not None and 0 < others < FEWEST_OTHERS:
        click.echo(
            f"mobiclass: {others} photos of other things are too few to fit the rule of unknown photos on, which stays "
            f"as it is; give {FEWEST_OTHERS} or more",
            err=True,
        )
    photos, precision = found.outcome.photos, found.outcome.precision_interval
    if photos < _FEW // 2:
        click.echo(
            f"mobiclass: judged on {photos} photos only, so the intervals are wide; give {_FEW} or more in all",
            err=True,
        )
    if precision and precision[1] < found.target:
        click.echo(
            f"mobiclass: on the other half the precision is below {percent(found.target)}; give more photos, or "
            "a higher --target",
            err=True,
        )
    if (model.rules or {}).get("labels"):
        click.echo("mobiclass: the model's thresholds for single labels are not kept", err=True)
    if output is not None:
        click.echo(f"{safe_text(str(output))}: the model with these thresholds", err=True)
