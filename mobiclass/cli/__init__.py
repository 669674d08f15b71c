"""The command line: the only user of click, the only writer to stdout and stderr.

Here stand the program itself and the one translation of errors into messages and exit codes. A command's module is
loaded when the command is asked for, and imports what is heavy inside its function: ``--help`` loads neither NumPy
nor Pillow nor a runtime.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import click

from mobiclass import __version__
from mobiclass.cli.signals import EXIT_INTERRUPTED, begin, end
from mobiclass.cli.terminal.streams import discard_stdout, separate_streams
from mobiclass.cli.terminal.text import safe_text
from mobiclass.errors import MobiclassError

EXIT_CLOSED_PIPE: Final = 128 + 13  # SIGPIPE, which Windows' signal module does not know

_COMMANDS: Final = {
    "batch": "Classify every image in folders, files, globs and lists.",
    "benchmark": "Measure the latency, throughput and memory use of models.",
    "doctor": "Check this machine and this installation, and suggest fixes.",
    "evaluate": "Measure the accuracy of a model on labelled photos.",
    "models": "List, fetch and inspect models.",
    "predict": "Classify one or a few images.",
    "results": "Sort, tag, export and review photos by their result rows.",
    "teach": "Teach a model one's own classes from a few photos.",
}
"""The commands, each the object of its name in the module of its name, with what ``--help`` says of them."""


class Program(click.Group):
    """A group of commands that turns what they raise into a message on stderr and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"mobiclass.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of the commands, for which none of their modules need be loaded."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Parse the command line, which may print the help or the version."""
        try:
            return super().make_context(*arguments, **options)
        except OSError as error:
            _cannot_write(error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except MobiclassError as error:
            _fail(str(error), error.exit_code, error.details)
        except KeyboardInterrupt:
            _fail("interrupted", EXIT_INTERRUPTED)
        except OSError as error:
            _cannot_write(error)
        return result


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="mobiclass", message="%(prog)s %(version)s")
def program() -> None:
    """Classify images on small devices, offline, with any TFLite classifier.

    \b
    Examples:
      mobiclass predict photo.jpg
      mobiclass batch photos/ -o results.jsonl
      mobiclass models show efficientnet_lite0
    """


def main() -> NoReturn:
    """Run the program as a process of its own."""
    begin()
    separate_streams()
    try:
        program(prog_name="mobiclass")
    except SystemExit as exit_:
        if isinstance(exit_.code, int):
            end(exit_.code)
        raise
    raise AssertionError("click ends a program with SystemExit")


def _fail(message: str, exit_code: int, details: Iterable[str] = ()) -> NoReturn:
    click.echo(f"mobiclass: error: {safe_text(message)}", err=True)
    for detail in details:
        click.echo(f"  {safe_text(detail)}", err=True)
    raise click.exceptions.Exit(exit_code)


def _cannot_write(error: OSError) -> NoReturn:
    """End the program after an error on stdout; all other errors of the system are translated where they arise."""
    if error.filename is not None:  # not stdout, which has none
        _fail(f"{os.fsdecode(error.filename)}: {error.strerror}", MobiclassError.exit_code)
    discard_stdout()
    if error.errno == errno.EPIPE:
        raise click.exceptions.Exit(EXIT_CLOSED_PIPE) from error
    _fail(f"the results cannot be written: {error.strerror or error}", MobiclassError.exit_code)
