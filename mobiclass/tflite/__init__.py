"""What stands in a ``.tflite`` file, read without a runtime; and `ModelInfo`, what a classifier is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.tflite.arrays import read_array
    from mobiclass.tflite.card import Card, config_bytes, replace_members, write_card
    from mobiclass.tflite.doubts import normalization_doubt
    from mobiclass.tflite.editing import tensor_spec, with_extra_output
    from mobiclass.tflite.facts import Facts, PerChannel, override_facts, per_channel
    from mobiclass.tflite.flatbuffer import FlatbufferError, Table, item
    from mobiclass.tflite.graph import (
        EDGETPU_CUSTOM_OP,
        Graph,
        open_model,
        read_graph,
        read_zip_members,
    )
    from mobiclass.tflite.head import Head, find_head, head_weights
    from mobiclass.tflite.info import read_model
    from mobiclass.tflite.model import ModelFile, ModelInfo, Preprocessing, read_model_file
    from mobiclass.tflite.nearby import NearbyLabels
    from mobiclass.tflite.network import Quantization, TensorSpec, operator_code_name, tensor_dtype
    from mobiclass.tflite.new_head import NewHead, replace_head
    from mobiclass.tflite.normalization import formula
    from mobiclass.tflite.quantization import dequantize, quantize

open_door(
    __name__,
    {
        "arrays": ("read_array",),
        "card": ("Card", "config_bytes", "replace_members", "write_card"),
        "doubts": ("normalization_doubt",),
        "editing": ("tensor_spec", "with_extra_output"),
        "facts": ("Facts", "PerChannel", "override_facts", "per_channel"),
        "flatbuffer": ("FlatbufferError", "Table", "item"),
        "graph": (
            "EDGETPU_CUSTOM_OP",
            "Graph",
            "open_model",
            "read_graph",
            "read_zip_members",
        ),
        "head": ("Head", "find_head", "head_weights"),
        "info": ("read_model",),
        "model": ("ModelFile", "ModelInfo", "Preprocessing", "read_model_file"),
        "nearby": ("NearbyLabels",),
        "network": ("Quantization", "TensorSpec", "operator_code_name", "tensor_dtype"),
        "new_head": ("NewHead", "replace_head"),
        "normalization": ("formula",),
        "quantization": ("dequantize", "quantize"),
    },
)
