"""``mobiclass models``: find a model's file, and show what the model says of itself; list and pull are beside it."""

from __future__ import annotations

import os

import click

from mobiclass.cli.models_list import list_models
from mobiclass.cli.models_pull import pull
from mobiclass.cli.options import ANY_PATH


@click.group()
def models() -> None:
    """Find models, fetch them and look into them."""


models.add_command(list_models)
models.add_command(pull)


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


@models.command()
@click.argument("model", metavar="NAME|PATH", type=ANY_PATH)
@click.option("--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True)
def show(model: str, output_format: str) -> None:
    """Show what a model says of itself, and where each fact comes from.

    The model is not run: no runtime is needed.

    \b
    Examples:
      mobiclass models show efficientnet_lite0
      mobiclass models show ./mobilenet_v2.tflite --format json
    """
    from mobiclass.catalog import find_model
    from mobiclass.cli.description import facts_text, model_facts, model_json
    from mobiclass.model import read_model

    info = read_model(find_model(model))
    if output_format == "json":
        import json

        click.echo(json.dumps(model_json(info), ensure_ascii=False, indent=2))
    else:
        click.echo(facts_text(model_facts(info)))
