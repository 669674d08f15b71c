"""A normalization that the graph speaks against is said to be odd, and any other is not."""

from __future__ import annotations

from typing import Any

import pytest

from mobiclass.tflite.doubts import normalization_doubt
from mobiclass.tflite.facts import override_facts
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel
from tests.support.graphs import CONV_2D, MUL, SUB, Net
from tests.support.tiny_models import Fields, colour_model


def plain() -> bytes:
    net = Net()
    return net.finish(net.softmax(net.logits()))


def rescaling() -> bytes:
    net = Net()
    scaled = net.elementwise(SUB, net.elementwise(MUL, net.image, net.constant(1 / 127.5)), net.constant(1.0))
    return net.finish(net.softmax(net.logits(scaled)))


def in_the_weights() -> bytes:
    net = Net()
    filters = net.constant(*[0.002] * 9, shape=(3, 1, 1, 3))
    options = (1, Fields({0: ("b", 1), 1: ("i", 1), 2: ("i", 1)}))
    features = net.add(CONV_2D, (net.image, filters, net.constant(0, 0, 0)), (1, 8, 8, 3), options=options)
    return net.finish(net.softmax(net.logits(features)))


@pytest.mark.parametrize(
    ("content", "said", "doubt"),
    [
        (plain(), {}, None),
        (plain(), {"mean": 127.5, "std": 127.5}, None),
        (plain(), {"mean": 0, "std": 1}, "it is fed pixels of 0-255 as they are, and no normalization was found"),
        (plain(), {"std": 1}, r"it is fed \(pixel - 127.5\) / 1, and no normalization was found"),
        (rescaling(), {}, None),
        (rescaling(), {"mean": 0, "std": 1}, None),
        (
            rescaling(), {"mean": 127.5, "std": 127.5},
            r"normalizes by itself \(x/127.5 − 1\), which expects \(pixel - 0\) / 1, and is fed something else: "
            r"\(pixel - 127.5\) / 127.5 \(command line\)",
        ),
        (in_the_weights(), {}, None),
        (in_the_weights(), {"mean": 0, "std": 1}, None),
        (in_the_weights(), {"std": 1}, None),
        (in_the_weights(), {"mean": 127.5, "std": 1}, r"it is fed \(pixel - 127.5\) / 1"),
        (colour_model(scale=1.0, zero_point=0, mean=None, labels=None), {}, None),
        (colour_model(scale=1.0, zero_point=0, mean=None, labels=None), {"mean": 0, "std": 1}, None),
        (colour_model(mean=None, labels=None), {"mean": 0, "std": 1}, "pixels of 0-255 as they are"),
    ],
)  # fmt: skip
def test_a_normalization_is_held_against_the_graph(
    content: bytes, said: dict[str, Any], doubt: str | None, make_model: MakeModel
) -> None:
    import re

    text = normalization_doubt(read_model(make_model(content), override_facts(**said)))
    assert text is None if doubt is None else text is not None and re.search(doubt, text)
