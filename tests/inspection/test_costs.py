"""Counting: each kind of layer by hand, whole networks against their closed forms."""

from __future__ import annotations

import pytest

from mobiclass.hub.catalog import catalog_entries, find_model
from mobiclass.inspection.architectures import backbone, match_backbone
from mobiclass.inspection.costs import (
    Cost,
    SeparablePair,
    Totals,
    convolutions,
    count_costs,
    float_layers,
    separable_pairs,
    total_costs,
)
from mobiclass.inspection.layers import Subgraph, read_subgraphs
from tests.support.closed_forms import Convolution, closed_form, efficientnet_lite0, mobilenet_v1, mobilenet_v2
from tests.support.networks import network
from tests.support.tiny_models import (
    CUSTOM,
    DEQUANTIZE,
    FLOAT32,
    FULLY_CONNECTED,
    INT8,
    INT32,
    MEAN,
    RESHAPE,
    SOFTMAX,
    UINT8,
    Fields,
    Operator,
    Tensor,
    edgetpu_model,
    graph,
)

CONV_2D, DEPTHWISE, MUL, LSTM, QUANTIZE, BATCH_MATMUL, CONV_3D, TRANSPOSE_CONV = 3, 4, 18, 16, 114, 126, 132, 67
FLOAT16 = 1


def read(content: bytes) -> Subgraph:
    """Read the main subgraph."""
    return read_subgraphs(content, "m")[0]


def costs(content: bytes) -> tuple[Cost, ...]:
    """Count what the layers of a model cost."""
    return count_costs(read(content).layers)


def totals(content: bytes) -> Totals:
    """Count what a model costs."""
    layers = read(content).layers
    return total_costs(layers, count_costs(layers))


def weights(*shape: int, dtype: int = INT8, scale: float | None = 0.5) -> Tensor:
    """Make a constant of that shape, one byte a value."""
    values = 1
    for side in shape:
        values *= side
    return Tensor("weights", shape, dtype, scale, data=bytes(values))


def one(code: int, inputs: list[Tensor], output: Tensor, options: tuple[int, Fields] | None = None) -> Cost:
    """Count what a model of one operator costs."""
    operator = Operator(code, tuple(range(len(inputs))), (len(inputs),), options)
    (cost,) = costs(graph([*inputs, output], [operator], [0], [len(inputs)]))
    return cost


def image(*shape: int) -> Tensor:
    """Make a tensor that is no constant."""
    return Tensor("values", shape, INT8, 0.5)


BIAS = Tensor("bias", (4,), INT32, data=bytes(16))


@pytest.mark.parametrize(
    ("code", "inputs", "output", "parameters", "multiply_adds"),
    [
        (CONV_2D, [image(1, 9, 9, 2), weights(4, 3, 5, 2), BIAS], image(1, 7, 6, 4), 124, 7 * 6 * 4 * 3 * 5 * 2),
        (CONV_2D, [image(1, 9, 9, 6), weights(4, 3, 3, 3)], image(1, 7, 7, 4), 108, 7 * 7 * 4 * 3 * 3 * 3),  # 2 groups
        (DEPTHWISE, [image(1, 9, 9, 2), weights(1, 3, 3, 4), BIAS], image(1, 7, 7, 4), 40, 7 * 7 * 4 * 9),
        (FULLY_CONNECTED, [image(1, 8), weights(4, 8), BIAS], image(1, 4), 36, 32),
        (FULLY_CONNECTED, [image(5, 8), weights(4, 8)], image(5, 4), 32, 160),
        (TRANSPOSE_CONV, [Tensor("shape", (4,), INT32, data=bytes(16)), weights(4, 2, 2, 3), image(1, 5, 5, 3), BIAS],
         image(1, 10, 10, 4), 52, 5 * 5 * 3 * 2 * 2 * 4),
        (CONV_3D, [image(1, 4, 4, 4, 2), weights(2, 3, 3, 2, 4), BIAS], image(1, 3, 2, 2, 4), 148, 48 * 2 * 3 * 3 * 2),
        (BATCH_MATMUL, [image(2, 3, 5), image(2, 5, 7)], image(2, 3, 7), 0, 2 * 3 * 5 * 7),
        (MUL, [image(1, 2, 2, 4), weights(4)], image(1, 2, 2, 4), 4, 0),
        (MUL, [image(1, 2, 2, 4), weights(1)], image(1, 2, 2, 4), 0, 0),  # a scalar of the graph
        (MEAN, [image(1, 2, 2, 4), Tensor("axes", (2,), INT32, data=bytes(8))], image(1, 4), 0, 0),
        (RESHAPE, [image(1, 2, 2, 4), Tensor("shape", (2,), INT32, data=bytes(8))], image(1, 16), 0, 0),
        (SOFTMAX, [image(1, 4)], image(1, 4), 0, 0),
    ],
)  # fmt: skip
def test_each_kind_of_layer(
    code: int, inputs: list[Tensor], output: Tensor, parameters: int, multiply_adds: int
) -> None:
    cost = one(code, inputs, output)
    assert (cost.parameters, cost.multiply_adds) == (parameters, multiply_adds)
    assert cost.stored_bytes == sum(tensor.stored_bytes for tensor in cost.weights)


