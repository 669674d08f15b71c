"""``mobiclass models``: the group of its subcommands, and ``models path``, the shortest of them."""

from __future__ import annotations

import os

import click

from mobiclass.cli.models.calibrate import calibrate
from mobiclass.cli.models.list import list_models
from mobiclass.cli.models.location import explain_location, location_verbosity
from mobiclass.cli.models.pull import pull
from mobiclass.cli.models.recommend import recommend
from mobiclass.cli.models.show import show
from mobiclass.cli.option_groups import GroupedCommand


@click.group()
def models() -> None:
    """List, fetch, inspect, recommend and calibrate models.

    \b
    Examples:
      mobiclass models list
      mobiclass models pull mobilenet_v2_1.0_224_quant
      mobiclass models show mobilenet_v2_1.0_224_quant --layers
      mobiclass models calibrate efficientnet_lite0 photos/
      mobiclass models recommend photos/ --max-latency 20
    """


models.add_command(calibrate)
models.add_command(recommend)
models.add_command(list_models)
models.add_command(pull)
models.add_command(show)


@models.command(cls=GroupedCommand)
@click.argument("name")
@location_verbosity
def path(name: str, quiet: bool, verbose: bool) -> None:
    """Print the path of the model NAME, and nothing else.

    \b
    Examples:
      cp "$(mobiclass models path efficientnet_lite0)" .
    """
    from mobiclass.hub import find_model

    found = find_model(name)
    if verbose:
        explain_location(found)
    # As the bytes that the file system has: a name that is not UTF-8 must still lead to the file.
    click.echo(os.fsencode(found))
