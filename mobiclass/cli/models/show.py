"""``mobiclass models show``: the metadata and layers of a model, and a photo as its input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from mobiclass.cli.models.location import explain_location, location_verbosity
from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import ANY_PATH, description_options
from mobiclass.cli.terminal.text import safe_text, terminal_width

if TYPE_CHECKING:
    from mobiclass.cli.model_facts import Fact
    from mobiclass.tflite import ModelFile, ModelInfo

_ALL_COLUMNS: Final = 200  # into a file or a pipe


@click.command(cls=GroupedCommand)
@click.argument("model", metavar="NAME|PATH", type=ANY_PATH)
@option(
    "Output", "--layers", is_flag=True,
    help="Also list every layer: shape, parameters, multiply-adds and Edge TPU support.",
)  # fmt: skip
@option(
    "Output", "--preprocess", "photo", metavar="PHOTO", type=ANY_PATH,
    help="Also write PHOTO as the model's input, pixel by pixel, to -o FILE.png.",
)  # fmt: skip
@option(
    "Output", "-o", "--output", metavar="FILE.png", type=click.Path(path_type=Path, dir_okay=False),
    help="Image file for --preprocess.",
)  # fmt: skip
@option("Output", "--overwrite", is_flag=True, help="Replace FILE.png if it exists.")
@description_options
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True,
    help="Output format on stdout.",
)  # fmt: skip
@location_verbosity
def show(
    model: str,
    layers: bool,
    photo: str | None,
    output: Path | None,
    overwrite: bool,
    output_format: str,
    quiet: bool,
    verbose: bool,
    labels: str | None,
    **overrides: Any,
) -> None:
    """Show the metadata of a model, and the source of each fact.

    The model is not run: no runtime is needed.

    --layers lists the operators in execution order, with parameters and multiply-adds as counted in the file and as
    published; int8/ch weights are quantized per channel, int8/t per tensor. It works for any .tflite file, classifier
    or not.

    \b
    Examples:
      mobiclass models show efficientnet_lite0
      mobiclass models show ./mobilenet_v2.tflite --layers --format json
      mobiclass models show efficientnet_lite0 --preprocess photo.jpg -o seen.png
    """
    from mobiclass.errors import SetupError
    from mobiclass.hub import find_model
    from mobiclass.labels import read_labels
    from mobiclass.tflite import override_facts, read_model

    _check_picture(photo, output, overwrite=overwrite)
    path = find_model(model)
    if verbose:
        explain_location(path)
    try:
        listed = read_labels(Path(labels)) if labels is not None else None
        info = read_model(path, override_facts(labels=listed, **overrides))
    except SetupError as error:
        if not layers or photo is not None:
            raise
        description = _describe_any(path, str(error))
    else:
        description = _describe_classifier(info)
        if photo is not None and output is not None:
            _write_picture(info, photo, output, quiet=quiet)
    _print(description, output_format, layers=layers)


class _Description(NamedTuple):
    """A model's facts for the table, and its fields for JSON."""

    model: ModelFile
    facts: Callable[[], list[Fact]]
    fields: Callable[[], dict[str, Any]]


def _describe_classifier(info: ModelInfo) -> _Description:
    from mobiclass.cli.model_facts import model_facts, model_json

    return _Description(info, lambda: model_facts(info), lambda: model_json(info))


def _describe_any(path: Path, reason: str) -> _Description:
    """Describe a model that is not a usable classifier, for `reason`.

    Raises:
        ModelError: it is no model at all.
    """
    from mobiclass.cli.model_facts import graph_facts, graph_json
    from mobiclass.tflite import read_graph, read_model_file

    model = read_model_file(path)
    graph = read_graph(model.content, str(path))
    reason = reason.removeprefix(f"{path}: ").removeprefix("no image classifier: ")
    return _Description(model, lambda: graph_facts(model, graph, reason), lambda: graph_json(model, graph, reason))


def _print(description: _Description, output_format: str, *, layers: bool) -> None:
    from mobiclass.inspection import inspect_model

    model = description.model
    inspection = inspect_model(model.content, str(model.path)) if layers else None
    if output_format == "json":
        import json

        from mobiclass.cli.models.layer_json import layers_json

        fields = description.fields() | (layers_json(inspection) if inspection else {})
        click.echo(json.dumps(fields, ensure_ascii=False, indent=2))
        return
    from mobiclass.cli.model_facts import facts_text
    from mobiclass.cli.models.layer_table import layers_text

    click.echo(facts_text(description.facts()))
    if inspection:
        click.echo(f"\n{layers_text(inspection, terminal_width(sys.stdout, otherwise=_ALL_COLUMNS))}")


def _check_picture(photo: str | None, output: Path | None, *, overwrite: bool) -> None:
    """Refuse what cannot work, or would cost somebody a photo, before anything is done."""
    from mobiclass.errors import SetupError

    if output is None:
        if photo is not None:
            raise click.UsageError("--preprocess needs a file to write: add -o FILE.png")
        if overwrite:
            raise click.UsageError("--overwrite needs --preprocess PHOTO")
        return
    if photo is None:
        raise click.UsageError("-o needs --preprocess PHOTO")
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"-o {output}: the suffix must be .png, a lossless format")
    if os.path.realpath(output) == os.path.realpath(photo):
        raise click.UsageError("--preprocess and -o name the same file")
    if output.exists() and not overwrite:
        raise SetupError(f"{output}: the file exists already; --overwrite replaces it")


def _write_picture(info: ModelInfo, photo: str, output: Path, *, quiet: bool) -> None:
    from mobiclass.images import write_preview

    write_preview(info, photo, output)
    if not quiet:
        size = f"{info.width}×{info.height} pixels"
        click.echo(f"mobiclass: wrote {safe_text(str(output))}: the input of {safe_text(info.name)}, {size}", err=True)
