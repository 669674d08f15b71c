"""Which output holds the scores, how many classes it has, and what labels a binary head takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mobiclass.errors import LabelsError
from mobiclass.labels import LabelList, parse_labels
from mobiclass.tflite.graph import Output
from mobiclass.tflite.layout import Unfit
from mobiclass.tflite.network import Head, Quantization, TensorSpec, TracedKind
from mobiclass.tflite.scores import Scores, find_scores, fit_labels, fitted, kind_of


def output(
    name: str = "scores",
    shape: tuple[int, ...] = (1, 3),
    kind: TracedKind = "probabilities",
    *,
    operator: str = "SOFTMAX",
    dtype: str = "float32",
    quantization: Quantization | None = None,
) -> Output:
    """Describe an output."""
    return Output(TensorSpec(name, shape, dtype, quantization), (name, f"signature's {name}"), Head(operator, kind, ""))


def labels(*names: str) -> LabelList:
    return parse_labels("\n".join(names).encode(), "labels.txt")


FEATURES = output("features", (1, 3), "open", operator="MEAN")
LOGITS = output("logits", (1, 3), "logits", operator="FULLY_CONNECTED")
SCORES = output()
MAP = output("map", (1, 7, 7, 3), "open", operator="CONV_2D")
PLACE = output("place", (1,), "open", operator="ARG_MAX", dtype="int64")
AGES = output("ages", (1, 8))


def found(outputs: Sequence[Output], **options: object) -> str:
    """Name the output that holds the scores."""
    arguments = {"batch": 1, "wanted": None, "labels": None, **options}
    return find_scores(outputs, **arguments).output.tensor.name  # type: ignore[arg-type]


def test_the_one_with_scores_is_found() -> None:
    assert found([FEATURES, SCORES]) == "scores"
    assert found([SCORES, FEATURES]) == "scores"
    assert found([LOGITS, SCORES]) == "scores"
    assert found([FEATURES, LOGITS]) == "logits"
    assert found([MAP, PLACE, SCORES]) == "scores"


def test_labels_decide_between_two_heads() -> None:
    assert found([SCORES, AGES], labels=labels(*"abcdefgh")) == "ages"
    assert found([SCORES, AGES], labels=labels(*"abc")) == "scores"
    assert found([SCORES, AGES], labelled=(False, True)) == "ages"


@pytest.mark.parametrize(("wanted", "name"), [("1", "ages"), ("ages", "ages"), ("signature's scores", "scores")])
def test_an_output_is_taken_by_place_or_name(wanted: str, name: str) -> None:
    assert found([SCORES, AGES], wanted=wanted) == name


def test_what_is_not_clear_is_asked_with_a_list() -> None:
    with pytest.raises(
        Unfit, match=r"0 \('scores' or .*, float32 1×3\), 1 \('ages'.*1×8\); say which with --output"
    ) as caught:
        found([SCORES, AGES])
    assert caught.value.advice
    with pytest.raises(Unfit, match="there is no output 'x'; it has 0"):
        found([SCORES, AGES], wanted="x")
    with pytest.raises(Unfit, match="there is no output '2'"):
        found([SCORES, AGES], wanted="2")


def test_none_is_one_vector() -> None:
    with pytest.raises(Unfit, match="2 outputs, and none is one vector of scores"):
        found([MAP, PLACE])


@pytest.mark.parametrize(
    ("shape", "count"),
    [((1, 5), 5), ((5,), 5), ((1, 1, 1, 5), 5), ((1, 5, 1, 1), 5), ((5, 1), 5), ((1, 1), 1), ((1,), 1), ((-1, 5), 5)],
)
def test_dimensions_of_one_do_not_count(shape: tuple[int, ...], count: int) -> None:
    assert find_scores([output(shape=shape)], 1, None, None).per_image == count


def test_a_batch_has_rows() -> None:
    scores = find_scores([output(shape=(4, 3))], 4, None, None)
    assert (scores.per_image, scores.of_images(4).shape, scores.of_images(1).shape) == (3, (4, 3), (1, 3))
    with pytest.raises(Unfit, match="shape 1×3, not 4×classes"):
        find_scores([output()], 4, None, None)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (output(shape=(1, 8, 8, 21)), "shape 1×8×8×21, not 1×classes"),
        (output(shape=()), r"shape \(\), not"),
        (output(dtype="int32"), "output is int32"),
        (output(dtype="uint8"), "output is uint8 without one scale"),
        (output(operator="TOPK_V2", kind="open"), "greatest scores in their order"),
    ],
)
def test_what_holds_no_scores_is_refused(odd: Output, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        find_scores([odd], 1, None, None)


def test_a_binary_head_takes_two_labels_or_one() -> None:
    assert fit_labels(labels("cat", "dog"), 1, "m").names == ("cat", "dog")
    assert fit_labels(labels("dog"), 1, "m").names == ("not dog", "dog")
    with pytest.raises(LabelsError, match="labels.txt: 3 labels do not fit the one output of m: two are needed"):
        fit_labels(labels("a", "b", "c"), 1, "m")
    assert fitted(labels("a", "b", "c"), 1) is None
    assert fitted(labels("a", "b", "c"), 2) is None


def test_a_quantization_of_0_to_1_is_evidence_where_the_graph_has_none() -> None:
    for kind, operator in (("open", "CUSTOM"), ("logits", "FULLY_CONNECTED")):
        narrow = output(kind=kind, operator=operator, dtype="uint8", quantization=Quantization(1 / 256, 0))  # type: ignore[arg-type]
        assert kind_of(Scores(0, narrow, 3))[0] == "probabilities"
        wide = output(kind=kind, operator=operator, dtype="uint8", quantization=Quantization(1 / 8, 128))  # type: ignore[arg-type]
        assert kind_of(Scores(0, wide, 3))[0] == kind
    sigmoids = output(kind="multilabel", dtype="uint8", quantization=Quantization(1 / 256, 0))
    assert kind_of(Scores(0, sigmoids, 3))[0] == "multilabel"
