"""The command that runs a function of ours in a Python process of its own. It starts none."""

from __future__ import annotations

import sys


def python_command(module: str, *arguments: str) -> list[str]:
    """Give the command for a child process that calls ``main`` of `module` with `arguments`.

    The child gets this process's `sys.path`, so that it finds the same packages and nothing of a hostile current
    folder.
    """
    search_path = [entry for entry in sys.path if entry]
    call = f"main({', '.join(map(repr, arguments))})"
    return [sys.executable, "-c", f"import sys; sys.path[:] = {search_path!r}; from {module} import main; {call}"]