def test_an_adjoint_matrix_is_the_other_way_round() -> None:
    adjoint = (101, Fields({0: ("?", True)}))
    assert one(BATCH_MATMUL, [image(5, 3), image(5, 7)], image(3, 7), adjoint).multiply_adds == 3 * 5 * 7


def test_biases_are_four_bytes_and_int8_weights_one() -> None:
    cost = one(CONV_2D, [image(1, 9, 9, 2), weights(4, 3, 3, 2), BIAS], image(1, 7, 7, 4))
    assert (cost.parameters, cost.stored_bytes) == (72 + 4, 72 + 4 * 4)


@pytest.mark.parametrize("code", [CONV_2D, DEPTHWISE, FULLY_CONNECTED, TRANSPOSE_CONV, CONV_3D, BATCH_MATMUL])
def test_shapes_that_do_not_fit_are_not_counted(code: int) -> None:
    assert one(code, [image(), image(), image()], image()).multiply_adds is None
    assert one(code, [image(1, 2)], image(1, 2)).multiply_adds is None
    dynamic = Tensor("out", (1, 1, 4, 4), INT8, signature=(1, -1, 4, 4))
    assert one(code, [image(1, 9, 9, 2), weights(4, 3, 3, 2), image(1, 9, 9, 2)], dynamic).multiply_adds is None


def test_what_cannot_be_counted_is_named() -> None:
    content = graph(
        [image(1, 4), weights(4, 4), image(1, 4), image(1, 4)],
        [Operator(LSTM, (0, 1), (2,)), Operator("TFLite_Detection", (2,), (3,)), Operator(LSTM, (3, 1), (0,))],
        [0],
        [3],
    )
    assert totals(content) == Totals(32, 0, 16, ("LSTM", "TFLite_Detection"))


def test_a_custom_operator_has_the_bytes_of_its_content() -> None:
    (cost,) = costs(edgetpu_model())
    assert cost == Cost((), None, None, 0)
    assert CUSTOM == 32


def test_equal_constants_count_for_each_layer_and_are_stored_once() -> None:
    content = graph(
        [image(1, 8), weights(8, 8), image(1, 8), image(1, 8)],
        [Operator(FULLY_CONNECTED, (0, 1), (2,)), Operator(FULLY_CONNECTED, (2, 1), (3,))],
        [0],
        [3],
    )
    assert totals(content) == Totals(128, 128, 64, ())


def test_float16_weights_belong_to_the_layer_that_they_are_unpacked_for() -> None:
    packed = Tensor("packed", (4, 8), FLOAT16, data=bytes(64))
    content = graph(
        [Tensor("in", (1, 8)), packed, Tensor("unpacked", (4, 8)), Tensor("out", (1, 4))],
        [Operator(DEQUANTIZE, (1,), (2,)), Operator(FULLY_CONNECTED, (0, 2), (3,))],
        [0],
        [3],
    )
    unpacking, layer = costs(content)
    assert (unpacking.parameters, unpacking.stored_bytes) == (0, 0)
    assert (layer.parameters, layer.stored_bytes, layer.weights[0].dtype) == (32, 64, "float16")


