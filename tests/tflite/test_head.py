"""Where the head of a classifier is, what feeds it, and what has none."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from mobiclass.errors import ModelError
from mobiclass.hub import find_model
from mobiclass.tflite.head import find_head, head_weights
from tests.support.bases import BASES, BIAS, WEIGHTS
from tests.support.tiny_models import (
    FULLY_CONNECTED,
    INT32,
    UINT8,
    Fields,
    Operator,
    Tensor,
    bare_model,
    colour_model,
    edgetpu_model,
    feature_extractor,
    graph,
)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_a_dense_layer_on_means(dtype: str) -> None:
    content = colour_model(dtype=dtype, classes=5)
    head = find_head(content, "m")
    assert (head.operator, head.classes, head.width) == ("FULLY_CONNECTED", 5, 3)
    assert (head.features.name, head.pooled_from, head.kept) == ("means", 0, (0,))
    weights, bias = head_weights(content, head, "m")
    np.testing.assert_allclose(weights[:3], np.eye(3) * 6 - 2, atol=1e-6)
    np.testing.assert_allclose(bias, [0, 0, 0, -8, -8], atol=0.01)


@pytest.mark.parametrize("kind", BASES)
def test_the_head_of_every_kind_of_base(kind: str) -> None:
    content = BASES[kind]()
    place = 1 if "two heads" in kind else 0
    head = find_head(content, "m", output_place=place)
    assert (head.operator, head.classes, head.width) == ("CONV_2D" if "conv" in kind else head.operator, 3, 3)
    assert head.pooled_from == (1 if "uint8 outside" in kind or kind == "int8, convolution" else 0)
    weights, bias = head_weights(content, head, "m")
    np.testing.assert_array_equal(weights, WEIGHTS)
    np.testing.assert_allclose(bias, BIAS, atol=1e-3)


def test_weights_too_large_for_floats_cannot_be_read() -> None:
    content = BASES["int8"]()
    steps = struct.pack("<3f", *(1 / 16,) * 3)
    assert content.count(steps) == 1
    content = content.replace(steps, struct.pack("<3f", *(3e38,) * 3))
    with pytest.raises(ModelError, match="the weights of its head cannot be read"):
        head_weights(content, find_head(content, "m"), "m")


def test_weights_in_an_order_of_their_own_are_no_head() -> None:
    tensors = [
        Tensor("image", (1, 1, 1, 4), UINT8, 1.0),
        Tensor("weights", (4, 4), UINT8, 1.0, data=bytes(16)),
        Tensor("bias", (4,), INT32, 1.0, data=bytes(16)),
        Tensor("scores", (1, 4), UINT8, 1.0),
    ]
    for shuffled in (0, 1):
        dense = Operator(FULLY_CONNECTED, (0, 1, 2), (3,), (8, Fields({0: ("b", 0), 1: ("b", shuffled)})))
        content = graph(tensors, [dense], [0], [3])
        if shuffled:
            with pytest.raises(ModelError, match="its scores come from FULLY_CONNECTED, not from a dense layer"):
                find_head(content, "m")
        else:
            assert find_head(content, "m").classes == 4


def test_a_model_without_softmax() -> None:
    assert find_head(colour_model(softmax=False), "m").classes == 3


def test_the_built_in_model() -> None:
    content = find_model(None).read_bytes()
    head = find_head(content, "m")
    assert (head.operator, head.classes, head.width, head.features.dtype) == ("FULLY_CONNECTED", 1000, 1280, "int8")
    assert head.pooled_from is not None
    weights, bias = head_weights(content, head, "m")
    assert (weights.shape, bias.shape) == ((1000, 1280), (1000,))
    assert 0.01 < float(np.abs(weights).mean()) < 0.2


def test_an_extractor_ends_in_its_features() -> None:
    head = find_head(feature_extractor(8), "m")
    assert (head.operator, head.classes, head.width, head.features.name) == ("none", 0, 8, "features")


def test_a_compiled_extractor_ends_in_its_features_and_a_compiled_classifier_is_refused() -> None:
    extractor = bare_model([(1, 8, 8, 3)], [(1, 64)], code="edgetpu-custom-op", output_scale=0.05, output_zero_point=0)
    assert (find_head(extractor, "m").operator, find_head(extractor, "m").width) == ("none", 64)
    with pytest.raises(ModelError, match="is compiled for the Edge TPU and cannot be taken apart"):
        find_head(edgetpu_model(), "m")


def test_what_has_no_features_is_refused_with_what_it_has() -> None:
    with pytest.raises(ModelError, match=r"m: its scores come from nothing|take a MobileNet"):
        find_head(bare_model(), "m")


def test_no_model_at_all() -> None:
    with pytest.raises(ModelError, match="not a TFLite model"):
        find_head(b"not a model", "m")
