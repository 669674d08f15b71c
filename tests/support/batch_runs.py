"""Run `mobiclass batch` on folders of small photos: to its end, or to be stopped on the way."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.program import COMMAND, PROGRAM, environment

Row = dict[str, Any]
COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
PATIENCE_SECONDS = 60

# Parts of the program replaced by others, before it starts: to count, to wait and to fail at a given place.
COUNT_DECODED = """
import os, mobiclass.classifier as c
def counted(source, decode=c.upright_image, **how):
    with open(os.environ["DECODED"], "ab") as log:
        log.write(os.fsencode(source) + b"\\n")
    return decode(source, **how)
c.upright_image = counted
"""
DECODE_SLOWLY = """
import os, time, mobiclass.classifier as c
def slow(source, decode=c.upright_image, **how):
    time.sleep(float(os.environ["DECODE_SECONDS"]))
    return decode(source, **how)
c.upright_image = slow
"""


def jpeg(colour: str = "red", *, side: int = 16) -> bytes:
    """Encode a plain photo."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), COLOURS[colour]).save(file, "JPEG")
    return file.getvalue()


def make_photos(folder: Path, count: int, *, prefix: str = "p") -> list[Path]:
    """Fill `folder` with photos, red, green and blue in turn; their names sort in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = [jpeg(colour) for colour in COLOURS]
    paths = [folder / f"{prefix}{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(contents[number % 3])
    return paths


def colour_of(number: int) -> str:
    """Name the colour of the photo with that number."""
    return list(COLOURS)[number % 3]


def read_rows(path: Path) -> list[Row]:
    """Read a JSONL file, all of whose lines are whole."""
    content = path.read_bytes()
    assert content == b"" or content.endswith(b"\n"), f"the last line of {path} is torn: {content[-80:]!r}"
    return [json.loads(line) for line in content.splitlines()]


def paths_of(rows: Iterable[Row]) -> list[str]:
    """Give the paths of rows."""
    return [row["path"] for row in rows]


def patched(*patches: str) -> tuple[str, ...]:
    """Give the command of the program with parts of it replaced."""
    return (sys.executable, "-c", "\n".join((*patches, PROGRAM)))


def start(
    *arguments: str | Path | bytes,
    command: tuple[str, ...] = COMMAND,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    **streams: Any,
) -> subprocess.Popen[bytes]:
    """Start the program and leave it running."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen([*command, *arguments], env=environment(env), cwd=cwd, **streams)


@contextmanager
def running(*arguments: str | Path | bytes, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program, and be sure that it is gone at the end of the block."""
    process = start(*arguments, **how)
    try:
        yield process
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait(PATIENCE_SECONDS)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; fail if it does not come to that."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"in vain waited for: {what}"
        time.sleep(0.005)


def names_in(folder: str | Path = ".") -> list[str]:
    """Give the names of all that is in a folder, hidden or not."""
    return sorted(path.name for path in Path(folder).iterdir())


def lines_in(path: Path) -> int:
    """Count the whole lines of a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def descendants(pid: int) -> list[int]:
    """Give the processes that `pid` started, and those that they started (Linux)."""
    children = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        children += [int(child) for child in (thread / "children").read_text().split()]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def is_root() -> bool:
    """Whether permission bits mean nothing to this process."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
