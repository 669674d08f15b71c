"""The reader of layers: options, tensors, constants; and every kind of damage."""

from __future__ import annotations

import contextlib
import json
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobiclass.cli.models.layer_json import layers_json
from mobiclass.cli.models.layer_table import layers_text
from mobiclass.errors import ModelError
from mobiclass.hub.catalog import find_model
from mobiclass.inspection.layers import Layer, LayerOptions, read_subgraphs
from mobiclass.inspection.summary import inspect_model
from tests.support.networks import CONV_2D, network
from tests.support.tiny_models import (
    FLOAT32,
    INT8,
    INT32,
    SOFTMAX,
    UINT8,
    Fields,
    Operator,
    Tensor,
    bare_model,
    colour_model,
    edgetpu_model,
    finish,
    graph,
)

# A stem of 8 channels and one depthwise-separable pair, on 16 by 16 pixels, for 3 classes.
NETWORK = network([(3, 3, 8, 2, False), (3, 8, 8, 2, True), (1, 8, 16, 1, False)], 16, 3)
MODEL = colour_model()


def layers(content: bytes) -> tuple[Layer, ...]:
    """Read the layers of the main subgraph."""
    return read_subgraphs(content, "m")[0].layers


def convolution(options: Fields, number: int = 1, **tensor: Any) -> bytes:
    """Make a model of one convolution, whose output `tensor` changes."""
    tensors = [
        Tensor("in", (1, 9, 9, 2), INT8, 1.0),
        Tensor("weights", (4, 3, 3, 2), INT8, data=bytes(72), scales=(0.5, 0.25, 0.5, 2.0)),
        Tensor("bias", (4,), INT32, data=bytes(16)),
        Tensor(**{"name": "out", "shape": (1, 4, 4, 4), "dtype": INT8, "scale": 0.5, "zero_point": 3, **tensor}),
    ]
    return graph(tensors, [Operator(CONV_2D, (0, 1, 2), (3,), (number, options))], [0], [3])


def test_operators_in_order_with_their_shapes() -> None:
    found = [(layer.operator, layer.outputs[0].shape) for layer in layers(NETWORK)]
    assert found == [
        ("CONV_2D", (1, 8, 8, 8)),
        ("DEPTHWISE_CONV_2D", (1, 4, 4, 8)),
        ("CONV_2D", (1, 4, 4, 16)),
        ("MEAN", (1, 16)),
        ("FULLY_CONNECTED", (1, 3)),
    ]


def test_options_and_kernel() -> None:
    options = {1: ("i", 2), 2: ("i", 3), 3: ("b", 3), 4: ("i", 5), 5: ("i", 4)}
    (layer,) = layers(convolution(Fields(options)))
    assert layer.options == LayerOptions(3, 2, 4, 5, activation="relu6")
    assert layer.kernel == (3, 3)


def test_options_that_are_left_out_have_the_schema_s_defaults() -> None:
    (layer,) = layers(convolution(Fields({1: ("i", 1)})))
    assert layer.options == LayerOptions()
    # Options of a kind that is not known here are passed over.
    assert layers(convolution(Fields({1: ("i", 7)}), number=99))[0].options == LayerOptions()


def test_a_pooling_window() -> None:
    window = Fields({1: ("i", 1), 2: ("i", 2), 3: ("i", 7), 4: ("i", 5)})
    tensors = [Tensor("in", (1, 9, 9, 2), INT8, 1.0), Tensor("out", (1, 3, 3, 2), INT8, 1.0)]
    (layer,) = layers(graph(tensors, [Operator(1, (0,), (1,), (5, window))], [0], [1]))
    assert (layer.kernel, layer.options.stride_height) == ((5, 7), 2)


def test_quantization_per_tensor_and_per_channel() -> None:
    (layer,) = layers(convolution(Fields({1: ("i", 1)})))
    weights, bias, output = layer.input(1), layer.input(2), layer.outputs[0]
    assert weights is not None
    assert bias is not None
    assert (weights.scales, weights.per_channel, weights.dtype) == ((0.5, 0.25, 0.5, 2.0), True, "int8")
    assert (output.scales, output.zero_points, output.per_channel) == ((0.5,), (3,), False)
    assert (bias.dtype, bias.scales) == ("int32", ())


