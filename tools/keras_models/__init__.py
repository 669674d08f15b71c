"""Keras models: their files, their graphs, the known architectures, and how their input is normalized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.keras_models.architectures import ARCHITECTURES, MEAN, architecture_table, build_keras
    from tools.keras_models.loading import KerasClassifier, build_classifier, load_keras_file
    from tools.keras_models.normalization import Normalization, SweepResult, find_normalization, sweep
    from tools.keras_models.tracing import Geometry, check_classifier, run_function, trace

open_door(
    __name__,
    {
        "architectures": ("ARCHITECTURES", "MEAN", "architecture_table", "build_keras"),
        "loading": ("KerasClassifier", "build_classifier", "load_keras_file"),
        "normalization": ("Normalization", "SweepResult", "find_normalization", "sweep"),
        "tracing": ("Geometry", "check_classifier", "run_function", "trace"),
    },
)
