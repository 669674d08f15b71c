"""A float model to an int8 one: calibration, refinement, and what it lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.quantization.calibration import (
        VIEWS,
        View,
        bundled_photos,
        calibration_samples,
        load_views,
        samples_digest,
    )
    from tools.quantization.errors_by_layer import LayerError, layer_errors, worst_layers
    from tools.quantization.inner_tensors import InnerTensors
    from tools.quantization.quantize import InputOutput, convert_float32, convert_int8, float_operators
    from tools.quantization.refinement import refine
    from tools.quantization.signal_to_noise import logit_signal_to_noise_db, read_logits

open_door(
    __name__,
    {
        "calibration": ("VIEWS", "View", "bundled_photos", "calibration_samples", "load_views", "samples_digest"),
        "errors_by_layer": ("LayerError", "layer_errors", "worst_layers"),
        "inner_tensors": ("InnerTensors",),
        "quantize": ("InputOutput", "convert_float32", "convert_int8", "float_operators"),
        "refinement": ("refine",),
        "signal_to_noise": ("logit_signal_to_noise_db", "read_logits"),
    },
)
