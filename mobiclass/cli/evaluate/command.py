"""``mobiclass evaluate``: measure a model's accuracy on photos whose classes are known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from mobiclass.cli.evaluate.evaluated_models import (
    EvaluatedModel,
    check_agreement,
    check_photos,
    listed,
    load_evaluated_model,
    tell_what_is_left_out,
)
from mobiclass.cli.long_runs import (
    check_files,
    finish_output,
    for_throughput,
    row_options,
    run_until_signal,
    tell_how_to_resume,
)
from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import (
    ANY_PATH,
    ModelOptions,
    all_files_option,
    allow_truncated_option,
    check_csv_bom,
    csv_bom_option,
    decision_options,
    earlier_run_options,
    exclude_option,
    jobs_option,
    model_options,
    verbosity_options,
)
from mobiclass.cli.output import suggest_allow_truncated
from mobiclass.cli.terminal.progress import rate_text
from mobiclass.cli.terminal.streams import show_native_output
from mobiclass.cli.terminal.text import terminal_width

if TYPE_CHECKING:
    from mobiclass.batch import Exclusion, Journal, RowOptions
    from mobiclass.classifier import Classifier
    from mobiclass.evaluation import Comparison, Evaluation, Photos
    from mobiclass.report import Explain
    from mobiclass.results import Row

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)


@click.command(cls=GroupedCommand)
@click.argument("folder", metavar="DIR", type=ANY_PATH)
@option(
    "Sources", "--map", "map_file", metavar="FILE", type=_FILE,
    help="Class map: folder,class per line, or a JSON object; a class is a label, a wnid or an index, an empty one "
    "skips the folder.",
)  # fmt: skip
@option(
    "Sources", "--truth", "truth_file", metavar="FILE", type=_FILE,
    help="Label table: photo,label per line, for photos that are not in class folders; paths start in DIR.",
)  # fmt: skip
@option(
    "Comparison", "--against", metavar="NAME|PATH", type=ANY_PATH,
    help="Second model to compare with on the same photos.",
)  # fmt: skip
@option(
    "Comparison", "--against-labels", metavar="FILE", type=ANY_PATH, help="Label file of the second model."
)  # fmt: skip
@option(
    "Comparison", "--against-map", metavar="FILE", type=_FILE,
    help="Class map of the second model.  [default: that of --map]",
)  # fmt: skip
@option(
    "Output", "--predictions", metavar="FILE", type=_FILE,
    help="Also write a row per photo: .jsonl with the true class, .csv or .parquet as batch writes them.",
)  # fmt: skip
@option(
    "Output", "--report", metavar="FILE.html", type=_FILE,
    help="Also write an HTML report: the true class beside each photo, mistakes first.",
)  # fmt: skip
@option(
    "Output", "--explain", is_flag=True,
    help="Show in the report what in each mistaken photo speaks for the wrong class.",
)  # fmt: skip
@earlier_run_options
@jobs_option
@all_files_option
@exclude_option
@decision_options
@model_options
@allow_truncated_option
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json", "csv")), default="table",
    show_default=True, help="Output format on stdout; csv has one line per class.",
)  # fmt: skip
@csv_bom_option
@verbosity_options
def evaluate(
    folder: str,
    options: ModelOptions,
    map_file: Path | None,
    truth_file: Path | None,
    against: str | None,
    against_labels: str | None,
    against_map: Path | None,
    predictions: Path | None,
    report: Path | None,
    explain: bool,
    resume: bool,
    overwrite: bool,
    jobs: int | None,
    all_files: bool,
    exclusion: Exclusion,
    allow_truncated: bool,
    output_format: str,
    csv_bom: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Measure a model's accuracy on the photos DIR/<class>/<image>, or on those of a table (--truth).

    Where the model decides, the table has the part of the photos that get an answer (coverage) and the part of the
    answers that are right (precision); a group is right for the classes in it. A folder called unknown or none then
    holds photos of other things, for which only unknown is right.

    A class folder is matched to a class of the model by its name: a label (in any case, with _ for spaces, with or
    without its number, or one of several synonyms), a WordNet id (n02123045, for models with ImageNet's labels) or an
    index (12, 0012). A folder that does not match, or is ambiguous, is an error before anything is done. Subfolders
    belong to their class; folders such as @eaDir and #recycle are skipped. Labels of a table are matched likewise.

    Photos that cannot be classified are counted as errors and nowhere else (exit code 4). Rows, report and mistakes are
    those of the first model; --labels, --resize, --mean and --std apply to it alone. Latency is the model's own time
    per photo while all --jobs run.

    \b
    Examples:
      mobiclass evaluate photos/
      mobiclass evaluate photos/ --format json --predictions rows.jsonl --report page.html
      mobiclass evaluate photos/ --map classes.csv
      mobiclass evaluate photos/ --truth truth.csv --exclude thumbs/
      mobiclass evaluate photos/ --against mobilenet_v1_0.25_128_quant
    """
    from mobiclass.batch import FileOutput
    from mobiclass.evaluation import TOP, TemporaryRows, list_photos, read_class_map

    _check_options(predictions, report, against, against_labels, against_map, resume=resume, overwrite=overwrite)
    check_csv_bom(csv_bom, output_format, predictions)
    if explain and report is None:
        raise click.UsageError("--explain needs a report to show it in: add --report FILE.html")
    photos = list_photos(folder, truth_file, all_files=all_files, exclusion=exclusion)
    class_map = read_class_map(map_file) if map_file else None
    class_map_there = read_class_map(against_map) if against_map else class_map
    if verbose:
        show_native_output()
    options, jobs = for_throughput(options, jobs)
    first = load_evaluated_model(options, photos, photos.names, class_map, "--map", quiet=quiet, verbose=verbose)
    second = None
    if against is not None:
        theirs = options.of_another_model(against, against_labels)
        second = load_evaluated_model(
            theirs, photos, first.truth.names, class_map_there, "--against-map", others=first.truth.others,
            quiet=quiet, verbose=verbose,
        )  # fmt: skip
        check_agreement(first, second)
    names = tuple(name for name in (second or first).truth.names if name in first.truth.names)
    tell_what_is_left_out(photos, names, first.truth, quiet=quiet)
    check_photos(photos, names)
    shape = row_options(
        first.classifier, options, top_k=TOP, threshold=0.0, allow_truncated=allow_truncated, timing=True
    )
    run = _Run(photos, names, shape, jobs, quiet)
    with ExitStack() as outputs:
        output = kept = None
        if predictions:
            file = FileOutput(predictions, shape, resume=resume, overwrite=overwrite, csv_bom=csv_bom)
            output = outputs.enter_context(file)
        elif second or report:
            kept = outputs.enter_context(TemporaryRows())
        rows = output.journal.rows if output else kept.rows if kept else None
        found, interrupted_by = run.evaluate(
            first, journal=output.journal if output else None, receive=kept.write if kept else None
        )
        found_there, comparison = None, None
        try:
            if output and not interrupted_by:
                finish_output(output)
            if second and rows and not interrupted_by:
                found_there, comparison, interrupted_by = run.compare(second, rows())
        finally:  # whatever became of the second model, the first one's figures hold
            _print(found, found_there, comparison, output_format, csv_bom)
        if report and rows and not interrupted_by:
            _write_report(rows, report, found, first.classifier if explain else None)
    suggest_allow_truncated(found.tally.failures, allowed=allow_truncated, quiet=quiet)
    _conclude(found, interrupted_by, resumable=predictions is not None, quiet=quiet)


