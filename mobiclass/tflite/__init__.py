"""What stands in a ``.tflite`` file, read without a runtime; and `ModelInfo`, what a classifier is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.tflite.facts import Facts, PerChannel, override_facts, per_channel
    from mobiclass.tflite.flatbuffer import FlatbufferError, Table, item
    from mobiclass.tflite.graph import (
        EDGETPU_CUSTOM_OP,
        Graph,
        Quantization,
        TensorSpec,
        open_model,
        operator_code_name,
        read_graph,
        tensor_dtype,
    )
    from mobiclass.tflite.info import (
        ModelFile,
        ModelInfo,
        OutputKind,
        Preprocessing,
        read_model,
        read_model_file,
    )
    from mobiclass.tflite.nearby import NearbyLabels
    from mobiclass.tflite.quantization import dequantize, quantize

open_door(
    __name__,
    {
        "facts": ("Facts", "PerChannel", "override_facts", "per_channel"),
        "flatbuffer": ("FlatbufferError", "Table", "item"),
        "graph": (
            "EDGETPU_CUSTOM_OP",
            "Graph",
            "Quantization",
            "TensorSpec",
            "open_model",
            "operator_code_name",
            "read_graph",
            "tensor_dtype",
        ),
        "info": (
            "ModelFile",
            "ModelInfo",
            "OutputKind",
            "Preprocessing",
            "read_model",
            "read_model_file",
        ),
        "nearby": ("NearbyLabels",),
        "quantization": ("dequantize", "quantize"),
    },
)
