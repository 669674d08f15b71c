"""``mobiclass models list``: the known models and those in the cache, as a table or JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import verbosity
from mobiclass.cli.terminal.text import fit_text, safe_text, terminal_width, text_width

if TYPE_CHECKING:
    from mobiclass.hub import KnownModel

_MARKS: Final = {"built-in": "●", "pulled": "●", "own": "●", "damaged": "✗", "partial": "◐", "not here": " "}
_HEADINGS: Final = ("α", "px", "MB", "top-1", "licence", "TPU")
_CELLS: Final = (4, 3, 4, 5, 11, 3)
_BESIDE_THE_NAME: Final = 2 + sum(_CELLS) + len(_CELLS)  # the mark, the columns, a blank before each
_WIDEST_NAME: Final = 48


@click.command("list", cls=GroupedCommand)
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True,
    help="Output format on stdout.",
)  # fmt: skip
@verbosity(
    quiet="Print the table without its legend.",
    verbose="Report the cache folder, the download source and the free memory on stderr.",
)
def list_models(output_format: str, quiet: bool, verbose: bool) -> None:
    """List the known models: availability, input, size, accuracy, licence.

    Your own models in the cache folder (MOBICLASS_CACHE) are listed too. Cached files are checked by their SHA-256, and
    a damaged one is marked.

    \b
    Examples:
      mobiclass models list
      mobiclass models list --format json
    """
    from mobiclass._system import available_bytes
    from mobiclass.hub import known_models

    models, available = known_models(), available_bytes()
    if verbose:
        _explain(available)
    if output_format == "json":
        import json

        click.echo(json.dumps([_json(model, available) for model in models], ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join([*_table(models, available), *([] if quiet else ["", *_legend(models, available)])]))


def _explain(available: int | None) -> None:
    """Say on stderr where models are kept, where they would be fetched from, and how much memory is free."""
    from mobiclass.errors import DownloadError
    from mobiclass.hub import cache_folder, catalog_entries, is_offline, source_url

    source = "the URLs in the catalogue"
    if os.environ.get("MOBICLASS_MIRROR"):
        try:
            remote = next(entry for entry in catalog_entries().values() if entry.url)
            source = f"{source_url(remote).rpartition('/')[0]} (MOBICLASS_MIRROR)"
        except DownloadError as error:
            source = str(error)
    if is_offline():
        source += "; MOBICLASS_OFFLINE is set"
    memory = "unknown" if available is None else f"{available / 1e6:,.0f} MB"
    for name, text in (("cache", os.fspath(cache_folder())), ("source", source), ("free memory", memory)):
        click.echo(f"{name:<11}  {safe_text(text)}", err=True)


def _json(model: KnownModel, available: int | None) -> dict[str, Any]:
    import dataclasses

    from mobiclass.hub import needed_bytes
    from mobiclass.results import printable_utf8

    facts = dataclasses.asdict(model.entry) if model.entry else {}
    return {
        **facts,
        "name": printable_utf8(model.name),
        "state": model.state,
        "path": printable_utf8(os.fspath(model.path)) if model.path else None,
        "bytes": model.bytes,
        "needed_memory_bytes": needed_bytes(model.bytes),
        "available_memory_bytes": available,
        "too_big": model.too_big(available),
    }


def _table(models: list[KnownModel], available: int | None) -> list[str]:
    widest = max(text_width(safe_text(model.name)) for model in models)
    width = max(12, min(widest, _WIDEST_NAME, terminal_width(sys.stdout) - _BESIDE_THE_NAME))
    lines = [_line("  " + fit_text("", width), _HEADINGS)]
    siblings = {model.entry.edgetpu: model for model in models if model.entry and model.state != "own"}
    compiled = {model.name: model for model in models if model.name in siblings}
    rows = [model for model in models if model.name not in compiled]
    for family, members in groupby(rows, key=_family):
        lines += ["", family]
        for model in members:
            sibling = compiled.get(model.entry.edgetpu or "") if model.entry else None
            lines.extend(_row(model, sibling, width, model.too_big(available)))
    return lines


def _family(model: KnownModel) -> str:
    if model.state == "own":
        return "Your own, in the cache"
    assert model.entry is not None
    return f"{model.entry.family} {model.entry.version}"


def _row(model: KnownModel, sibling: KnownModel | None, width: int, too_big: bool) -> list[str]:
    entry = model.entry
    mark = "!" if too_big else _MARKS[model.state]
    name = safe_text(model.name)
    cells = ["", "", f"{model.bytes / 1e6:.1f}", "", "", ""]
    if entry:
        cells[0:2] = f"{entry.alpha:.2f}", str(entry.resolution)
        cells[3] = f"{entry.published_top1 * 100:.1f}" if entry.published_top1 else "–" if entry.classes else "†"
        cells[4] = entry.license + ("*" if entry.data_terms else "")
        cells[5] = (_MARKS[sibling.state].strip() or "○") if sibling else "–"
    if text_width(name) > width:  # whole, on a line of its own: it is there to be copied
        return [f"{mark} {name}", _line(" " * (width + 2), cells)]
    return [_line(f"{mark} {fit_text(name, width)}", cells)]


def _line(name: str, cells: Iterable[str]) -> str:
    texts = [
        fit_text(cell, width) if width > 5 else cell.rjust(width) for cell, width in zip(cells, _CELLS, strict=True)
    ]
    return " ".join((name, *texts)).rstrip()


def _legend(models: list[KnownModel], available: int | None) -> Iterable[str]:
    states = {model.state for model in models}
    yield "● here  ○ available  – none   top-1: published, % on ImageNet's validation set"
    yield "TPU: variant compiled for the Edge TPU, fetched with `models pull --edgetpu`"
    if any(model.entry and model.entry.data_terms for model in models):
        yield "* trained on photos for non-commercial use only: see models/README.md"
    if any(model.entry and model.entry.classes is None for model in models):
        yield "† feature extractor without classes: `predict` refuses it"
    if "partial" in states:
        yield "◐ partly fetched: `models pull` resumes"
    if "damaged" in states:
        yield "✗ damaged, or not the file of that name: `models pull` fetches it again"
    if any(model.too_big(available) for model in models) and available is not None:
        yield f"! needs more than the {available / 1e6:,.0f} MB of memory that are free now"
        yield "  (estimate: 57 MB plus 2.5 times the file size)"
