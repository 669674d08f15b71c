"""The error of every layer: its noise, its saturated channels, what it adds to its inputs', and its name in Keras."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.tiny_models import FLOAT32, INT8, Operator, Tensor, graph

layer_errors = pytest.importorskip("tools.quantization.layer_errors", reason="NOT TESTED: ai-edge-litert is missing")

RELU, LOGISTIC = 19, 14
SAMPLES = [np.random.default_rng(number).uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32) for number in range(4)]


def _pair(scale: float) -> tuple[bytes, bytes]:
    """Make an int8 model of two operators, whose first output has the `scale`, and the same in float32."""
    quantized = [
        Tensor("image", (1, 8, 8, 3), INT8, 1 / 127),
        Tensor("m/first/Relu", (1, 8, 8, 3), INT8, scale, -128),
        Tensor("m/second/Sigmoid", (1, 8, 8, 3), INT8, 1 / 256, -128),
    ]
    floats = [Tensor(tensor.name, tensor.shape, FLOAT32) for tensor in quantized]
    operators = [Operator(RELU, (0,), (1,)), Operator(LOGISTIC, (1,), (2,))]
    int8, float32 = (graph(tensors, operators, inputs=[0], outputs=[2]) for tensors in (quantized, floats))
    return int8, float32


def test_layers_are_measured_in_order_with_their_names() -> None:
    first, second = layer_errors.measure_layer_errors(*_pair(1 / 255), SAMPLES)
    assert (first.name, first.operator, first.channels, first.saturated) == ("first", "RELU", 3, 0)
    assert (second.name, second.operator) == ("second", "LOGISTIC")
    assert 40 < first.snr_db < 60  # eight bits


def test_coarser_steps_cost_decibels_and_the_next_layer_does_not_lose_them_again() -> None:
    fine, _ = layer_errors.measure_layer_errors(*_pair(1 / 255), SAMPLES)
    coarse, after = layer_errors.measure_layer_errors(*_pair(1 / 16), SAMPLES)
    assert coarse.snr_db < fine.snr_db - 10
    assert coarse.loss_db > 10
    assert after.loss_db == 0
    assert [error.name for error in layer_errors.worst_layers((after, coarse), 1)] == ["first"]


def test_channels_that_leave_the_range_are_saturated() -> None:
    clipped, _ = layer_errors.measure_layer_errors(*_pair(0.5 / 255), SAMPLES)
    assert clipped.saturated == clipped.channels == 3


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("m_1/block_1_relu_1/Relu6;m_1/block_1_BN_1/batchnorm/add_1;m_1/block_1_1/convolution;m_1/x", "block_1_1"),
        ("m/block_BN/batchnorm/add_1;m/block_project/convolution", "block_project"),
        ("m/add_3/add", "add_3"),
        ("m/BN/batchnorm/add_1", "BN"),
        ("Identity", "Identity"),
    ],
)
def test_layers_have_the_names_of_keras(tensor: str, name: str) -> None:
    from tools.quantization.layer_errors import _layer_name

    assert _layer_name(tensor.encode()) == name
