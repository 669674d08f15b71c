"""Outputs that the graph does not tell apart, told by running it on made-up pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mobiclass import Classifier, ModelError
from mobiclass.runtime.probing import kind_of_values
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel
from tests.support.graphs import EXP, LOGISTIC, MAXIMUM, MUL, RELU, WEIGHTS, Net
from tests.support.tiny_models import FULLY_CONNECTED

RED = np.full((8, 8, 3), (200, 20, 20), np.uint8)


def grouped() -> bytes:
    """Add up the softmax of two classes."""
    net = Net()
    groups = net.constant(1, 1, 0, 0, 0, 1, shape=(2, 3))
    return net.finish(net.add(FULLY_CONNECTED, (net.softmax(net.logits()), groups), (1, 2)))


def relu() -> bytes:
    net = Net()
    return net.finish(net.unary(RELU, net.logits()))


def greatest_of_two() -> bytes:
    """Take the greater of two networks' products of sigmoids: from 0 to 1, but with bounds that are not followed."""
    net = Net()
    layer = net.constant(*(value / 3 for value in WEIGHTS), shape=(3, 3))
    mixed = net.add(FULLY_CONNECTED, (net.unary(LOGISTIC, net.logits()), layer), (1, 3))
    return net.finish(net.elementwise(MAXIMUM, net.unary(LOGISTIC, mixed), net.unary(LOGISTIC, mixed)))


def percentages() -> bytes:
    net = Net()
    return net.finish(net.elementwise(MUL, net.softmax(net.logits()), net.constant(100.0)))


def test_what_adds_up_to_one_is_taken_as_it_is(make_model: MakeModel) -> None:
    path = make_model(grouped())
    assert read_model(path).output_kind is None
    classifier = Classifier.load(path, num_threads=1)
    assert classifier.model.output_kind == "probabilities"
    assert classifier.model.sources["output_kind"] == (
        "6 test images: scores from 0 to 1 that add up to 1 (graph: FULLY_CONNECTED does not tell)"
    )
    assert classifier.classify(RED)[0].score == pytest.approx(0.9998, abs=1e-4)
    assert classifier.clone().model is classifier.model  # and is not run again


def test_what_goes_beyond_one_gets_a_softmax(make_model: MakeModel) -> None:
    classifier = Classifier.load(make_model(relu()), num_threads=1)
    assert classifier.model.output_kind == "logits"
    assert sum(prediction.score for prediction in classifier.classify(RED)) == pytest.approx(1)


def test_the_graph_alone_is_enough_where_it_tells(make_model: MakeModel) -> None:
    assert read_model(make_model(greatest_of_two())).output_kind == "multilabel"


def test_percentages_are_refused_unless_somebody_insists(make_model: MakeModel) -> None:
    path = make_model(percentages())
    with pytest.raises(ModelError, match="add up to 100 on every image.*--output-kind"):
        Classifier.load(path, num_threads=1)
    assert Classifier.load(path, num_threads=1, output_kind="logits").classify(RED)[0].score == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[0.5, 0.5], [0.1, 0.9]], "probabilities"),
        ([[0.5, 0.51], [0.1, 0.9]], "probabilities"),
        ([[0.5, 0.6], [0.1, 0.9]], "multilabel"),
        ([[0.0, 0.0], [0.1, 0.9]], "multilabel"),
        ([[0.5, 0.5], [-0.1, 1.1]], "logits"),
        ([[0.5, 0.5], [0.0, 1.5]], "logits"),
        ([[float("nan"), 0.5], [0.5, 0.5]], "logits"),
        ([[0.5], [0.1]], "probabilities"),
        ([[0.5], [1.5]], "logits"),
    ],
)
def test_values_tell(values: Any, kind: str) -> None:
    assert kind_of_values(np.array(values, np.float32))[0] == kind


def test_a_quantized_softmax_need_not_add_up_to_one_exactly() -> None:
    values = np.full((2, 40), 1 / 256, np.float32)
    values[:, 0] = 0.75
    assert kind_of_values(values)[0] == "multilabel"
    assert kind_of_values(values, step=1 / 256)[0] == "probabilities"


def test_exponentials_alone_are_no_probabilities(make_model: MakeModel) -> None:
    net = Net()
    classifier = Classifier.load(make_model(net.finish(net.unary(EXP, net.logits()))), num_threads=1)
    assert classifier.model.output_kind == "logits"
