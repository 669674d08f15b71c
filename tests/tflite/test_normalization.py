"""Arithmetic in front of the first layer: folded into a mean and a std, and what pixels it expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mobiclass.tflite.graph import read_graph
from mobiclass.tflite.info import read_model
from mobiclass.tflite.network import Folded
from mobiclass.tflite.normalization import expected_pixels, expects_bgr, formula
from tests.conftest import MakeModel
from tests.support.graphs import (
    ADD,
    CONV_2D,
    DEQUANTIZE,
    DIV,
    FLOAT16,
    GATHER,
    MAXIMUM,
    MINIMUM,
    MUL,
    PACK,
    RELU,
    RESHAPE,
    REVERSE_V2,
    STRIDED_SLICE,
    SUB,
    TRANSPOSE,
    Net,
)
from tests.support.tiny_models import UINT8, Fields

Front = Callable[[Net, int], int]

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
CAFFE = (103.939, 116.779, 123.68)


def folded(front: Front, shape: tuple[int, ...] = (1, 8, 8, 3), axis: int = 3, **options: Any) -> Folded | None:
    """Fold what a network with `front` begins with."""
    net = Net(shape, **options)
    image = front(net, net.image)
    if axis == 1:
        image = net.add(TRANSPOSE, (image, net.integers(0, 2, 3, 1)), (1, shape[2], shape[3], shape[1]))
    return read_graph(net.finish(net.softmax(net.logits(image))), "m").folded.get(axis)


def rescaled(net: Net, image: int, *, scale: float = 1 / 127.5, offset: float = 1.0) -> int:
    return net.elementwise(SUB, net.elementwise(MUL, image, net.constant(scale)), net.constant(offset))


def standardized(net: Net, image: int, mean: tuple[float, ...], std: tuple[float, ...]) -> int:
    return net.elementwise(DIV, net.elementwise(SUB, image, net.constant(*mean)), net.constant(*std))


def from_float16(net: Net, image: int) -> int:
    """Subtract a constant that is stored as float16."""
    import struct

    half = net._tensor("half", (), FLOAT16, data=struct.pack("<e", 127.5))
    return net.elementwise(SUB, image, net.add(DEQUANTIZE, (half,), ()))


FRONTS: dict[str, tuple[Front, tuple[float, ...], tuple[float, ...]]] = {
    "rescaling": (rescaled, (127.5,) * 3, (127.5,) * 3),
    "minus, then times": (
        lambda net, image: net.elementwise(
            MUL, net.elementwise(SUB, image, net.constant(127.0)), net.constant(1 / 128)
        ),
        (127.0,) * 3, (128.0,) * 3,
    ),
    "by 255, then ImageNet's": (
        lambda net, image: standardized(
            net, net.elementwise(DIV, image, net.constant(255.0)), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        ),
        IMAGENET_MEAN, IMAGENET_STD,
    ),
    "a constant on the left": (
        lambda net, image: net.elementwise(ADD, net.constant(-1.0), net.elementwise(MUL, net.constant(2.0), image)),
        (0.5,) * 3, (0.5,) * 3,
    ),
    "a constant of float16": (from_float16, (127.5,) * 3, (1.0,) * 3),
    "a constant of four dimensions": (
        lambda net, image: net.elementwise(SUB, image, net.constant(*CAFFE, shape=(1, 1, 1, 3))), CAFFE, (1.0,) * 3,
    ),
    "through a reshaping": (
        lambda net, image: standardized(
            net, net.add(RESHAPE, (image, net.integers(1, 4, 16, 3)), (1, 4, 16, 3)), CAFFE, (1.0, 2.0, 4.0)
        ),
        CAFFE, (1.0, 2.0, 4.0),
    ),
    "reversed channels": (
        lambda net, image: net.elementwise(
            SUB, net.add(REVERSE_V2, (image, net.integers(3)), (1, 8, 8, 3)), net.constant(*CAFFE)
        ),
        CAFFE[::-1], (1.0,) * 3,
    ),
    "channels reversed by a gathering": (
        lambda net, image: net.elementwise(
            SUB,
            net.add(GATHER, (image, net.integers(2, 1, 0)), (1, 8, 8, 3), options=(23, Fields({0: ("i", -1)}))),
            net.constant(*CAFFE),
        ),
        CAFFE[::-1], (1.0,) * 3,
    ),
    "limits first": (
        lambda net, image: rescaled(
            net, net.elementwise(MINIMUM, net.constant(255.0), net.elementwise(MAXIMUM, image, net.constant(0.0)))
        ),
        (127.5,) * 3, (127.5,) * 3,
    ),
    "channels reversed by a slice": (
        lambda net, image: net.elementwise(
            SUB,
            net.add(
                STRIDED_SLICE,
                (image, net.integers(0, 0, 0, -1), net.integers(1, 8, 8, -4), net.integers(1, 1, 1, -1)), (1, 8, 8, 3),
            ),
            net.constant(*CAFFE),
        ),
        CAFFE[::-1], (1.0,) * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRONTS)
def test_arithmetic_with_constants_is_folded(name: str) -> None:
    front, mean, std = FRONTS[name]
    found = folded(front)
    assert found is not None
    assert found.mean == pytest.approx(mean, rel=1e-4)
    assert found.std == pytest.approx(std, rel=1e-4)


def test_channels_that_come_first_are_followed_through_a_transposition() -> None:
    def front(net: Net, image: int) -> int:
        return net.elementwise(SUB, image, net.constant(*CAFFE, shape=(1, 3, 1, 1)))

    found = folded(front, (1, 3, 8, 8), axis=1)
    assert found is not None
    assert found.mean == pytest.approx(CAFFE)

    def behind(net: Net, image: int) -> int:
        last = net.add(TRANSPOSE, (image, net.integers(0, 2, 3, 1)), (1, 8, 8, 3))
        first = net.elementwise(SUB, last, net.constant(*CAFFE))
        return net.add(TRANSPOSE, (first, net.integers(0, 3, 1, 2)), (1, 3, 8, 8))

    found = folded(behind, (1, 3, 8, 8), axis=1)
    assert found is not None
    assert found.mean == pytest.approx(CAFFE)


@pytest.mark.parametrize(
    "front",
    [
        lambda net, image: image,
        lambda net, image: net.unary(RELU, image),
        lambda net, image: net.elementwise(MUL, image, image),
        lambda net, image: net.elementwise(DIV, net.constant(1.0), image),
        lambda net, image: net.elementwise(SUB, net.constant(1.0), image),
        lambda net, image: net.elementwise(MUL, image, net.constant(0.0)),
        lambda net, image: net.elementwise(DIV, image, net.constant(0.0)),
        lambda net, image: net.elementwise(MUL, image, net.constant(*(2.0,) * 8, *(3.0,) * 16, shape=(8, 3))),
    ],
    ids=["nothing", "relu", "a square", "its inverse", "its negative", "times 0", "by 0", "one a place"],
)
def test_what_is_no_normalization_is_not_folded(front: Front) -> None:
    assert folded(front) is None


def test_what_follows_two_branches_is_not_folded() -> None:
    def front(net: Net, image: int) -> int:
        return net.elementwise(ADD, net.elementwise(MUL, image, net.constant(2.0)), image)

    assert folded(front) is None


EXPECTED = {
    "x/127.5 − 1": ((127.5,), (127.5,), 0.0, 1.0),
    "x/255": ((0.0,), (255.0,), 0.0, 1.0),
    "ImageNet's, of 0–255": (IMAGENET_MEAN, IMAGENET_STD, 0.0, 1.0),
    "Caffe's mean": (CAFFE, (1.0,) * 3, 0.0, 1.0),
    "ImageNet's, of 0–1": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.0, 255.0),
    "2x − 1": ((0.5,), (0.5,), 0.0, 255.0),
    "x − 0.5": ((0.5,), (1.0,), 0.0, 255.0),
    "255x": ((0.0,), (1 / 255,), 0.0, 255.0),
    "(x + 1) / 2": ((-1.0,), (2.0,), 127.5, 127.5),
    "(x + 1) · 127.5": ((-1.0,), (1 / 127.5,), 127.5, 127.5),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_rest_of_the_normalization_follows(name: str) -> None:
    mean, std, outer_mean, outer_std = EXPECTED[name]
    assert expected_pixels(Folded(mean, std)) == ((outer_mean,) * 3, (outer_std,) * 3)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.0, 0.5), (0.0, 10.0), (1000.0, 127.5), (0.5, 1e-7)])
def test_other_arithmetic_does_not_say_what_it_expects(mean: float, std: float) -> None:
    assert expected_pixels(Folded((mean,), (std,))) is None


def test_the_means_of_caffe_in_their_order_are_those_of_blue_green_and_red() -> None:
    assert expects_bgr(Folded(CAFFE, (1.0,) * 3))
    assert not expects_bgr(Folded(CAFFE[::-1], (1.0,) * 3))
    assert not expects_bgr(Folded((103.9,), (1.0,)))


@pytest.mark.parametrize(("mean", "std"), [(CAFFE, IMAGENET_STD[::-1]), ((0.406, 0.456, 0.485), (0.225, 0.224, 0.229))])
def test_whatever_they_are_divided_by(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    assert expects_bgr(Folded(mean, std))
    assert not expects_bgr(Folded(mean[::-1], std[::-1]))


def test_the_formula_is_written_as_people_write_it() -> None:
    assert formula((127.5,), (127.5,)) == "x/127.5 − 1"
    assert formula((0.5,), (0.5,)) == "2·x − 1"
    assert formula((-1.0,), (2.0,)) == "x/2 + 0.5"
    assert formula((0.0,) * 3, (255.0,) * 3) == "x/255"
    assert formula((1.0, 2.0, 3.0), (1.0, 1.0, 2.0)) == "(x − (1, 2, 3)) / (1, 1, 2)"


def test_channels_that_are_taken_apart_and_put_together_in_the_opposite_order_are_followed() -> None:
    def front(net: Net, image: int) -> int:
        slices = [
            net.add(
                STRIDED_SLICE,
                (image, net.integers(0, 0, 0, channel), net.integers(0, 0, 0, channel + 1), net.integers(1, 1, 1, 1)),
                (1, 8, 8),
            )
            for channel in (2, 1, 0)
        ]
        packed = net.add(PACK, slices, (1, 8, 8, 3), options=(59, Fields({0: ("i", 3), 1: ("i", 3)})))
        return net.elementwise(ADD, packed, net.constant(*(-mean for mean in CAFFE), shape=(1, 1, 1, 3)))

    found = folded(front)
    assert found is not None
    assert found.mean == pytest.approx(CAFFE[::-1])


def convolved(*weights: float) -> bytes:
    """Begin with a convolution of 1×1, one filter a weight."""
    net = Net()
    filters = net.constant(*(weight / 3 for weight in weights for _ in range(3)), shape=(len(weights), 1, 1, 3))
    options = (1, Fields({0: ("b", 1), 1: ("i", 1), 2: ("i", 1)}))
    shape = (1, 8, 8, len(weights))
    features = net.add(CONV_2D, (net.image, filters, net.constant(*[0.0] * len(weights))), shape, options=options)
    return net.finish(net.softmax(net.logits(features, weights=[1.0] * 3 * len(weights))))


@pytest.mark.parametrize(
    ("weights", "fits"),
    [
        ((0.02, 0.03, 0.01, 0.02), True),
        ((0.02, 0.03, 0.01, 50.0), False),  # the quartile of four is the greatest
        ((0.02, 0.03, 0.01, 0.02, 0.01, 0.02, 0.01, 50.0), True),  # one filter that is larger than the others
        ((2.0, 3.0, 0.0, 0.0), False),  # dead filters
        ((0.0, 0.0, 0.0, 0.0), False),
    ],
)
def test_a_normalization_inside_the_weights_is_known_by_their_size(
    weights: tuple[float, ...], fits: bool, make_model: MakeModel
) -> None:
    info = read_model(make_model(convolved(*weights)))
    assert info.fits_raw_pixels == fits
    assert info.preprocessing.sources["std"] == ("weights of the first layer" if fits else "default")
    assert info.preprocessing.std == ((1.0,) * 3 if fits else (127.5,) * 3)


def test_the_graph_says_what_the_values_of_a_quantized_input_are_to_be(make_model: MakeModel) -> None:
    # As converters write it for a range from −124 to 255, which a mean that is taken off asks for.
    net = Net(dtype=UINT8, scale=1.5, zero_point=83)
    image = net.elementwise(SUB, net.add(DEQUANTIZE, (net.image,), (1, 8, 8, 3)), net.constant(*CAFFE[::-1]))
    info = read_model(make_model(net.finish(net.softmax(net.logits(image)))))
    assert (info.preprocessing.mean, info.preprocessing.std) == ((0.0,) * 3, (1.0,) * 3)
    assert info.preprocessing.sources["mean"] == "the graph normalizes by itself"
