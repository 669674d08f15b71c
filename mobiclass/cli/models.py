"""``mobiclass models``: find a model's file; to look into one is `mobiclass.cli.models_show`'s business."""

from __future__ import annotations

import os

import click

from mobiclass.cli.models_show import show


@click.group()
def models() -> None:
    """Find models and look into them."""


models.add_command(show)


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Print the path of the model NAME, and nothing else.

    \b
    Example:
      cp "$(mobiclass models path efficientnet_lite0)" .
    """
    from mobiclass.catalog import find_model

    # As the bytes that the file system has: a name that is not UTF-8 must still lead to the file.
    click.echo(os.fsencode(find_model(name)))