def test_constants_have_their_bytes_and_others_none() -> None:
    (layer,) = layers(convolution(Fields({1: ("i", 1)})))
    assert [(t.constant, t.stored_bytes) for t in layer.inputs if t] == [(False, 0), (True, 72), (True, 16)]
    assert bytes(layer.inputs[2].content) == bytes(16)  # type: ignore[union-attr]


def test_an_optional_input_that_is_left_out() -> None:
    tensors = [Tensor("in", (1, 3), UINT8), Tensor("out", (1, 3), UINT8)]
    (layer,) = layers(graph(tensors, [Operator(9, (0, -1), (1,))], [0], [1]))
    assert layer.inputs[1] is None
    assert layer.input(1) is None
    assert layer.input(7) is None


def test_a_dynamic_batch_is_one_image_and_other_dimensions_are_not_known() -> None:
    options = Fields({1: ("i", 1)})
    (layer,) = layers(convolution(options, signature=(-1, 4, 4, 4)))
    assert layer.outputs[0].shape == (1, 4, 4, 4)
    assert layer.outputs[0].static
    (layer,) = layers(convolution(options, signature=(-1, -1, 4, 4)))
    assert layer.outputs[0].shape == (1, -1, 4, 4)
    assert not layer.outputs[0].static


def test_custom_operators_have_their_own_name() -> None:
    (layer,) = layers(edgetpu_model())
    assert (layer.operator, layer.name) == ("CUSTOM", "edgetpu-custom-op")


def test_the_built_in_model() -> None:
    found = layers(find_model().read_bytes())
    assert len(found) == 63
    assert [layer.operator for layer in found].count("DEPTHWISE_CONV_2D") == 16
    kernels = [weights for layer in found if layer.operator == "CONV_2D" and (weights := layer.input(1))]
    assert all(weights.per_channel for weights in kernels)


def test_weights_behind_the_flatbuffers() -> None:
    def model(offset: int, size: int) -> bytes:
        weights = Fields({1: ("Q", offset), 2: ("Q", size)})
        tensor = Fields({0: ("i*", (8,)), 1: ("b", INT8), 2: ("I", 1), 3: ("str", "w")})
        subgraph = Fields({0: ("tables", [tensor]), 1: ("i*", [0]), 2: ("i*", [0])})
        fields = Fields({1: ("tables", []), 2: ("tables", [subgraph]), 4: ("tables", [Fields(), weights])})
        return finish(fields, b"TFL3") + bytes(64)

    length = len(model(1, 8))
    (tensor,) = read_subgraphs(model(length - 8, 8), "m")[0].inputs
    assert (tensor.constant, tensor.stored_bytes, len(tensor.content)) == (True, 8, 0)
    with pytest.raises(ModelError, match="runs past the end"):
        read_subgraphs(model(length - 8, 9), "m")


def test_further_subgraphs_are_read_too() -> None:
    two = Fields({0: ("tables", [Fields({0: ("i*", (1,)), 1: ("b", FLOAT32)})]), 1: ("i*", [0]), 2: ("i*", [0])})
    content = finish(Fields({2: ("tables", [two, two]), 4: ("tables", [Fields()])}), b"TFL3")
    assert len(read_subgraphs(content, "m")) == 2
    assert inspect_model(content, "m").other_subgraphs == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (graph([Tensor("t", (1,))], [Operator(SOFTMAX, (0,), (5,))], [0], [0]), "index 5 into 1 items"),
        (graph([Tensor("t", (1,))], [Operator(SOFTMAX, (-2,), (0,))], [0], [0]), "index -2 into 1 items"),
        (graph([Tensor("t", (2**31 - 1,) * 4)], [], [0], [0]), "no machine could hold"),
        (graph([Tensor("t", (-(2**31),) * 3)], [], [0], [0]), "no machine could hold"),
        (graph([Tensor("t", (1,) * 17)], [], [0], [0]), "17 dimensions"),
        (convolution(Fields({3: ("b", 77)})), "index 77 into 6 items"),
        (finish(Fields({4: ("tables", [Fields()])}), b"TFL3"), "no subgraph"),
        (b"\xff\xd8\xff\xe0" + bytes(range(200)), "a JPEG image"),
        (b"", "the file is empty"),
    ],
)
def test_damage_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=f"^some/file: .*{reason}"):
        read_subgraphs(content, "some/file")


