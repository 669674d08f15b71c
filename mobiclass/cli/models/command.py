"""``mobiclass models``: find a model's file; listing, fetching and looking into models stand beside it."""

from __future__ import annotations

import os

import click

from mobiclass.cli.models.list import list_models
from mobiclass.cli.models.location import explain_location, location_verbosity
from mobiclass.cli.models.pull import pull
from mobiclass.cli.models.show import show
from mobiclass.cli.option_groups import GroupedCommand


@click.group()
def models() -> None:
    """Find models, fetch them and look into them."""


models.add_command(list_models)
models.add_command(pull)
models.add_command(show)


@models.command(cls=GroupedCommand)
@click.argument("name")
@location_verbosity
def path(name: str, quiet: bool, verbose: bool) -> None:
    """Print the path of the model NAME, and nothing else.

    \b
    Example:
      cp "$(mobiclass models path efficientnet_lite0)" .
    """
    from mobiclass.hub import find_model

    found = find_model(name)
    if verbose:
        explain_location(found)
    # As the bytes that the file system has: a name that is not UTF-8 must still lead to the file.
    click.echo(os.fsencode(found))
