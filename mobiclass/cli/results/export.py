"""``mobiclass results export``: rows in the form that another program reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import check_csv_bom, csv_bom_option, verbosity

if TYPE_CHECKING:
    from mobiclass.library import ExportFormat
    from mobiclass.results import Row

_FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False, readable=False)
_BY_SUFFIX: Final[dict[str, ExportFormat]] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


@click.command(cls=GroupedCommand)
@click.argument("rows", metavar="ROWS...", nargs=-1, required=True, type=_FILE)
@option(
    "Output", "--format", "output_format",
    type=click.Choice(("csv", "jsonl", "parquet", "megadetector", "label-studio")),
    help="Format: a table, MegaDetector's JSON (Timelapse), or Label Studio's tasks.  [default: by the suffix of -o]",
)  # fmt: skip
@option(
    "Output", "-o", "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write to FILE, whole or not at all.  [default: stdout]",
)  # fmt: skip
@option("Output", "--overwrite", is_flag=True, help="Replace existing files.")
@csv_bom_option
@option("Output", "--exif", is_flag=True, help="Add the time and place of each photo, by its Exif data.")
@option(
    "Output", "--relative-to", metavar="DIR", type=_FOLDER,
    help="Write paths relative to DIR, which must hold all photos.  [default: as they are in ROWS]",
)  # fmt: skip
@option(
    "Output", "--url-prefix", metavar="URL",
    help="For label-studio: what comes before the path of each photo.  [default: /data/local-files/?d=]",
)  # fmt: skip
@option(
    "Output", "--labeling-config", metavar="FILE.xml", type=_FILE,
    help="For label-studio: also write the labeling configuration.",
)  # fmt: skip
@option(
    "Sources", "--root", metavar="DIR", type=_FOLDER,
    help="Folder that relative paths in ROWS start in.  [default: the current one]",
)  # fmt: skip
@verbosity(quiet="Print nothing on stderr but fatal errors.", verbose="Report what was written on stderr.")
def export(
    rows: tuple[Path, ...],
    output_format: ExportFormat | None,
    output: Path | None,
    overwrite: bool,
    csv_bom: bool,
    exif: bool,
    relative_to: Path | None,
    url_prefix: str | None,
    labeling_config: Path | None,
    root: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write ROWS in the form that another program reads.

    Tables have one line per prediction, as those of batch. In MegaDetector's format each photo has one box around all
    of it. A task for Label Studio has the answer as a pre-annotation. Exits with 4 if Exif data were asked for and some
    photos could not be opened; all rows are written.

    \b
    Examples:
      mobiclass results export rows.jsonl -o rows.csv --csv-bom --exif
      mobiclass results export rows.jsonl --format megadetector --relative-to photos/ -o timelapse.json
      mobiclass results export rows.jsonl --format label-studio --labeling-config labels.xml -o tasks.json
    """
    from mobiclass.library import Export, read_rows

    output = None if output == Path("-") else output
    output_format = output_format or _BY_SUFFIX.get(output.suffix.lower() if output else "")
    if output_format is None:
        raise click.UsageError("add --format, or write to a file that ends in .csv, .jsonl or .parquet with -o")
    if output_format == "parquet" and output is None:
        raise click.UsageError("Parquet is not for stdout: add -o FILE.parquet")
    if output_format != "label-studio" and (url_prefix is not None or labeling_config is not None):
        raise click.UsageError("--url-prefix and --labeling-config are for --format label-studio")
    check_csv_bom(csv_bom, output_format)
    _check_files(rows, [path for path in (output, labeling_config) if path], overwrite=overwrite)

    def read() -> Iterator[Row]:
        return chain.from_iterable(read_rows(path) for path in rows)

    run = Export(read, root=root, relative_to=relative_to, exif=exif)
    prefix = {} if url_prefix is None else {"url_prefix": url_prefix}
    run.write(output_format, output, sys.stdout, csv_bom=csv_bom, config=labeling_config, **prefix)
    _conclude(run.unreadable, output, quiet=quiet, verbose=verbose)


def _check_files(rows: Iterable[Path], files: list[Path], *, overwrite: bool) -> None:
    from mobiclass.errors import SetupError

    sources = {os.path.realpath(path) for path in rows}
    if len({os.path.realpath(path) for path in files}) < len(files):
        raise click.UsageError("-o and --labeling-config name the same file")
    for path in files:
        if os.path.realpath(path) in sources:
            raise click.UsageError(f"{path}: would replace the rows that are read")
        if not path.absolute().parent.is_dir():
            raise SetupError(f"{path}: the folder {path.parent} does not exist; create it first")
        if path.exists() and not overwrite:
            raise SetupError(f"{path}: the file exists already; --overwrite replaces it")


def _conclude(unreadable: int, output: Path | None, *, quiet: bool, verbose: bool) -> None:
    from mobiclass.cli.terminal.text import safe_text
    from mobiclass.errors import ImageError

    if verbose and output:
        click.echo(f"{safe_text(str(output))}: written", err=True)
    if unreadable:
        if not quiet:
            click.echo(
                f"mobiclass: {unreadable:,} photos could not be opened, so their Exif fields are empty; "
                "relative paths start in the current folder, or in --root",
                err=True,
            )
        click.get_current_context().exit(ImageError.exit_code)
