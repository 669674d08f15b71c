"""What people do with rows afterwards: sort, tag, export, review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.library.folders import folder_of
    from mobiclass.library.review import Selection, select_for_review
    from mobiclass.library.rows import read_rows
    from mobiclass.library.sorting import Sorter, SortSummary, undo_sorting

open_door(
    __name__,
    {
        "folders": ("folder_of",),
        "review": ("Selection", "select_for_review"),
        "rows": ("read_rows",),
        "sorting": ("SortSummary", "Sorter", "undo_sorting"),
    },
)
