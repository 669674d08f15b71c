"""Writes ``docs/commands.md`` from the program's ``--help``, or checks that it is up to date.

    python -m tools.command_reference [--check]

It contains no descriptions: every sentence is in the command that it describes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from mobiclass.cli import program

REFERENCE: Final = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
_WIDTH: Final = 100
_HEADER: Final = """# Commands

Written by `make docs` from `--help`; `make check` fails where they differ.
"""


def reference() -> str:
    """Generate the reference: a section per command, in the order of ``--help``."""
    sections = [_HEADER]
    for names, command in _commands(("mobiclass",), program):
        context = click.Context(
            command,
            info_name=" ".join(names),
            help_option_names=["-h", "--help"],
            max_content_width=_WIDTH,
            terminal_width=_WIDTH,
        )
        sections.append(f"## {' '.join(names)}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(sections)


def _commands(names: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield names, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _commands((*names, name), child)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the file is outdated.")
def main(check: bool) -> None:
    """Write docs/commands.md, or check it."""
    if not check:
        REFERENCE.write_text(reference(), encoding="utf-8")
    elif not REFERENCE.is_file() or REFERENCE.read_text(encoding="utf-8") != reference():
        click.echo(f"{REFERENCE.name} differs from --help: run `make docs` and commit the result", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
