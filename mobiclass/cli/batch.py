"""``mobiclass batch``: classify folders of photos, one row per file, resumable after any crash."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
    check_csv_bom,
    csv_bom_option,
    decision_options,
    earlier_run_options,
    exclude_option,
    format_option,
    jobs_option,
    model_options,
    prediction_options,
    verbosity_options,
)
from mobiclass.cli.output import explain, rows_to_stdout, suggest_allow_truncated
from mobiclass.cli.terminal.progress import summary_facts, summary_text
from mobiclass.cli.terminal.streams import show_native_output, stdin_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobiclass.batch import BatchSummary, Exclusion
    from mobiclass.results import Row


@click.command(cls=GroupedCommand)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=ANY_PATH)
@option(
    "Output", "-o", "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the results to a .jsonl, .csv or .parquet file.  [default: stdout]",
)  # fmt: skip
@earlier_run_options
@jobs_option
@option("Sources", "--no-recursive", is_flag=True, help="Skip subfolders.")
@all_files_option
@exclude_option
@option("Sources", "-0", "--null", is_flag=True, help="Expect NUL-separated paths in lists.")
@option(
    "Output", "--report", metavar="FILE.html", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write an HTML report; needs -o.",
)  # fmt: skip
@option("Output", "--exif", is_flag=True, help="Include the time and place of each photo, by its Exif data.")
@decision_options
@model_options
@prediction_options
@format_option
@csv_bom_option
@verbosity_options
def batch(
    sources: tuple[str, ...],
    options: ModelOptions,
    output: Path | None,
    resume: bool,
    overwrite: bool,
    jobs: int | None,
    no_recursive: bool,
    all_files: bool,
    exclusion: Exclusion,
    null: bool,
    report: Path | None,
    output_format: str | None,
    csv_bom: bool,
    quiet: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Classify every image in each SOURCE: folders, files, globs, @FILE or - for a list of paths.

    Every file gets exactly one row, in order; one that cannot be read or decoded gets a row with the reason, and the
    run continues (exit code 4). Ctrl-C finishes the images in flight; --resume continues from there, or after a crash,
    with the same options. In folders, what systems keep there is passed over (@eaDir, #recycle, $RECYCLE.BIN,
    lost+found and the like).

    \b
    Examples:
      mobiclass batch photos/ -o results.jsonl
      mobiclass batch photos/ -o results.jsonl --resume
      mobiclass batch 'camera/**/*.JPG' -o labels.csv --report labels.html
      find . -name '*.jpg' -print0 | mobiclass batch -0 - -o results.parquet
    """
    from mobiclass.batch import Batch, FileOutput, ImageFinder

    _check_outputs(output, report, output_format, resume=resume, overwrite=overwrite)
    check_csv_bom(csv_bom, output_format, output)
    finder = ImageFinder(recursive=not no_recursive, all_files=all_files, null_separated=null, exclusion=exclusion)
    finder.check(sources)
    if verbose:
        show_native_output()
    options, jobs = for_throughput(options, jobs)
    classifier = options.load(quiet=quiet)
    explain(classifier, quiet=quiet, verbose=verbose)
    shape = row_options(classifier, options, **how)
    with ExitStack() as outputs:
        if output:
            file = outputs.enter_context(FileOutput(output, shape, resume=resume, overwrite=overwrite, csv_bom=csv_bom))
            run = Batch(classifier, jobs=jobs, options=shape, journal=file.journal)
        else:
            write = outputs.enter_context(
                rows_to_stdout(output_format, several=True, decides=shape.decide, exif=shape.exif, csv_bom=csv_bom)
            )
            run = Batch(classifier, jobs=jobs, options=shape, receive=write)
        summary, interrupted_by = run_until_signal(
            run, finder.find(sources, stdin_bytes()), resumable=output is not None, quiet=quiet
        )
        if output and not interrupted_by:
            finish_output(file)
            if report:
                _write_report(file.journal.rows(), report, classifier.model.name, summary)
    if finder.paired_raws and not quiet:
        click.echo(f"mobiclass: {finder.paired_raws} raw files left out: the JPEG beside each is classified", err=True)
    allowed: bool = how["allow_truncated"]
    _conclude(summary, interrupted_by, resumable=output is not None, allow_truncated=allowed, quiet=quiet)


def _check_outputs(
    output: Path | None, report: Path | None, output_format: str | None, *, resume: bool, overwrite: bool
) -> None:
    """Reject impossible combinations before anything is done."""
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if output is None:
        for given, name in ((resume, "--resume"), (overwrite, "--overwrite"), (report is not None, "--report")):
            if given:
                raise click.UsageError(f"{name} needs an output file: add -o FILE.jsonl")
    elif output_format is not None:
        raise click.UsageError("--format is for stdout; with -o the file's suffix decides")
    check_files(output, "-o", report, may_exist=resume or overwrite)


def _write_report(rows: Iterator[Row], report: Path, model: str, summary: BatchSummary) -> None:
    from mobiclass.report import write_report

    write_report(rows, report, title=f"{summary.images} images, {model}", summary=summary_facts(summary))


def _conclude(
    summary: BatchSummary, interrupted_by: int | None, *, resumable: bool, allow_truncated: bool, quiet: bool
) -> None:
    """Print the summary and set the exit code."""
    from mobiclass.errors import ImageError

    if not quiet:
        click.echo(summary_text(summary), err=True)
        if not summary.images and not summary.interrupted:
            click.echo("no images found; --all-files tries files of any suffix in folders", err=True)
    suggest_allow_truncated(summary.failures, allowed=allow_truncated, quiet=quiet)
    context = click.get_current_context()
    if interrupted_by:
        tell_how_to_resume("interrupted; to resume", resumable=resumable, quiet=quiet)
        context.exit(128 + interrupted_by)
    if summary.failed:
        context.exit(ImageError.exit_code)
