"""Result rows to one self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.report.page import Explain, Review, write_report

open_door(
    __name__,
    {
        "page": ("Explain", "Review", "write_report"),
    },
)
