"""``make screenshots``: take the pictures of the docs anew.

    python -m tools.screenshots [--into DIR]

Chromium and tmux must be installed (Debian: ``chromium``, ``tmux``, ``fonts-dejavu-core``). `docs/pictures/README.md`
says whose photos they show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
from PIL import Image

from mobiclass.errors import SetupError
from tools.screenshots.browser import take_picture
from tools.screenshots.photos import make_album, make_labelled_album, skimage_photo
from tools.screenshots.terminal import CELL_WIDTH, LINE_HEIGHT, PADDING_HEIGHT, PADDING_WIDTH, Terminal

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_TERMINALS: Final = {
    "predict": (56, ("mobiclass predict chelsea.png",)),
    "evaluate": (100, ("mobiclass evaluate labelled",)),
    "models-show": (148, ("mobiclass models show ./efficientnet_lite0.tflite",)),
}
"""Picture to the columns of its terminal and what is typed."""

_PAGES: Final = {
    "report": ("batch", "album", "-o", "rows.jsonl", "--report", "report.html"),
    "evaluate-report": ("evaluate", "labelled", "--report", "evaluate-report.html"),
}
"""Picture to the command that writes the page."""

_ROWS: Final = 60
_SCALE: Final = 1.5
_EXIT_SOME_FAILED: Final = 4


@click.command()
@click.option(
    "--into", "folder", type=click.Path(path_type=Path, file_okay=False), default=_ROOT / "docs" / "pictures",
    help="Folder of the pictures.  [default: docs/pictures]",
)  # fmt: skip
def main(folder: Path) -> None:
    """Take the pictures of the docs anew, of the real program."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="mobiclass-pictures-") as name:
            _take_pictures(Path(name), folder)
    except SetupError as error:
        click.echo(f"FAILED: {error}", err=True)
        sys.exit(error.exit_code)


def _take_pictures(desk: Path, folder: Path) -> None:
    make_album(desk / "album")
    make_labelled_album(desk / "labelled")
    for source in (skimage_photo("chelsea.png"), _ROOT / "models" / "efficientnet_lite0.tflite"):
        (desk / source.name).write_bytes(source.read_bytes())
    variables = _program_on_path(desk)
    for name, (columns, commands) in _TERMINALS.items():
        with Terminal(desk, columns=columns, rows=_ROWS, variables=variables) as terminal:
            for command in commands:
                terminal.type(command)
            page, lines = terminal.page()
        (desk / f"{name}.html").write_text(page, encoding="utf-8")
        height, width = lines * LINE_HEIGHT + PADDING_HEIGHT, round(columns * CELL_WIDTH) + PADDING_WIDTH
        _take(desk, folder, name, height=height, width=width, scale=_SCALE)
    for name, arguments in _PAGES.items():
        _run(desk, arguments, variables)
        _take(desk, folder, name, height=840, width=1280)
    _explain(desk, folder, variables)


def _explain(desk: Path, folder: Path, variables: dict[str, str]) -> None:
    """Have the program draw what in a photo speaks for its classes; the picture is its own."""
    picture = folder / "why.png"
    arguments = ("predict", str(skimage_photo("coffee.png")), "-k", "2", "--explain", str(desk / "why.png"))
    _run(desk, arguments, variables)
    with Image.open(desk / "why.png") as drawn:
        drawn.quantize(128).save(picture, optimize=True)
    click.echo(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def _run(desk: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mobiclass", *arguments], cwd=desk, env={**os.environ, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, _EXIT_SOME_FAILED):
        raise SetupError(f"mobiclass {' '.join(arguments)}: {done.stderr}")


def _take(desk: Path, folder: Path, name: str, *, height: int, width: int, scale: float = 1) -> None:
    picture = folder / f"{name}.png"
    take_picture(desk / f"{name}.html", picture, height=height, width=width, scale=scale)
    click.echo(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def _program_on_path(desk: Path) -> dict[str, str]:
    """Let `mobiclass` in a shell be this checkout's, with nobody's settings."""
    program = desk / "bin" / "mobiclass"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mobiclass "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(_ROOT),
        "MOBICLASS_CACHE": str(desk / "cache"),
    }


if __name__ == "__main__":
    main()
