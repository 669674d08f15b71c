"""Many photos: sources to paths, paths to rows on all cores, rows to files that outlive any crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.batch.engine import Batch, BatchSummary
    from mobiclass.batch.exclusion import Exclusion
    from mobiclass.batch.export import exporter
    from mobiclass.batch.journal import Journal
    from mobiclass.batch.output import OUTPUT_SUFFIXES, FileOutput, journal_path
    from mobiclass.batch.row_options import RowOptions
    from mobiclass.batch.sources import ImageFinder, is_image_name
    from mobiclass.batch.wildcards import is_folder
    from mobiclass.batch.workers import Workers

open_door(
    __name__,
    {
        "engine": ("Batch", "BatchSummary"),
        "exclusion": ("Exclusion",),
        "export": ("exporter",),
        "journal": ("Journal",),
        "output": ("OUTPUT_SUFFIXES", "FileOutput", "journal_path"),
        "row_options": ("RowOptions",),
        "sources": ("ImageFinder", "is_image_name"),
        "wildcards": ("is_folder",),
        "workers": ("Workers",),
    },
)
