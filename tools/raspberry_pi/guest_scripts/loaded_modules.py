"""Runs ``mobiclass``, and writes the third-party packages that it loaded to the file MODULES.

MODULES=modules.json python loaded_modules.py predict photo.jpg
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

_leave = os._exit


def write_and_leave(status: int) -> NoReturn:
    """Write the names and exit: the program ends with `os._exit`, past `atexit`."""
    names = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__mp_main__"}
    Path(os.environ["MODULES"]).write_text(json.dumps(sorted(names)), encoding="utf-8")
    _leave(status)


if __name__ == "__main__":
    os._exit = write_and_leave
    from mobiclass.cli import main

    main()
