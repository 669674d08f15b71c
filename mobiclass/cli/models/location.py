"""Where a model was found: what ``-v`` adds to the commands that look for one."""

from __future__ import annotations

from pathlib import Path

import click

from mobiclass.cli.options import verbosity
from mobiclass.cli.terminal.text import safe_text

location_verbosity = verbosity(
    quiet="Print nothing on stderr but errors.", verbose="Report where the model was found on stderr."
)


def explain_location(path: Path) -> None:
    """Say on stderr which place the model file at `path` was found in."""
    from mobiclass.hub import cache_folder, data_folder

    places = {data_folder(): "built-in model", cache_folder(): "model in the cache folder"}
    place = places.get(path.parent, "model file outside the cache folder")
    click.echo(f"{place}: {safe_text(str(path))}", err=True)