NETWORKS = {
    "V1 1.0/224": (lambda: mobilenet_v1(1.0), 224, 1001),
    "V1 0.25/128": (lambda: mobilenet_v1(0.25), 128, 1001),
    "V2 1.0/224": (mobilenet_v2, 224, 1001),
    "Lite0": (efficientnet_lite0, 224, 1000),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_equal_their_closed_forms(name: str) -> None:
    architecture, resolution, classes = NETWORKS[name]
    counted = totals(network(architecture(), resolution, classes))
    assert (counted.parameters, counted.multiply_adds) == closed_form(architecture(), resolution, classes)
    assert counted.uncounted == ()


def test_the_built_in_model_equals_its_closed_form() -> None:
    counted = totals(find_model().read_bytes())
    assert (counted.parameters, counted.multiply_adds) == closed_form(efficientnet_lite0(), 224, 1000)
    entry = catalog_entries()["efficientnet_lite0"]
    assert (counted.parameters, counted.multiply_adds) == (entry.parameters, entry.multiply_adds)
    assert counted.stored_bytes < entry.bytes


def test_the_figures_of_the_docstring() -> None:
    parameters, _ = closed_form(mobilenet_v1(1.0), 224, 1000)
    channels = sum(outputs for _, _, outputs, _, _ in mobilenet_v1(1.0))
    assert (parameters, parameters + channels, parameters + 3 * channels) == (4_221_032, 4_231_976, 4_253_864)


def test_separable_pairs_against_the_paper_s_formula() -> None:
    found = read(network(mobilenet_v1(1.0), 224, 1001))
    pairs = separable_pairs(found.layers, count_costs(found.layers))
    assert len(pairs) == 13
    first = SeparablePair(
        1, 2, 3, 3, 64, (9 * 32 + 32 * 64) * 112**2, 9 * 32 * 64 * 112**2, 9 * 32 + 32 * 64, 9 * 32 * 64
    )
    assert pairs[0] == first
    for pair in pairs:
        assert pair.formula == 1 / pair.outputs + 1 / 9
        assert pair.ratio == pytest.approx(pair.formula, rel=1e-12)
        assert pair.weights / pair.standard_weights == pytest.approx(pair.formula, rel=1e-12)


def test_a_pair_of_which_both_have_strides_costs_more_than_the_formula_says() -> None:
    found = read(network([(3, 3, 8, 1, False), (3, 8, 8, 1, True), (1, 8, 16, 2, False)], 16, 3))
    (pair,) = separable_pairs(found.layers, count_costs(found.layers))
    assert pair.multiply_adds == 9 * 8 * 16 * 16 + 8 * 16 * 8 * 8
    assert pair.standard_multiply_adds == 9 * 8 * 16 * 8 * 8
    assert pair.ratio > pair.formula


@pytest.mark.parametrize(
    "convolutions_in_between",
    [
        [(3, 8, 8, 1, True), (3, 8, 16, 1, False)],  # not 1×1
        [(3, 8, 8, 1, True), (3, 8, 8, 1, True)],
        [(1, 8, 8, 1, False), (1, 8, 16, 1, False)],
    ],
)
def test_what_is_no_separable_pair(convolutions_in_between: list[Convolution]) -> None:
    found = read(network([(3, 3, 8, 1, False), *convolutions_in_between], 16, 3))
    assert separable_pairs(found.layers, count_costs(found.layers)) == ()


def test_the_architecture_is_known_by_its_convolutions() -> None:
    for alpha, resolution in ((1.0, 224), (0.25, 128)):
        layers = read(network(mobilenet_v1(alpha), resolution, 7)).layers
        assert match_backbone(convolutions(layers)) == ("mobilenet_v1", alpha, False)
    layers = read(network(mobilenet_v2(), 96, 7)).layers
    assert tuple(convolutions(layers)) == backbone("mobilenet_v2", 1.0)
    assert match_backbone(convolutions(read(network(efficientnet_lite0(), 224, 7)).layers)) is None


def test_float_layers() -> None:
    tensors = [
        Tensor("in", (1, 4)),
        Tensor("quantized", (1, 4), UINT8, 0.5),
        Tensor("scores", (1, 4), UINT8, 0.5),
        Tensor("real", (1, 4), FLOAT32),
        Tensor("more", (1, 4), FLOAT32),
        Tensor("back", (1, 4), UINT8, 0.5),
        Tensor("out", (1, 4)),
    ]
    operators = [
        Operator(QUANTIZE, (0,), (1,)),
        Operator(SOFTMAX, (1,), (2,)),
        Operator(DEQUANTIZE, (2,), (3,)),
        Operator(SOFTMAX, (3,), (4,)),
        Operator(QUANTIZE, (4,), (5,)),
        Operator(DEQUANTIZE, (5,), (6,)),
    ]
    # At the border floats are what was asked for; inside they are float layers, and so is what leads to them.
    assert float_layers(read(graph(tensors, operators, [0], [6]))) == (2, 3, 4)
