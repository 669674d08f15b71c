"""One's own classes on this machine: features of photos, a new head for a model, and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.teaching.base import Base, read_base
    from mobiclass.teaching.blas import use_one_thread
    from mobiclass.teaching.class_names import class_labels
    from mobiclass.teaching.features import Extractor, Photo
    from mobiclass.teaching.fitted import Fitted, fit_samples
    from mobiclass.teaching.report import report_rows
    from mobiclass.teaching.samples import PhotoFeatures, Samples
    from mobiclass.teaching.taught_model import Origin, taught_content
    from mobiclass.teaching.teach import Lesson, Taught, teach_classes

open_door(
    __name__,
    {
        "base": ("Base", "read_base"),
        "blas": ("use_one_thread",),
        "class_names": ("class_labels",),
        "features": ("Extractor", "Photo"),
        "fitted": ("Fitted", "fit_samples"),
        "report": ("report_rows",),
        "samples": ("PhotoFeatures", "Samples"),
        "taught_model": ("Origin", "taught_content"),
        "teach": ("Lesson", "Taught", "teach_classes"),
    },
)
