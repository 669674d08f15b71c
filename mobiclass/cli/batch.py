"""``mobiclass batch``: classify folders of photos, with a row for every file and nothing lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass.cli.options import (
    ANY_PATH,
    ModelOptions,
    format_option,
    model_options,
    prediction_options,
    verbosity_options,
)
from mobiclass.cli.output import StreamOutput, explain, row_writer
from mobiclass.cli.progress import ProgressBar, summary_facts, summary_text
from mobiclass.cli.streams import show_native_output, stdin_bytes
from mobiclass.cli.text import safe_text

if TYPE_CHECKING:
    from mobiclass.batch import Batch, BatchSummary
    from mobiclass.outputs import FileOutput

_SAME_SIGNAL_SECONDS: Final = 0.5


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=ANY_PATH)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the results to a .jsonl, .csv or .parquet file.  [default: stdout]",
)  # fmt: skip
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with an earlier run's output, with its options: do what is new, changed or failed.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run's output.")
@click.option(
    "--jobs", metavar="N", type=click.IntRange(1, 256), help="Images classified at once.  [default: one a core]"
)
@click.option("--no-recursive", is_flag=True, help="Stay out of subfolders.")
@click.option("--all-files", is_flag=True, help="In folders, try files of any suffix.")
@click.option("-0", "--null", is_flag=True, help="Lists have a NUL between paths, not a line end.")
@click.option(
    "--report", metavar="FILE.html", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a page to look at, with -o.",
)  # fmt: skip
@model_options
@prediction_options
@format_option
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
    null: bool,
    report: Path | None,
    output_format: str | None,
    quiet: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Classify every image in each SOURCE: folders, files, globs, @FILE or - for a list of paths.

    Every file gets exactly one row, in order: one that cannot be read or decoded gets a row with the reason, and
    the others go on (exit code 4). Ctrl-C finishes what is under way; --resume goes on from there, and from any
    crash.

    \b
    Examples:
      mobiclass batch photos/ -o results.jsonl
      mobiclass batch photos/ -o results.jsonl --resume
      mobiclass batch 'camera/**/*.JPG' -o labels.csv --report labels.html
      find . -name '*.jpg' -print0 | mobiclass batch -0 - -o results.parquet
    """
    from mobiclass.batch import Batch, PredictionOptions
    from mobiclass.errors import DelegateError
    from mobiclass.sources import ImageFinder

    _check_outputs(output, report, output_format, resume=resume, overwrite=overwrite)
    finder = ImageFinder(recursive=not no_recursive, all_files=all_files, null_separated=null)
    finder.check(sources)
    if verbose:
        show_native_output()
    options, jobs = _for_throughput(options, jobs)
    classifier = options.load(quiet=quiet)
    explain(classifier, quiet=quiet, verbose=verbose)
    with _open_output(output, output_format, resume=resume, overwrite=overwrite) as rows:
        run = Batch(classifier, rows, jobs=jobs, options=PredictionOptions(**how))
        try:
            summary, interrupted_by = _run(run, finder.find(sources, stdin_bytes()), quiet=quiet)
        except DelegateError:
            _tell_how_to_go_on("the device failed; once it works, to go on", resumable=output is not None, quiet=quiet)
            raise
        if not interrupted_by:
            if left_out := rows.finish():
                click.echo(f"mobiclass: {safe_text(left_out)}", err=True)
            if report:
                _write_report(rows, report, classifier.model.name, summary)
    _conclude(summary, interrupted_by, resumable=output is not None, quiet=quiet)


def _check_outputs(
    output: Path | None, report: Path | None, output_format: str | None, *, resume: bool, overwrite: bool
) -> None:
    """Refuse what cannot work before anything is done."""
    from mobiclass.errors import SetupError
    from mobiclass.outputs import OUTPUT_SUFFIXES, journal_path

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if output is None:
        for given, name in ((resume, "--resume"), (overwrite, "--overwrite"), (report is not None, "--report")):
            if given:
                raise click.UsageError(f"{name} needs an output file: add -o FILE.jsonl")
        return
    if output_format is not None:
        raise click.UsageError("--format is for stdout; with -o the file's suffix decides")
    if output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise click.UsageError(f"-o {output}: the suffix must be one of {', '.join(OUTPUT_SUFFIXES)}")
    for path in (output, report):
        if path is not None and not path.absolute().parent.is_dir():
            raise SetupError(f"{path}: the folder {path.parent} does not exist; create it first")
    if report is not None and os.path.realpath(report) in map(os.path.realpath, (output, journal_path(output))):
        raise click.UsageError("--report and -o name the same file")
    if report is not None:
        _check_report(report, may_exist=resume or overwrite)


