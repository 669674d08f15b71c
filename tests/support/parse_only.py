"""``python -m tests.support.parse_only -m tools.convert …``: check the options of a tool's command, and do nothing."""

from __future__ import annotations

import importlib
import sys

import click


def main() -> None:
    """Parse the arguments as the command would, and end with its exit code where they are wrong."""
    flag, module, *arguments = sys.argv[1:]
    assert flag == "-m", f"only modules are run in the docs, not {flag}"
    try:
        door = importlib.import_module(f"{module}.command")
    except ModuleNotFoundError:
        door = importlib.import_module(f"{module}.__main__")
    command = door.main
    assert isinstance(command, click.Command), module
    try:
        command.make_context(module, arguments)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
