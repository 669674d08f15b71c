"""One's own classes on this machine: features of photos, a new head for a model, and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.teaching.blas import use_one_thread
    from mobiclass.teaching.class_names import class_labels
    from mobiclass.teaching.features import Photo
    from mobiclass.teaching.report import report_rows
    from mobiclass.teaching.teach import Lesson, Taught, teach_classes

open_door(
    __name__,
    {
        "blas": ("use_one_thread",),
        "class_names": ("class_labels",),
        "features": ("Photo",),
        "report": ("report_rows",),
        "teach": ("Lesson", "Taught", "teach_classes"),
    },
)
