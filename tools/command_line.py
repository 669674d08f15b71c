"""What the workstation's commands share: errors become one line on stderr and an exit code, as in `mobiclass.cli`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from mobiclass.errors import MobiclassError, SetupError
from tools.errors import DependencyError


class ToolCommand(click.Command):
    """A command whose errors end the process with a message and an exit code, also when another command calls it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MobiclassError as error:
            _fail(error)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("", "mobiclass", "tools"):
                raise  # a bug of ours
            _fail(DependencyError(f"{error.name} is not installed: pip install '.[tools]' in the checkout"))


def require_folder_of(path: Path) -> None:
    """Require that the folder in which `path` is to be written exists.

    Raises:
        SetupError: it does not.
    """
    if not path.parent.is_dir():
        raise SetupError(f"{path}: the folder {path.parent} does not exist; create it first")


def _fail(error: MobiclassError) -> NoReturn:
    click.echo(f"Error: {error}", err=True)
    sys.exit(error.exit_code)
