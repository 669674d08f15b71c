"""Image classification on small devices: any TFLite classifier, offline, with the right preprocessing and labels.

>>> from mobiclass import Classifier
>>> classifier = Classifier.load()
>>> classifier.classify("photo.jpg", top_k=1)[0].label  # doctest: +SKIP
'Egyptian cat'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "Classifier": "classifier",
    "ImageResult": "classifier",
    "Prediction": "predictions",
    "DelegateError": "errors",
    "ImageError": "errors",
    "LabelsError": "errors",
    "MobiclassError": "errors",
    "ModelError": "errors",
    "SetupError": "errors",
}


def __getattr__(name: str) -> Any:
    # Lazily (PEP 562): `import mobiclass` and `mobiclass --help` must not load NumPy, Pillow and a runtime.
    if name not in _HOMES:
        raise AttributeError(f"module 'mobiclass' has no attribute {name!r}")
    return getattr(importlib.import_module(f"mobiclass.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
