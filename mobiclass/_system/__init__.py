"""The system below: files, processes, the machine's limits, and the doors of the rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system.doors import open_door

if TYPE_CHECKING:
    from mobiclass._system.child import private_stdout
    from mobiclass._system.encodings import MARKS, decode_text, looks_like_utf16, read_text_file
    from mobiclass._system.files import atomic_write, open_locked
    from mobiclass._system.machine import (
        available_bytes,
        available_cores,
        read_limits,
        read_memory,
        read_number,
        read_text,
    )
    from mobiclass._system.processes import Child, cpu_seconds, describe_end, last_line, peak_bytes, run_child

open_door(
    __name__,
    {
        "child": ("private_stdout",),
        "encodings": ("MARKS", "decode_text", "looks_like_utf16", "read_text_file"),
        "files": ("open_locked", "atomic_write"),
        "machine": ("available_bytes", "available_cores", "read_limits", "read_memory", "read_number", "read_text"),
        "processes": ("Child", "cpu_seconds", "describe_end", "last_line", "peak_bytes", "run_child"),
    },
)
