"""The command line: the only user of click, the only writer to stdout and stderr.

Here stand the program itself and the one translation of errors into messages and exit codes. A command's module
imports what it needs inside its function, so that ``--help`` loads neither NumPy nor Pillow nor a runtime.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from mobiclass import __version__
from mobiclass.cli.batch import batch
from mobiclass.cli.models import models
from mobiclass.cli.predict import predict
from mobiclass.cli.streams import separate_streams
from mobiclass.cli.text import safe_text
from mobiclass.errors import MobiclassError

EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_CLOSED_PIPE = 128 + 13  # SIGPIPE, which Windows' signal module does not know


class Program(click.Group):
    """A group of commands that turns what they raise into a message on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except MobiclassError as error:
            _fail(ctx, str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail(ctx, "interrupted", EXIT_INTERRUPTED)
        except OSError as error:
            # All others are translated where they arise: what is left is the writing of the results.
            if error.errno == errno.EPIPE:
                _discard_stdout()
                ctx.exit(EXIT_CLOSED_PIPE)
            _discard_stdout()
            _fail(ctx, f"the results cannot be written: {error.strerror or error}", MobiclassError.exit_code)
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


program.add_command(predict)
program.add_command(batch)
program.add_command(models)


def main() -> None:
    """Run the program as a process of its own."""
    signal.signal(signal.SIGTERM, _terminate)
    separate_streams()
    program(prog_name="mobiclass")


def _fail(ctx: click.Context, message: str, exit_code: int) -> NoReturn:
    click.echo(f"mobiclass: error: {safe_text(message)}", err=True)
    ctx.exit(exit_code)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)


def _discard_stdout() -> None:
    """Let what is still buffered for stdout go nowhere, so that the interpreter does not fail again at its end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
