"""The beginning and the end of the program as a process: garbage collection, signals, and leaving at once."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

EXIT_INTERRUPTED: Final = 128 + signal.SIGINT
EXIT_TERMINATED: Final = 128 + signal.SIGTERM


def begin() -> None:
    """Prepare the process for loading libraries and a model; `loaded` ends that."""
    # What is imported stays: to look for garbage meanwhile takes a twentieth of the time of one prediction.
    gc.disable()
    # In the middle of an import an exception from a signal would look like a broken installation.
    signal.signal(signal.SIGINT, _end_at_once)
    signal.signal(signal.SIGTERM, _end_at_once)


def loaded() -> None:
    """Go over to work: a signal now ends the command in order, with its output closed."""
    gc.freeze()  # what was loaded is never garbage: not looked through again
    gc.enable()
    if signal.getsignal(signal.SIGTERM) is _end_at_once:  # not inside another program
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)


def end(exit_code: int) -> NoReturn:
    """End the process at once: the results are out, and to take NumPy and the runtime apart takes a tenth longer."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(exit_code)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)
