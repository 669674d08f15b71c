"""``mobiclass results tag``: labels as keywords, in XMP sidecars or in the photos themselves."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import fraction, verbosity
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.library import Keywords, SidecarStyle, TagSummary

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False, readable=False)
_SHOWN_PROBLEMS: Final = 20


@click.command(cls=GroupedCommand)
@click.argument("rows", metavar="ROWS...", nargs=-1, required=True, type=_FILE)
@option(
    "Output", "--sidecar-style", "style", type=click.Choice(("auto", "photo.jpg.xmp", "photo.xmp")), default="auto",
    show_default=True, help="Name of a photo's sidecar; auto edits the one that exists, else writes photo.jpg.xmp.",
)  # fmt: skip
@option("Output", "--embed", is_flag=True, help="Write keywords into the photos: JPEG, PNG and WebP.")
@option("Output", "--remove", is_flag=True, help="Remove the keywords that this command wrote, and no others.")
@option("Output", "--dry-run", is_flag=True, help="Print what would change, and write nothing.")
@option(
    "Predictions", "--top", metavar="N", type=click.IntRange(min=1),
    help="Write the labels of the N best predictions.  [default: the decision, else the best one]",
)  # fmt: skip
@option(
    "Predictions", "--min-score", metavar="P", type=float, callback=fraction, default=0.0,
    help="Leave out labels with a score below P (0-1).  [default: 0]",
)  # fmt: skip
@option(
    "Predictions", "--taxonomy", metavar="FILE", type=_FILE,
    help="Groups for hierarchical keywords: label,parent per line.  [default: those of ImageNet's classes]",
)  # fmt: skip
@option(
    "Sources", "--root", metavar="DIR", type=_FOLDER,
    help="Folder that relative paths in ROWS start in; photos outside it are refused.  [default: the current one]",
)  # fmt: skip
@verbosity(quiet="Print nothing on stderr but fatal errors.", verbose="Report every photo on stderr.")
def tag(
    rows: tuple[Path, ...],
    style: SidecarStyle,
    embed: bool,
    remove: bool,
    dry_run: bool,
    top: int | None,
    min_score: float,
    taxonomy: Path | None,
    root: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write the labels of ROWS as keywords, where photo programs show them: in XMP sidecars, or in the photos.

    A keyword is the decision's label, or where none was made that of the best prediction; nothing is written for
    unknown photos. Keywords and other metadata that are already there stay as they are, and so does every other byte of
    a photo. The command may be repeated: keywords that it wrote before are replaced. A photo that has changed since it
    was classified is left alone. Exits with 4 if some photos could not be tagged; the others are.

    \b
    Examples:
      mobiclass results tag rows.jsonl --min-score 0.5
      mobiclass results tag rows.jsonl --embed --dry-run
      mobiclass results tag rows.jsonl --remove
    """
    from mobiclass.library import Tagger, TagRun, read_hierarchy, read_rows

    if root and not root.is_dir():
        from mobiclass.errors import SetupError

        raise SetupError(f"{root}: there is no such folder (--root)")
    run = TagRun(
        Tagger(style, embed=embed, dry_run=dry_run),
        read_hierarchy(taxonomy),
        root=root,
        top=top,
        min_score=min_score,
        remove=remove,
    )
    problems = 0

    def problem(message: str) -> None:
        nonlocal problems
        problems += 1
        if not quiet and problems <= _SHOWN_PROBLEMS:
            click.echo(f"mobiclass: {safe_text(message)}", err=True)

    def done(path: str, outcome: str, keywords: Keywords) -> None:
        if verbose or (dry_run and outcome != "unchanged"):
            listed = f": {'; '.join(keywords.subject)}" if outcome == "tagged" else ""
            click.echo(safe_text(f"{outcome:<9}  {path}{listed}"), err=not dry_run)

    summary = run.run(chain.from_iterable(read_rows(path) for path in rows), problem, done)
    _conclude(summary, quiet=quiet, dry_run=dry_run)


def _conclude(summary: TagSummary, *, quiet: bool, dry_run: bool) -> None:
    from mobiclass.errors import ImageError

    if not quiet:
        if summary.problems > _SHOWN_PROBLEMS:
            click.echo(f"mobiclass: … and {summary.problems - _SHOWN_PROBLEMS:,} more", err=True)
        click.echo(_summary_text(summary, dry_run=dry_run), err=True)
    if summary.problems:
        click.get_current_context().exit(ImageError.exit_code)


def _summary_text(summary: TagSummary, *, dry_run: bool) -> str:
    parts = [f"{summary.outcomes['tagged']:,} {'to tag' if dry_run else 'tagged'}"]
    for number, what in (
        (summary.outcomes["removed"], "without keywords now" if not dry_run else "to lose their keywords"),
        (summary.outcomes["unchanged"], "unchanged"),
        (summary.errors, "passed over: not classified"),
        (summary.problems, "failed"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    return ", ".join(parts)
