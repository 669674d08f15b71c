"""``mobiclass results sort``: photos into folders by their labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import verbosity_options
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.library import SortSummary

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False, readable=False)
_SHOWN_PROBLEMS: Final = 20


@click.command(cls=GroupedCommand)
@click.argument("rows", metavar="ROWS...", nargs=-1, type=_FILE)
@option("Output", "--into", metavar="DIR", type=_FOLDER, required=True, help="Folder to sort into.")
@option("Output", "--copy", "mode", flag_value="copy", default=True, help="Copy the photos (the default).")
@option("Output", "--link", "mode", flag_value="link", help="Link to the photos (hard links, else symbolic ones).")
@option("Output", "--move", "mode", flag_value="move", help="Move the photos, each logged first.")
@option("Output", "--undo", is_flag=True, help="Put back what --move moved into DIR; takes no ROWS.")
@option("Output", "--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@option(
    "Predictions", "--by", type=click.Choice(("label", "group", "date")), default="label", show_default=True,
    help="Folder of a photo: its label, the group that this is in, or the day on which it was taken.",
)  # fmt: skip
@option(
    "Predictions", "--taxonomy", metavar="FILE", type=_FILE,
    help="Groups for --by group: label,parent per line.  [default: those of ImageNet's classes]",
)  # fmt: skip
@option(
    "Predictions", "--min-score", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Least score of an answer; photos below it stay where they are.",
)  # fmt: skip
@option(
    "Predictions",
    "--top",
    type=click.IntRange(1),
    help="Take only the N photos with the highest scores of each folder.",
)
@option("Sources", "--root", metavar="DIR", type=_FOLDER, help="Folder that relative paths in ROWS start in.")
@verbosity_options
def sort(
    rows: tuple[Path, ...],
    into: Path,
    mode: Literal["copy", "link", "move"],
    undo: bool,
    dry_run: bool,
    by: Literal["label", "group", "date"],
    taxonomy: Path | None,
    min_score: float,
    top: int | None,
    root: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Put the photos of ROWS into folders by their labels: DIR/<label>/<photo>.

    The label is the decision's, or where none was made that of the best prediction. Photos without a sure answer go to
    DIR/unknown/, those that could not be classified to DIR/errors/. Two photos of one name in one folder both get a
    mark made of their paths. Nothing is ever overwritten: run the command again to complete what was interrupted, or
    to add photos. --move takes only photos that are as they were when they were classified. Exits with 4 if some
    photos could not be sorted; the others are.

    \b
    Examples:
      mobiclass results sort rows.jsonl --into sorted/
      mobiclass results sort rows.jsonl --into sorted/ --link --by group --min-score 0.8
      mobiclass results sort rows.jsonl --into sorted/ --move --dry-run
      mobiclass results sort --into sorted/ --undo
    """
    from mobiclass.library import Sorter, folder_of, read_rows, undo_sorting

    tell = _print_plan if dry_run else None
    if undo:
        if rows:
            raise click.UsageError("--undo takes no ROWS: it reads the log in --into")
        summary = undo_sorting(into, tell=tell)
        _conclude(summary, "put back", quiet=quiet, dry_run=dry_run)
        return
    if not rows:
        raise click.UsageError("give the rows to sort by: ROWS...")
    if taxonomy and by != "group":
        raise click.UsageError("--taxonomy is for --by group")
    sorter = Sorter(
        into,
        mode,
        folder_of(by, taxonomy),
        root=root,
        min_score=min_score,
        top=top,
        tell=tell,
    )
    summary = sorter.run(lambda: chain.from_iterable(read_rows(path) for path in rows))
    _conclude(summary, {"copy": "copied", "link": "linked", "move": "moved"}[mode], quiet=quiet, dry_run=dry_run)


def _print_plan(line: str) -> None:
    click.echo(safe_text(line))


def _conclude(summary: SortSummary, done: str, *, quiet: bool, dry_run: bool = False) -> None:
    from mobiclass.errors import ImageError

    if not quiet:
        for line in _lines(summary, done, dry_run=dry_run):
            click.echo(line, err=True)
    if summary.problems:
        click.get_current_context().exit(ImageError.exit_code)


def _lines(summary: SortSummary, done: str, *, dry_run: bool) -> Iterator[str]:
    for path, problem in summary.problems[:_SHOWN_PROBLEMS]:
        yield f"mobiclass: {safe_text(path)}: {safe_text(problem)}"
    if len(summary.problems) > _SHOWN_PROBLEMS:
        yield f"mobiclass: … and {len(summary.problems) - _SHOWN_PROBLEMS:,} more"
    for folder, photos in summary.folders.most_common():
        if photos:
            yield f"{photos:8,}  {safe_text(folder)}"
    if dry_run:
        yield "nothing was done (--dry-run)"
        return
    parts = [f"{summary.transferred:,} {done}"]
    for number, what in (
        (summary.present, "in place already"),
        (summary.symbolic, "of the links are symbolic"),
        (summary.left_out, "left out"),
        (len(summary.problems), "failed"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    yield ", ".join(parts)
