"""The layers with weights of the built-in model, and that two models are compared layer by layer.

What a shift of the inputs does to the outputs is tested with bias correction, on a network of known weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.errors import ConversionError

pytest.importorskip("ai_edge_litert", reason="NOT TESTED: ai-edge-litert is not installed")

from ai_edge_litert import schema_py_generated as schema

from tools.quantization.weighted_layers import matching_layers, weighted_layers

MODEL = (Path(__file__).resolve().parents[3] / "models" / "efficientnet_lite0.tflite").read_bytes()
CODE = schema.BuiltinOperator


def test_all_layers_with_weights_are_listed_in_order() -> None:
    layers = weighted_layers(MODEL)
    codes = [layer.operator for layer in layers]
    assert (codes.count(CODE.CONV_2D), codes.count(CODE.DEPTHWISE_CONV_2D), codes[-1]) == (33, 16, CODE.FULLY_CONNECTED)
    assert (layers[0].shape, layers[0].limits) == ((1, 112, 112, 32), (0.0, 6.0))
    assert layers[-1].shape == (1, 1000)
    assert all(layer.bias >= 0 for layer in layers)
    assert layers[1].input == layers[0].output


def test_projections_do_not_clip() -> None:
    unlimited = [layer for layer in weighted_layers(MODEL) if layer.limits == (-float("inf"), float("inf"))]
    assert len(unlimited) == 16 + 1  # the projection of each block, and the dense layer


def test_two_models_must_be_the_same_graph(make_model: Any) -> None:
    layers, others = matching_layers(MODEL, MODEL)
    assert layers == others
    with pytest.raises(ConversionError, match=r"the int8 model \(50 layers with weights\) and the float32 one \(0\)"):
        matching_layers(MODEL, make_model("float32"))
