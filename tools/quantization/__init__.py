"""A float model to an int8 one: calibration, conversion, refinement, and what quantization costs layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from tools.quantization.calibration import (
        VIEWS,
        View,
        bundled_photos,
        calibration_samples,
        float_preprocessor,
        load_views,
        samples_digest,
    )
    from tools.quantization.intermediate_tensors import IntermediateTensors
    from tools.quantization.layer_errors import LayerError, measure_layer_errors, worst_layers
    from tools.quantization.refinement import refine
    from tools.quantization.signal_to_noise import logit_signal_to_noise_db, read_logits
    from tools.quantization.tflite_converter import InputOutput, convert_float32, convert_int8, float_operators

open_door(
    __name__,
    {
        "calibration": (
            "VIEWS",
            "View",
            "bundled_photos",
            "calibration_samples",
            "float_preprocessor",
            "load_views",
            "samples_digest",
        ),
        "intermediate_tensors": ("IntermediateTensors",),
        "layer_errors": ("LayerError", "measure_layer_errors", "worst_layers"),
        "refinement": ("refine",),
        "signal_to_noise": ("logit_signal_to_noise_db", "read_logits"),
        "tflite_converter": ("InputOutput", "convert_float32", "convert_int8", "float_operators"),
    },
)