def _check_report(report: Path, *, may_exist: bool) -> None:
    """Refuse to write a page over somebody's photo, or over anything else that is not an older page."""
    from mobiclass.errors import SetupError

    if report.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--report {report}: the suffix must be .html")
    if report.exists() and not may_exist:
        raise SetupError(f"{report}: there is a page already: --overwrite replaces it, and so does --resume")


def _for_throughput(options: ModelOptions, jobs: int | None) -> tuple[ModelOptions, int]:
    """Share the cores out: many single-threaded interpreters do more images a second than one of many threads."""
    from mobiclass.interpreter import available_cores

    threads = options.num_threads or 1
    return options._replace(num_threads=threads), jobs or max(1, available_cores() // threads)


def _open_output(
    output: Path | None, output_format: str | None, *, resume: bool, overwrite: bool
) -> FileOutput | StreamOutput:
    from mobiclass.outputs import FileOutput

    if output is not None:
        return FileOutput(output, resume=resume, overwrite=overwrite)
    return StreamOutput(sys.stdout, row_writer(output_format, sys.stdout, several=True))


def _run(run: Batch, paths: Iterator[str], *, quiet: bool) -> tuple[BatchSummary, int | None]:
    """Run the batch; the first signal lets it finish what is under way, a second one ends it.

    Returns:
        The summary, and the number of the signal that interrupted the batch, if one did.
    """
    received: list[tuple[int, float]] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        # timeout(1) and some shells send one signal twice, to the process and to its group.
        if received and monotonic() - received[0][1] > _SAME_SIGNAL_SECONDS:
            # Not by an exception: the workers would be waited for, and one may hang in a dead network drive.
            os._exit(128 + number)
        received.append((number, monotonic()))
        run.stop()

    bar = ProgressBar(quiet=quiet)
    handlers = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        summary = run.run(paths, bar.update)
    finally:
        bar.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return summary, received[0][0] if summary.interrupted else None


def _write_report(rows: FileOutput | StreamOutput, report: Path, model: str, summary: BatchSummary) -> None:
    from mobiclass.report import write_report

    write_report(rows.rows(), report, title=f"{summary.images} images, {model}", summary=summary_facts(summary))


def _conclude(summary: BatchSummary, interrupted_by: int | None, *, resumable: bool, quiet: bool) -> None:
    """Print the summary and set the exit code."""
    from mobiclass.errors import ImageError

    if not quiet:
        click.echo(summary_text(summary), err=True)
        if not summary.images and not summary.interrupted:
            click.echo("no image was found; in folders --all-files tries files of any suffix", err=True)
    context = click.get_current_context()
    if interrupted_by:
        _tell_how_to_go_on("interrupted; to go on", resumable=resumable, quiet=quiet)
        context.exit(128 + interrupted_by)
    if summary.failed:
        context.exit(ImageError.exit_code)


def _tell_how_to_go_on(why: str, *, resumable: bool, quiet: bool) -> None:
    if resumable and not quiet:
        listed = ", with the same list on standard input" if "-" in sys.argv else ""
        click.echo(f"{why}{listed}:\n  {_resume_command(sys.argv[1:])}", err=True)


def _resume_command(arguments: list[str]) -> str:
    """Give the command that goes on with the run that these `arguments` started."""
    kept = [argument for argument in arguments if argument not in ("--overwrite", "--resume")]
    return " ".join(map(_shell_word, ["mobiclass", *kept[:1], "--resume", *kept[1:]]))


def _shell_word(text: str) -> str:
    """Write `text` so that a shell takes it for one word, and a terminal for nothing else."""
    import shlex

    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(f"\\{byte:03o}" for byte in os.fsencode(text)) + "'"
