"""Text from files for a terminal: file names and labels are other people's, and may hold control sequences."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import Final, TextIO

import click

_DEFAULT_WIDTH: Final = 80


def echo_notice(message: str) -> None:
    """Say `message` on stderr, from any thread; a progress bar there makes room."""
    line = f"mobiclass: {safe_text(message)}"
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
    else:
        click.echo(line, err=True)


def safe_text(text: str) -> str:
    """Replace what a terminal would obey or could not show (controls, directional overrides) by U+FFFD."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def terminal_width(stream: TextIO, *, otherwise: int = _DEFAULT_WIDTH) -> int:
    """Count the columns of the terminal behind `stream`; `otherwise` where there is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return otherwise


def text_width(text: str) -> int:
    """Count the terminal cells that `text` takes."""
    return sum(_cells(character) for character in text)


def fit_text(text: str, width: int) -> str:
    """Cut or pad `text` to exactly `width` cells; a cut is marked with an ellipsis."""
    if text_width(text) > width:
        kept, cells = "", 0
        for character in text:
            cells += _cells(character)
            if cells > width - 1:
                break
            kept += character
        text = kept + "…"
    return text + " " * (width - text_width(text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
