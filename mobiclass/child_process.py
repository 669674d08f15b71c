"""The command that runs a statement of this package in a process of its own. It starts nothing."""

from __future__ import annotations

import sys


def python_command(statement: str) -> list[str]:
    """Give the command that has another Python execute `statement`.

    That Python gets this process's `sys.path`, so that it finds the same packages and nothing of a hostile current
    folder.
    """
    search_path = [entry for entry in sys.path if entry]
    return [sys.executable, "-c", f"import sys; sys.path[:] = {search_path!r}; {statement}"]
