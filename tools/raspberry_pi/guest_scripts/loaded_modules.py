"""Runs ``mobiclass``, and writes the packages that it loaded and that are not Python's own to the file MODULES.

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
    """Write the names, and end the process as the program meant to: it leaves past everything that Python runs last."""
    names = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__mp_main__"}
    Path(os.environ["MODULES"]).write_text(json.dumps(sorted(names)), encoding="utf-8")
    _leave(status)


if __name__ == "__main__":
    os._exit = write_and_leave
    from mobiclass.cli import main

    main()
