"""Result rows to one self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.report.page import Review, write_report

open_door(
    __name__,
    {
        "page": ("Review", "write_report"),
    },
)
