"""What the commands over many photos share: checking files, sharing cores, Ctrl-C, how to resume."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass.cli.options import ModelOptions
from mobiclass.cli.terminal.progress import ProgressBar
from mobiclass.cli.terminal.text import safe_text
from mobiclass.errors import DelegateError

if TYPE_CHECKING:
    from mobiclass.batch import Batch, BatchSummary, FileOutput, RowOptions
    from mobiclass.classifier import Classifier
    from mobiclass.tflite import ModelInfo

_SAME_SIGNAL_SECONDS: Final = 0.5


def check_files(output: Path | None, option: str, report: Path | None, *, may_exist: bool) -> None:
    """Refuse impossible files for rows (given with `option`) and for a report.

    Whether there are rows already is checked when they are opened; a report must be new, unless it `may_exist`.
    """
    from mobiclass.batch import OUTPUT_SUFFIXES, journal_path
    from mobiclass.errors import SetupError

    if output is not None and output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise click.UsageError(f"{option} {output}: the suffix must be one of {', '.join(OUTPUT_SUFFIXES)}")
    for path in (output, report):
        if path is not None and not path.absolute().parent.is_dir():
            raise SetupError(f"{path}: the folder {path.parent} does not exist; create it first")
    if report is None:
        return
    if output is not None and os.path.realpath(report) in map(os.path.realpath, (output, journal_path(output))):
        raise click.UsageError(f"--report and {option} name the same file")
    _check_report(report, may_exist=may_exist)


def _check_report(report: Path, *, may_exist: bool) -> None:
    """Refuse to overwrite somebody's photo, or anything else that is not an earlier report."""
    from mobiclass.errors import SetupError

    if report.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--report {report}: the suffix must be .html")
    if report.exists() and not may_exist:
        raise SetupError(f"{report}: the report exists already; --overwrite or --resume replaces it")


def for_throughput(options: ModelOptions, jobs: int | None) -> tuple[ModelOptions, int]:
    """Divide the cores: many single-threaded interpreters do more images per second than one with many threads."""
    from mobiclass._system import available_cores

    threads = options.run.num_threads or 1
    return options._replace(run=options.run._replace(num_threads=threads)), jobs or max(1, available_cores() // threads)


def row_options(classifier: Classifier, model: ModelOptions, **prediction: Any) -> RowOptions:
    """Gather the options that shape rows: those of `model`, which `classifier` was loaded with, and of `prediction`."""
    from mobiclass.batch import RowOptions

    given = model._asdict() | prediction
    if model.labels is not None:  # as they were read: the file may be a pipe
        given["labels"] = _digest(classifier.model.labels)
    choice = classifier.choice
    given["decide"] = choice.decider is not None
    given["thresholds"] = choice.label_scores and _digest(sorted(choice.label_scores.items()))
    given["only"] = choice.allowed and _digest(choice.allowed)
    given["rules"] = _rules_beside(classifier.model) if choice.decider else None
    return RowOptions(**{field.name: given[field.name] for field in fields(RowOptions) if field.name in given})


def _rules_beside(model: ModelInfo) -> str | None:
    """Digest the rules and the groups that are in files beside the model."""
    from mobiclass.decisions import sidecar_taxonomy

    groups = sidecar_taxonomy(model)
    rules = model.rules if model.sources["rules"] == f"{model.name}.json" else None
    return None if groups is None and rules is None else _digest([rules, groups and groups.decode()])


def _digest(value: Any) -> str:
    import json
    from hashlib import sha256

    return sha256(json.dumps(value).encode("ascii")).hexdigest()


def run_until_signal(
    run: Batch, paths: Iterator[str], *, resumable: bool, quiet: bool
) -> tuple[BatchSummary, int | None]:
    """Run the batch; after a first signal it finishes the images in flight, a second one ends it at once.

    If the device fails and the batch is `resumable`, stderr says how to resume it.

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
    except DelegateError:
        bar.close()
        tell_how_to_resume("the device failed; once it works, to resume", resumable=resumable, quiet=quiet)
        raise
    finally:
        bar.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return summary, received[0][0] if summary.interrupted else None


def finish_output(output: FileOutput) -> None:
    """Complete the output of a whole run, and say on stderr which earlier rows are not in it."""
    if left_out := output.finish():
        click.echo(f"mobiclass: {safe_text(left_out)}", err=True)


def tell_how_to_resume(why: str, *, resumable: bool, quiet: bool) -> None:
    """Say on stderr `why` a run ended early and, if it is `resumable`, the command that resumes it."""
    if resumable and not quiet:
        listed = ", with the same list on standard input" if "-" in sys.argv else ""
        click.echo(f"{why}{listed}:\n  {_resume_command(sys.argv[1:])}", err=True)


def _resume_command(arguments: list[str]) -> str:
    """Give the command that resumes the run that these `arguments` started."""
    kept = [argument for argument in arguments if argument not in ("--overwrite", "--resume")]
    return " ".join(map(_shell_word, ["mobiclass", *kept[:1], "--resume", *kept[1:]]))


def _shell_word(text: str) -> str:
    """Quote `text` as one word for a shell, without characters that control a terminal."""
    import shlex

    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(f"\\{byte:03o}" for byte in os.fsencode(text)) + "'"
