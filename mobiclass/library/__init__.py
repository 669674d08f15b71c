"""What people do with rows afterwards: sort, tag, export, review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.library.exporting import Export, ExportFormat
    from mobiclass.library.folders import folder_of
    from mobiclass.library.review import Selection, select_for_review
    from mobiclass.library.row_keywords import read_hierarchy
    from mobiclass.library.rows import read_rows
    from mobiclass.library.sidecars import SidecarStyle
    from mobiclass.library.sorting import Sorter, SortSummary
    from mobiclass.library.tagging import Tagger, TagRun, TagSummary
    from mobiclass.library.undoing import undo_sorting
    from mobiclass.library.xmp import Keywords

open_door(
    __name__,
    {
        "exporting": ("Export", "ExportFormat"),
        "folders": ("folder_of",),
        "review": ("Selection", "select_for_review"),
        "row_keywords": ("read_hierarchy",),
        "rows": ("read_rows",),
        "sorting": ("SortSummary", "Sorter"),
        "sidecars": ("SidecarStyle",),
        "tagging": ("TagRun", "TagSummary", "Tagger"),
        "undoing": ("undo_sorting",),
        "xmp": ("Keywords",),
    },
)
