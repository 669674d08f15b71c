"""Image classification on small devices: any TFLite classifier, offline, with the right preprocessing and labels.

>>> from mobiclass import Classifier
>>> classifier = Classifier.load()
>>> classifier.classify("photo.jpg", top_k=1)[0].label  # doctest: +SKIP
'Egyptian cat'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier, ImageResult
    from mobiclass.errors import DelegateError, ImageError, LabelsError, MobiclassError, ModelError, SetupError
    from mobiclass.predictions import Prediction

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "DelegateError",
    "ImageError",
    "ImageResult",
    "LabelsError",
    "MobiclassError",
    "ModelError",
    "Prediction",
    "SetupError",
    "__version__",
]

open_door(
    __name__,
    {
        "classifier": ("Classifier", "ImageResult"),
        "errors": ("DelegateError", "ImageError", "LabelsError", "MobiclassError", "ModelError", "SetupError"),
        "predictions": ("Prediction",),
    },
)
