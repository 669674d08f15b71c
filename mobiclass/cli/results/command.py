"""``mobiclass results``: the group of its subcommands, each loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import Final

import click

_SUBCOMMANDS: Final = {
    "export": "Write rows in the form that another program reads.",
    "review": "Write a page with the photos that a person should look at first.",
    "sort": "Put photos into folders by their labels.",
    "tag": "Write labels into photos or beside them, where photo programs show them.",
}


class _Results(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SUBCOMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"mobiclass.cli.results.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUBCOMMANDS.items()))


@click.group(cls=_Results)
def results() -> None:
    """Sort, tag, export and review photos by their result rows.

    ROWS are files that predict, batch, watch or evaluate --predictions wrote: .jsonl, .csv or .parquet.

    \b
    Examples:
      mobiclass results sort rows.jsonl --into sorted/
      mobiclass results tag rows.jsonl
      mobiclass results export rows.jsonl --format label-studio -o tasks.json
      mobiclass results review rows.jsonl -o review.html
    """
