"""Probabilities or logits, by the graph alone: what makes probabilities, by whatever name, and what leaves it open."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.errors import ModelError
from mobiclass.tflite.graph import read_graph
from tests.support.graphs import (
    ADD,
    CAST,
    CONCATENATION,
    DIV,
    EXP,
    FLOAT16,
    GATHER,
    LOG,
    LOG_SOFTMAX,
    LOGISTIC,
    MAXIMUM,
    MINIMUM,
    MUL,
    PACK,
    POW,
    REDUCE_MAX,
    RELU,
    RELU6,
    RESHAPE,
    SLICE,
    SQUEEZE,
    SUB,
    SUM,
    TANH,
    WEIGHTS,
    Net,
)
from tests.support.tiny_models import FULLY_CONNECTED, MEAN, SOFTMAX, Fields, Operator, Tensor, graph

Head = Callable[[Net], int]


def divided_by_sum(net: Net, values: int, *, extra: float | None = None) -> int:
    """Normalize (1, N) values by their sum, perhaps with something added so that it is never 0."""
    total = net.reduce(SUM, values, (1,), keep=True)
    if extra is not None:
        total = net.elementwise(ADD, total, net.constant(extra))
    return net.elementwise(DIV, values, total)


def exp_sum_div(net: Net) -> int:
    return divided_by_sum(net, net.unary(EXP, net.logits()))


def shifted_exp_sum_div(net: Net) -> int:
    logits = net.logits()
    return divided_by_sum(
        net, net.unary(EXP, net.elementwise(SUB, logits, net.reduce(REDUCE_MAX, logits, (1,), keep=True)))
    )


def times_reciprocal(net: Net) -> int:
    powers = net.unary(EXP, net.logits())
    return net.elementwise(
        MUL, powers, net.elementwise(DIV, net.constant(1.0), net.reduce(SUM, powers, (1,), keep=True))
    )


def times_power_of_minus_one(net: Net) -> int:
    powers = net.unary(EXP, net.logits())
    return net.elementwise(
        MUL, powers, net.elementwise(POW, net.reduce(SUM, powers, (1,), keep=True), net.constant(-1.0))
    )


def log_softmax_by_hand(net: Net, *, shifted: bool = False, put_back: bool = True) -> int:
    logits = net.logits()
    greatest = net.reduce(REDUCE_MAX, logits, (1,), keep=True)
    inside = net.elementwise(SUB, logits, greatest) if shifted else logits
    logarithm = net.unary(LOG, net.reduce(SUM, net.unary(EXP, inside), (1,), keep=True))
    if shifted and put_back:
        logarithm = net.elementwise(ADD, logarithm, greatest)
    return net.elementwise(SUB, logits, logarithm)


def two(net: Net) -> tuple[int, int]:
    """Give the softmaxes of two networks."""
    return net.softmax(net.logits()), net.softmax(net.logits(bias=(1.0, 0.0, 0.0)))


def weighted(net: Net, first: float, second: float) -> int:
    one, other = two(net)
    return net.elementwise(
        ADD, net.elementwise(MUL, one, net.constant(first)), net.elementwise(MUL, other, net.constant(second))
    )


def gated(net: Net) -> int:
    gate = net.unary(LOGISTIC, net.logits(weights=(1.0, 1.0, 1.0)))
    one, other = two(net)
    rest = net.elementwise(SUB, net.constant(1.0), gate)
    return net.elementwise(ADD, net.elementwise(MUL, one, gate), net.elementwise(MUL, other, rest))


def mean_of_stacked(net: Net) -> int:
    stacked = net.add(PACK, two(net), (2, 1, 3), options=(59, Fields({0: ("i", 2), 1: ("i", 0)})))
    return net.reduce(MEAN, stacked, (0,), keep=False)


def both_classes(net: Net) -> int:
    second = net.unary(LOGISTIC, net.logits(weights=(4.0, -2.0, -2.0)))
    return net.concatenate((net.elementwise(SUB, net.constant(1.0), second), second))


def half(net: Net, sum_of_two: int) -> int:
    return net.elementwise(MUL, sum_of_two, net.constant(0.5))


def reshaped(net: Net, tensor: int, *shape: int) -> int:
    return net.add(RESHAPE, (tensor, net.integers(*shape)), shape)


def softmax_of_each_place(net: Net) -> int:
    weights = net.constant(*WEIGHTS, shape=(3, 3))
    keeps_shape = (8, Fields({0: ("b", 0), 2: ("?", True)}))
    logits = net.add(FULLY_CONNECTED, (net.image, weights), net.shape(net.image), options=keeps_shape)
    return net.reduce(MEAN, net.softmax(logits), (1, 2), keep=False)


PROBABILITIES: dict[str, Head] = {
    "softmax": lambda net: net.softmax(net.logits()),
    "softmax in four dimensions": lambda net: reshaped(net, net.softmax(net.logits()), 1, 1, 1, 3),
    "softmax, squeezed": lambda net: net.add(SQUEEZE, (reshaped(net, net.softmax(net.logits()), 1, 1, 1, 3),), (1, 3)),
    "softmax, cast": lambda net: net.add(CAST, (net.softmax(net.logits()),), (1, 3), dtype=FLOAT16),
    "exp, sum, div": exp_sum_div,
    "exp of the shifted, sum, div": shifted_exp_sum_div,
    "exp, times 1 / sum": times_reciprocal,
    "exp, times sum to the power of −1": times_power_of_minus_one,
    "relu, by the sum and a little": lambda net: divided_by_sum(net, net.unary(RELU, net.logits()), extra=1e-7),
    "log-softmax, exp": lambda net: net.unary(EXP, net.unary(LOG_SOFTMAX, net.logits())),
    "log-softmax by hand, exp": lambda net: net.unary(EXP, log_softmax_by_hand(net)),
    "shifted log-softmax by hand, exp": lambda net: net.unary(EXP, log_softmax_by_hand(net, shifted=True)),
    "half of a sum": lambda net: half(net, net.elementwise(ADD, *two(net))),
    "a sum by two": lambda net: net.elementwise(DIV, net.elementwise(ADD, *two(net)), net.constant(2.0)),
    "weights that add up to 1": lambda net: weighted(net, 0.25, 0.75),
    "a gate": gated,
    "mean of stacked": mean_of_stacked,
    "mean over places": softmax_of_each_place,
    "1 − p and p": both_classes,
    "clipped": lambda net: net.elementwise(
        MINIMUM, net.elementwise(MAXIMUM, net.softmax(net.logits()), net.constant(1e-7)), net.constant(1 - 1e-7)
    ),
    "without the background": lambda net: net.add(
        SLICE, (net.softmax(net.logits(weights=(0.0,) * 3 + WEIGHTS)), net.integers(0, 1), net.integers(1, 3)), (1, 3)
    ),
    "in another order": lambda net: net.add(GATHER, (net.softmax(net.logits()), net.integers(2, 0, 1)), (1, 3)),
    "one sigmoid": lambda net: net.unary(LOGISTIC, net.logits(weights=(4.0, -2.0, -2.0))),
}
MULTILABEL: dict[str, Head] = {
    "sigmoids": lambda net: net.unary(LOGISTIC, net.logits()),
    "mean of sigmoids": lambda net: half(
        net, net.elementwise(ADD, net.unary(LOGISTIC, net.logits()), net.unary(LOGISTIC, net.logits()))
    ),
    "hard sigmoids": lambda net: net.elementwise(
        MUL, net.unary(RELU6, net.elementwise(ADD, net.logits(), net.constant(3.0))), net.constant(1 / 6)
    ),
    "tanh moved to 0 to 1": lambda net: half(
        net, net.elementwise(ADD, net.unary(TANH, net.logits()), net.constant(1.0))
    ),
    "two softmaxes side by side": lambda net: net.concatenate(two(net)),
}
LOGITS: dict[str, Head] = {
    "fully connected": lambda net: net.logits(),
    "scaled": lambda net: net.elementwise(MUL, net.logits(), net.constant(2.0)),
    "sum of two": lambda net: net.elementwise(ADD, net.logits(), net.logits()),
    "difference of a constant": lambda net: net.elementwise(SUB, net.constant(1.0), net.logits()),
    "log-softmax": lambda net: net.unary(LOG_SOFTMAX, net.logits()),
    "logarithm of a softmax": lambda net: net.unary(LOG, net.softmax(net.logits())),
    "log-softmax by hand": lambda net: log_softmax_by_hand(net),
}
OPEN: dict[str, Head] = {
    "weights that add up to 2": lambda net: weighted(net, 1.0, 1.0),
    "exp alone": lambda net: net.unary(EXP, net.logits()),
    "relu": lambda net: net.unary(RELU, net.logits()),
    "exp of a log-softmax that is shifted and not put back": lambda net: net.unary(
        EXP, log_softmax_by_hand(net, shifted=True, put_back=False)
    ),
    "by another sum": lambda net: net.elementwise(
        DIV, net.unary(EXP, net.logits()), net.reduce(SUM, net.unary(EXP, net.logits()), (1,), keep=True)
    ),
    "a layer over a softmax": lambda net: net.add(
        FULLY_CONNECTED, (net.softmax(net.logits()), net.constant(1, 1, 0, 0, 0, 1, shape=(2, 3))), (1, 2)
    ),
    "percentages": lambda net: net.elementwise(MUL, net.softmax(net.logits()), net.constant(100.0)),
    "a custom operator": lambda net: net.add("mystery", (net.logits(),), (1, 3)),
}
HEADS = [
    (kind, name, head)
    for kind, heads in (
        ("probabilities", PROBABILITIES), ("multilabel", MULTILABEL), ("logits", LOGITS), ("open", OPEN)
    )
    for name, head in heads.items()
]  # fmt: skip


def kind_of(head: Head) -> tuple[str, str]:
    """Trace the head of a network."""
    net = Net()
    (output,) = read_graph(net.finish(head(net)), "m").outputs
    return output.head.kind, output.head.reason


@pytest.mark.parametrize(("kind", "head"), [pytest.param(kind, head, id=name) for kind, name, head in HEADS])
def test_what_makes_the_scores_says_what_they_are(kind: str, head: Head) -> None:
    assert kind_of(head)[0] == kind


def test_the_reason_names_the_operators_in_their_order() -> None:
    assert kind_of(exp_sum_div)[1] == "graph: FULLY_CONNECTED, EXP, SUM, DIV"
    assert kind_of(OPEN["a custom operator"])[1] == "graph: CUSTOM does not tell"


def test_each_image_of_a_batch_has_scores_that_add_up_to_one() -> None:
    net = Net((4, 8, 8, 3))
    assert read_graph(net.finish(net.softmax(net.logits())), "m").outputs[0].head.kind == "probabilities"


def test_a_graph_that_runs_in_a_circle_is_open() -> None:
    tensors = [Tensor(f"t{number}", (1, 3)) for number in range(3)]
    operators = [Operator(ADD, (0, 1), (2,)), Operator(MUL, (2, 2), (1,))]
    assert read_graph(graph(tensors, operators, [0], [2]), "m").outputs[0].head.kind == "open"


def test_a_deep_chain_of_arithmetic_is_open() -> None:
    net = Net()
    tensor = net.softmax(net.logits())
    for _ in range(500):
        tensor = net.elementwise(MUL, tensor, net.constant(1.0))
    assert read_graph(net.finish(tensor), "m").outputs[0].head.kind == "open"


CODES = [ADD, CONCATENATION, DIV, EXP, GATHER, LOG, LOGISTIC, MEAN, MUL, PACK, RESHAPE, SLICE, SOFTMAX, SUB, SUM, POW]


@given(
    st.lists(
        st.tuples(st.sampled_from(CODES), st.lists(st.integers(-1, 12), max_size=3), st.integers(0, 12)), max_size=30
    ),
    st.lists(st.sampled_from([(), (1,), (1, 1), (1, 3), (0, 3), (-1, 3), (2**31 - 1,) * 4]), min_size=13, max_size=13),
)
def test_any_graph_gives_an_answer_or_a_model_error(
    steps: list[tuple[int, list[int], int]], shapes: list[tuple[int, ...]]
) -> None:
    tensors = [Tensor(f"t{number}", shape) for number, shape in enumerate(shapes)]
    operators = [Operator(code, tuple(inputs), (output,)) for code, inputs, output in steps]
    try:
        outputs = read_graph(graph(tensors, operators, [0], [12, 11]), "m").outputs
    except ModelError:
        return
    assert all(output.head.kind in ("probabilities", "multilabel", "logits", "open") for output in outputs)


@pytest.mark.parametrize("head", [exp_sum_div, gated, mean_of_stacked])
def test_flipped_bits_give_an_answer_or_a_model_error(head: Head) -> None:
    net = Net()
    content = net.finish(head(net))
    refused = 0
    for seed in range(400):
        generator = random.Random(seed)
        damaged = bytearray(content)
        for _ in range(generator.choice((1, 2, 8))):
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        try:
            read_graph(bytes(damaged), "m")
        except ModelError:
            refused += 1
    assert 20 < refused < 380
