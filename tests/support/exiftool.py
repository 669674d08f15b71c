"""ExifTool, where it is installed, as the reader that keywords are written for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any, Final

import pytest

_PROGRAM: Final = shutil.which("exiftool")

needs_exiftool = pytest.mark.skipif(
    _PROGRAM is None, reason="ExifTool is not installed: nothing but this project's own code has read the keywords back"
)


def read_tags(*paths: os.PathLike[str], arguments: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Read the tags of files, each value of a list apart."""
    assert _PROGRAM
    done = subprocess.run(
        [_PROGRAM, "-config", "", "-json", "-struct", *arguments, *map(os.fspath, paths)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def as_list(value: Any) -> list[str]:
    """Give the texts of a tag: ExifTool shows a list of one as a text or a number, and none as nothing."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def write_tags(path: os.PathLike[str], *arguments: str) -> None:
    """Let ExifTool edit a file, as another program would."""
    assert _PROGRAM
    subprocess.run(
        [_PROGRAM, "-config", "", "-q", "-overwrite_original", *arguments, os.fspath(path)], check=True, timeout=60
    )
