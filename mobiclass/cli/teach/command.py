"""``mobiclass teach``: a model of one's own classes, from a few photos of each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from mobiclass.choices import RunOptions
from mobiclass.cli.evaluate.evaluated_models import left_out
from mobiclass.cli.long_runs import check_files
from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import (
    ANY_PATH,
    all_files_option,
    allow_truncated_option,
    base_options,
    exclude_option,
    jobs_option,
    verbosity,
)
from mobiclass.cli.output import suggest_allow_truncated, tell_doubts
from mobiclass.cli.signals import loaded
from mobiclass.cli.teach.summary import report_facts, summary_json, summary_text
from mobiclass.cli.terminal.progress import ProgressBar
from mobiclass.cli.terminal.text import echo_notice
from mobiclass.errors import ImageError, SetupError
from mobiclass.results import printable_utf8

if TYPE_CHECKING:
    from mobiclass.batch import Exclusion
    from mobiclass.teaching import Lesson, Photo, Taught

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)


@click.command(cls=GroupedCommand)
@click.argument("folder", metavar="[DIR]", required=False, type=ANY_PATH)
@option(
    "Output", "-o", "--output", metavar="MODEL.tflite", type=_FILE, required=True, help="The taught model.",
)  # fmt: skip
@option(
    "Sources", "--truth", "truth_file", metavar="FILE", type=_FILE,
    help="Label table: photo,label per line, for photos that are not in class folders; paths start in DIR.",
)  # fmt: skip
@option(
    "Sources", "--append", metavar="MODEL", type=_FILE,
    help="Taught model whose photos count too; it holds their features, so that they need not be here.",
)  # fmt: skip
@option("Sources", "--remove", metavar="CLASS", multiple=True, help="Drop a class of --append; repeatable.")
@all_files_option
@exclude_option
@base_options
@jobs_option
@allow_truncated_option
@option(
    "Execution", "--seed", metavar="N", type=click.IntRange(0, 2**32 - 1),
    help="Seed of the crops that photos are varied by.  [default: 0]",
)  # fmt: skip
@option(
    "Output", "--report", metavar="FILE.html", type=_FILE,
    help="Also write an HTML report: photos that look mislabelled first.",
)  # fmt: skip
@option("Output", "--overwrite", is_flag=True, help="Replace the model and the report if they exist.")
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True,
    help="Output format on stdout.",
)  # fmt: skip
@verbosity(
    quiet="Print nothing on stderr but fatal errors.",
    verbose="Report the base, its features and what was chosen on stderr.",
)
def teach(
    folder: str | None,
    output: Path,
    truth_file: Path | None,
    append: Path | None,
    remove: tuple[str, ...],
    all_files: bool,
    exclusion: Exclusion,
    base: str | None,
    preprocessing: Mapping[str, Any],
    run: RunOptions,
    jobs: int | None,
    allow_truncated: bool,
    seed: int | None,
    report: Path | None,
    overwrite: bool,
    output_format: str,
    quiet: bool,
    verbose: bool,
) -> None:
    """Teach a model the classes of the photos DIR/<class>/<photo>, or of a table (--truth).

    The model is a new head on the features of a base model, fitted on this machine in seconds; five photos a class
    are a beginning, twenty are good. It is an ordinary .tflite, with its labels, for predict, batch, evaluate and any
    other program. How good it is is told by photos that were held out.

    Photos that cannot be read are named, and are not taught (exit code 4). Features are cached, so that teaching again
    after adding photos takes the new ones only; --append needs the earlier photos no more.

    \b
    Examples:
      mobiclass teach photos/ -o birds.tflite
      mobiclass teach photos/ -o birds.tflite -m mobilenet_v2_1.0_224_quant --overwrite
      mobiclass teach more/ --append birds.tflite -o birds2.tflite
      mobiclass teach --append birds2.tflite --remove sparrow -o birds3.tflite
    """
    _check_options(folder, output, truth_file, append, remove, preprocessing, overwrite=overwrite)
    check_files(None, "-o", report, may_exist=overwrite)
    from mobiclass._system import atomic_write, available_cores
    from mobiclass.teaching import Lesson, teach_classes, use_one_thread

    use_one_thread()
    photos = _find_photos(folder, truth_file, all_files=all_files, exclusion=exclusion, quiet=quiet)
    threads = run.num_threads or 1
    lesson = Lesson(
        photos=photos,
        base=None if append is not None and _from_environment("base") else base,
        preprocessing=preprocessing,
        append=append,
        remove=remove,
        seed=seed,
        run=run._replace(num_threads=threads),
        jobs=jobs or max(1, available_cores() // threads),
        allow_truncated=allow_truncated,
    )
    _check_base(lesson, output)
    bar = ProgressBar(quiet=quiet)
    try:
        taught = teach_classes(
            lesson,
            str(output),
            progress=lambda so_far, total: bar.update(so_far, total, True),
            loaded=loaded,
            notify=None if quiet else echo_notice,
        )
    finally:
        bar.close()
    with atomic_write(output) as file:
        file.write(taught.content)
    if report:
        _write_report(taught, report, output)
    _tell(taught, output, quiet=quiet, verbose=verbose)
    _print(taught, output, output_format)
    if taught.gathered.extraction.errors:
        kinds = {error.kind for error in taught.gathered.extraction.errors}
        suggest_allow_truncated(kinds, allowed=allow_truncated, quiet=quiet)
        click.get_current_context().exit(ImageError.exit_code)


def _check_options(
    folder: str | None,
    output: Path,
    truth_file: Path | None,
    append: Path | None,
    remove: tuple[str, ...],
    preprocessing: Mapping[str, Any],
    *,
    overwrite: bool,
) -> None:
    """Refuse what cannot work before anything is done."""
    if folder is None and not (append and remove):
        raise click.UsageError("give the folder of the photos: DIR/<class>/<photo>")
    if folder is None and truth_file is not None:
        raise click.UsageError("--truth needs the folder that its paths start in: DIR")
    if remove and append is None:
        raise click.UsageError("--remove needs the taught model that has the class: --append MODEL")
    if preprocessing and append is not None:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in preprocessing)
        raise click.UsageError(f"{names} with --append: the photos of the taught model have its preprocessing")
    if output.suffix.lower() != ".tflite":
        raise click.UsageError(f"-o {output}: the suffix must be .tflite")
    if not output.absolute().parent.is_dir():
        raise SetupError(f"{output}: the folder {output.parent} does not exist; create it first")
    if output.exists() and not overwrite:
        raise SetupError(f"{output}: the file exists already; --overwrite replaces it")


def _from_environment(name: str) -> bool:
    """Whether an option's value is the environment's; to a model that is taught more, that one means nothing."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.ENVIRONMENT


