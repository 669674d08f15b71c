"""``mobiclass results review``: a page with the photos that a person should look at first."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import verbosity_options
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.library import Selection

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_CSV_NAME: Final = "corrections.csv"


@click.command(cls=GroupedCommand)
@click.argument("rows", metavar="ROWS...", nargs=-1, required=True, type=_FILE)
@option("Output", "-o", "--output", metavar="FILE.html", type=_FILE, required=True, help="The page.")
@option("Output", "--overwrite", is_flag=True, help="Replace an existing page.")
@option(
    "Sources", "--against", metavar="ROWS", type=_FILE,
    help="Rows of another run over the same photos: those answered differently come first.",
)  # fmt: skip
@option(
    "Sources", "--root", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="Folder that relative paths start in, also in the corrections.  [default: the current one]",
)  # fmt: skip
@option("Sources", "--limit", type=click.IntRange(1, 20_000), default=200, show_default=True, help="Number of photos.")
@option(
    "Sources", "--per-label", type=click.IntRange(0, 1000), default=2, show_default=True,
    help="Random photos of each label among them.",
)  # fmt: skip
@option("Sources", "--seed", type=int, default=0, show_default=True, help="Seed of the random choice.")
@verbosity_options
def review(
    rows: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    against: Path | None,
    root: Path | None,
    limit: int,
    per_label: int,
    seed: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write a page with the photos of ROWS that a person should look at first.

    These are, in turns: photos that two runs answer differently (--against), unknown ones, the least sure, and a random
    sample of each label. Photos that look alike are shown once. The page works without a network or a server: open it
    in a browser, press 1-9 to choose one of the predictions or 0 for none of them, and download corrections.csv.
    That file is a --truth for evaluate and teach.

    \b
    Examples:
      mobiclass results review rows.jsonl -o review.html
      mobiclass results review new.jsonl --against old.jsonl -o changed.html
      mobiclass evaluate photos/ --truth corrections.csv
    """
    from mobiclass.library import read_rows, select_for_review
    from mobiclass.report import Review, write_report

    _check_output(output, rows, overwrite=overwrite)
    selection = select_for_review(
        chain.from_iterable(read_rows(path) for path in rows),
        against=read_rows(against) if against else None,
        limit=limit,
        per_label=per_label,
        seed=seed,
        root=root,
    )
    if not quiet:
        _tell(selection)
    if not selection.rows:
        from mobiclass.errors import SetupError

        raise SetupError(
            f"{rows[0]}: no photo to review; relative paths start in {root or 'the current folder'} (--root)"
        )
    none = "none" if "none" not in selection.labels else "unknown"
    write_report(
        selection.rows,
        output,
        title=f"Review of {len(selection.rows)} photos",
        summary={"rows": f"{selection.seen:,}"},
        review=Review(selection.labels, none, _CSV_NAME),
    )
    if not quiet:
        click.echo(f"{safe_text(str(output))}: {len(selection.rows)} of {selection.seen:,} photos to review", err=True)


def _check_output(output: Path, rows: tuple[Path, ...], *, overwrite: bool) -> None:
    from mobiclass.errors import SetupError

    if output.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"-o {output}: the suffix must be .html")
    if not output.absolute().parent.is_dir():
        raise SetupError(f"{output}: the folder {output.parent} does not exist; create it first")
    if output.exists() and not overwrite:
        raise SetupError(f"{output}: the page exists already; --overwrite replaces it")


def _tell(selection: Selection) -> None:
    """Say on stderr which photos could not be taken."""
    for number, what in (
        (selection.failed, "rows have an error instead of an answer"),
        (selection.gone, "chosen photos cannot be read any more"),
        (selection.unnamed, "chosen photos have a name that is not UTF-8, which a table of corrections cannot hold"),
        (selection.alike, "photos look like one that is on the page"),
    ):
        if number:
            click.echo(f"mobiclass: left out: {number:,} {what}", err=True)