def test_more_parts_than_any_model_has_are_refused() -> None:
    # A hostile file can claim an operator for every four of its bytes: all may be the same one.
    tensor, operator = Fields({0: ("i*", (1,)), 1: ("b", FLOAT32)}), Fields({0: ("I", 0)})
    subgraph = Fields({0: ("tables", [tensor]), 3: ("tables", [operator] * 100_001)})
    code = Fields({0: ("b", SOFTMAX)})
    model = Fields({1: ("tables", [code]), 2: ("tables", [subgraph]), 4: ("tables", [Fields()])})
    with pytest.raises(ModelError, match="more than 100000 tensors and operators"):
        read_subgraphs(finish(model, b"TFL3"), "m")


def look(content: bytes) -> bool:
    """Look into a model in every way, and show what was found; whether it could be read."""
    try:
        found = inspect_model(content, "m")
    except ModelError as error:
        assert str(error).startswith("m: ")
        return False
    assert len(found.layers) == len(found.costs) == len(found.unsupported_reasons)
    assert layers_text(found, 80).replace("\n", "").isprintable()
    assert json.dumps(layers_json(found), allow_nan=False)
    return True


@pytest.mark.parametrize("model", [NETWORK, MODEL, edgetpu_model()], ids=["network", "colours", "edgetpu"])
def test_flipped_bits_give_layers_or_a_model_error(model: bytes) -> None:
    outcomes = []
    for seed in range(1500):
        generator = random.Random(seed)
        damaged = bytearray(model)
        for _ in range(generator.choice((1, 1, 2, 8))):
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        outcomes.append(look(bytes(damaged)))
    assert min(outcomes.count(True), outcomes.count(False)) > 50


def test_flipped_bits_in_the_built_in_model() -> None:
    content = find_model().read_bytes()
    outcomes = []
    for seed in range(60):
        generator = random.Random(seed)
        damaged = bytearray(content)
        # The graph stands at the file's start and, behind the weights, at its end.
        for _ in range(3):
            place = generator.randrange(3000) if seed % 2 else len(content) - 1 - generator.randrange(150_000)
            damaged[place] ^= 1 << generator.randrange(8)
        outcomes.append(look(bytes(damaged)))
    assert {True, False} == set(outcomes)


@pytest.mark.parametrize("length", range(0, len(MODEL), 17))
def test_truncated_models_are_refused_or_read(length: int) -> None:
    look(MODEL[:length])


def test_zeroed_ranges_give_layers_or_a_model_error() -> None:
    outcomes = []
    for seed in range(500):
        generator = random.Random(seed)
        start = generator.randrange(len(NETWORK))
        zeros = bytes(generator.choice((1, 4, 16, 100, 1000)))
        outcomes.append(look((NETWORK[:start] + zeros + NETWORK[start + len(zeros) :])[: len(NETWORK)]))
    assert outcomes.count(False) > 50


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(NETWORK) - 4), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4))
def test_overwritten_bytes_give_layers_or_a_model_error(patches: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(NETWORK)
    for position, content in patches:
        damaged[position : position + len(content)] = content
    look(bytes(damaged))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_after_the_identifier_give_a_model_error(content: bytes) -> None:
    with contextlib.suppress(ModelError):
        read_subgraphs(struct.pack("<I", 8) + b"TFL3" + content, "m")


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5), min_size=3, max_size=3),
    st.sampled_from([0, 1, 3, 4, 9, 17, 25, 40, 67, 126, 132]),
    st.sampled_from([0, 1, 2, 5, 8, 10, 49, 101]),
)
def test_shapes_that_make_no_sense_are_counted_or_refused(shapes: list[list[int]], code: int, options: int) -> None:
    tensors = [Tensor(f"t{number}", tuple(shape), INT8, 1.0, data=b"x") for number, shape in enumerate(shapes[:2])]
    tensors.append(Tensor("out", tuple(shapes[2]), INT8, 1.0))
    look(graph(tensors, [Operator(code, (0, 1), (2,), (options, Fields()))], [0], [2]))


def test_bare_models_of_any_shape_are_read() -> None:
    assert look(bare_model(((1, 8, 8, 3), (1, 4)), ((1, 3), (1, 2))))