def _check_base(lesson: Lesson, output: Path) -> None:
    """Refuse to write the taught model over its base, which later teaching may need."""
    from mobiclass.hub import find_model

    if lesson.append is None and os.path.realpath(find_model(lesson.base)) == os.path.realpath(output):
        raise click.UsageError(f"-o {output}: it is the base itself; give the taught model another name")


def _find_photos(
    folder: str | None, truth_file: Path | None, *, all_files: bool, exclusion: Exclusion, quiet: bool
) -> list[Photo]:
    """List the photos with their labels.

    Raises:
        ClassesError: a class has no photos, or a name that cannot be a label.
        SetupError: the folder or the table cannot be read.
    """
    from mobiclass.errors import ClassesError
    from mobiclass.evaluation import list_photos, names_of_other_things
    from mobiclass.teaching import Photo, class_labels

    if folder is None:
        return []
    photos = list_photos(folder, truth_file, all_files=all_files, exclusion=exclusion)
    others = names_of_other_things(photos.names, None)
    names = tuple(name for name in photos.names if name not in others)
    if others and not quiet:
        echo_notice(
            f"{', '.join(map(repr, others))}: not taught: photos of other things are told without examples of them"
        )
    labels = class_labels(names)
    found = [Photo(labels[photos.name_of(path)], path) for path in photos.paths(names)]
    if empty := sorted(set(labels.values()) - {photo.label for photo in found}):
        raise ClassesError(f"{folder}: {photos.unit} without photos: {', '.join(map(repr, empty))}; add some or "
                           "leave them out with --exclude")  # fmt: skip
    for line in () if quiet else left_out(photos):
        echo_notice(line)
    return found


def _tell(taught: Taught, output: Path, *, quiet: bool, verbose: bool) -> None:
    """Say on stderr what was not taught, what was chosen and why."""
    if quiet:
        return
    tell_doubts(taught.base)
    for line in (*map(str, taught.gathered.extraction.errors), *taught.gathered.left_out):
        echo_notice(f"not taught: {line}")
    if verbose:
        for line in taught.choices:
            echo_notice(line)
    for suffix in (".labels.txt", ".json"):
        if (beside := output.with_name(f"{output.stem}{suffix}")).exists():
            echo_notice(
                f"{beside} lies beside the model and overrides what the model says of itself; it may be outdated"
            )
    if taught.fitted.rule is None:
        echo_notice(
            "photos of other things are given one of the classes: to tell them, 5 different photos of each class are "
            "needed"
        )


def _write_report(taught: Taught, report: Path, output: Path) -> None:
    from mobiclass.report import write_report
    from mobiclass.teaching import report_rows

    title = f"Photos taught to {printable_utf8(output.name)}"
    write_report(report_rows(taught), report, title=title, summary=report_facts(taught))


def _print(taught: Taught, output: Path, output_format: str) -> None:
    if output_format == "json":
        import json

        click.echo(json.dumps(summary_json(taught, output), ensure_ascii=False, indent=2))
    else:
        click.echo(summary_text(taught, output))