def _check_options(
    predictions: Path | None,
    report: Path | None,
    against: str | None,
    against_labels: str | None,
    against_map: Path | None,
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Reject impossible combinations before anything is done."""
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if resume and predictions is None:
        raise click.UsageError("--resume needs the rows of the earlier run: add --predictions FILE.jsonl")
    if overwrite and predictions is None and report is None:
        raise click.UsageError("--overwrite needs something to replace: --predictions or --report")
    if against is None and (against_labels is not None or against_map is not None):
        raise click.UsageError("--against-labels and --against-map need --against")
    check_files(predictions, "--predictions", report, may_exist=resume or overwrite)


class _Run(NamedTuple):
    """The photos that models are run over, and how."""

    photos: Photos
    names: tuple[str, ...]
    options: RowOptions
    jobs: int
    quiet: bool

    def evaluate(
        self, model: EvaluatedModel, *, journal: Journal | None = None, receive: Callable[[Row], None] | None = None
    ) -> tuple[Evaluation, int | None]:
        """Run a model over the photos, and return also the signal that interrupted it, if any."""
        from mobiclass.batch import Batch
        from mobiclass.evaluation import Evaluation, PhotoTruth, Tally

        decider = model.classifier.choice.decider
        tally = Tally(classes_of_group=decider.group_classes) if decider else Tally()
        truth = PhotoTruth(self.photos, model.truth)

        def count(row: Row) -> None:
            tally.add(row)
            if receive:
                receive(row)

        batch = Batch(
            model.classifier,
            jobs=self.jobs,
            options=self.options,
            journal=journal,
            receive=count,
            fields=truth.fields,
        )
        summary, interrupted_by = run_until_signal(
            batch, self.photos.paths(self.names), resumable=journal is not None, quiet=self.quiet
        )
        if not self.quiet:
            click.echo(rate_text(summary), err=True)
            if not interrupted_by and (empty := truth.names_without_photos):
                click.echo(f"mobiclass: {self.photos.unit} without images: {listed(empty)}", err=True)
        evaluation = Evaluation(
            root=self.photos.root,
            model=model.classifier.model,
            device=model.classifier.device,
            jobs=self.jobs,
            truth=model.truth,
            tally=tally,
            seconds=summary.seconds,
            fallback=summary.fallback,
            partial=interrupted_by is not None,
            decides=decider is not None,
        )
        return evaluation, interrupted_by

    def compare(self, model: EvaluatedModel, first_rows: Iterator[Row]) -> tuple[Evaluation, Comparison, int | None]:
        """Run a second model over the photos of the first model's rows."""
        from mobiclass.evaluation import Comparison, pair_rows

        comparison = Comparison()
        evaluation, interrupted_by = self.evaluate(model, receive=pair_rows(first_rows, comparison))
        return evaluation, comparison, interrupted_by


def _print(
    evaluation: Evaluation,
    against: Evaluation | None,
    comparison: Comparison | None,
    output_format: str,
    csv_bom: bool,
) -> None:
    from mobiclass.evaluation import evaluation_json, write_classes_csv

    if output_format == "json":
        import json

        click.echo(json.dumps(evaluation_json(evaluation, against, comparison), ensure_ascii=False, indent=2))
    elif output_format == "csv":
        write_classes_csv(evaluation, sys.stdout, for_spreadsheets=csv_bom)
    else:
        from mobiclass.cli.evaluate.table import comparison_text, evaluation_text

        width = terminal_width(sys.stdout)
        click.echo(evaluation_text(evaluation, width))
        if against and comparison:
            click.echo(f"\n{comparison_text(evaluation, against, comparison, width)}")
    sys.stdout.flush()


def _write_report(
    rows: Callable[[], Iterator[Row]], report: Path, evaluation: Evaluation, explaining: Classifier | None
) -> None:
    """Write the report; with the classifier `explaining`, its mistakes are explained."""
    from mobiclass.evaluation import mistakes_first, report_facts
    from mobiclass.report import write_report

    count = evaluation.tally.all
    write_report(
        mistakes_first(rows),
        report,
        title=f"{count.images + count.errors} images, {evaluation.model.name}",
        summary=report_facts(evaluation),
        explain=_explainer(explaining) if explaining else None,
    )


def _explainer(classifier: Classifier) -> Explain:
    from functools import partial

    from mobiclass.explanation import Explainer, explain_row

    return partial(explain_row, Explainer(classifier))


def _conclude(found: Evaluation, interrupted_by: int | None, *, resumable: bool, quiet: bool) -> None:
    from mobiclass.errors import ImageError

    context = click.get_current_context()
    if interrupted_by:
        if not quiet:
            click.echo("interrupted: the result covers the photos classified so far", err=True)
        tell_how_to_resume("to resume", resumable=resumable, quiet=quiet)
        context.exit(128 + interrupted_by)
    if found.tally.all.errors:
        context.exit(ImageError.exit_code)
