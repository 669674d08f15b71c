"""Scores to predictions: against sorted(), and the cases that quantized outputs bring."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.choices import OutputKind
from mobiclass.predictions import Prediction, predictions_from_output, softmax, top_k
from mobiclass.tflite.network import Quantization

# Few different values, so that ties are common.
SCORES = st.lists(st.integers(0, 8).map(lambda step: step / 8), min_size=2, max_size=40)


def predict(
    raw: list[float],
    dtype: str = "float32",
    quantization: Quantization | None = None,
    *,
    kind: OutputKind = "probabilities",
    labels: tuple[str, ...] | None = None,
    k: int = 1000,
    threshold: float = 0.0,
) -> tuple[Prediction, ...]:
    """Name the classes of an output; all of them, best first, unless told otherwise."""
    return predictions_from_output(np.array(raw, dtype), quantization, kind, labels, k, threshold)


def scores_of(predictions: tuple[Prediction, ...]) -> list[float]:
    """Give the scores in the order of the classes."""
    return [prediction.score for prediction in sorted(predictions, key=lambda prediction: prediction.index)]


@given(SCORES, st.integers(1, 60))
def test_top_k_equals_sorted(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert top_k(np.array(scores, np.float32), k) == expected


@given(
    st.sampled_from(["uint8", "int8", "int16"]).flatmap(
        lambda dtype: st.tuples(
            st.just(dtype),
            st.lists(st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)), min_size=1, max_size=40),
        )
    ),
    st.integers(1, 60),
)
def test_top_k_of_whole_numbers_equals_sorted(values: tuple[str, list[int]], k: int) -> None:
    dtype, raw = values
    expected = sorted(range(len(raw)), key=lambda index: (-raw[index], index))[:k]
    assert top_k(np.array(raw, dtype), k) == expected


def test_ties_go_by_index() -> None:
    assert top_k(np.array([0.25, 0.5, 0.25, 0.5], np.float32), 4) == [1, 3, 0, 2]
    assert top_k(np.full(1000, 1 / 256, np.float32), 5) == [0, 1, 2, 3, 4]
    assert top_k(np.zeros(1000, np.uint8), 5) == [0, 1, 2, 3, 4]


def test_k_over_the_number_of_classes_gives_all_of_them() -> None:
    assert top_k(np.array([0.1, 0.9], np.float32), 5) == [1, 0]


@given(SCORES, st.integers(1, 60), st.integers(0, 9).map(lambda step: step / 8))
def test_the_threshold_keeps_what_equals_it(scores: list[float], k: int, threshold: float) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    expected = [index for index in expected if scores[index] >= threshold]
    assert [prediction.index for prediction in predict(scores, k=k, threshold=threshold)] == expected


@given(st.integers(1, 999))
def test_a_score_reaches_the_threshold_that_it_is_shown_as(thousandths: int) -> None:
    # The float32 next to 0.7 is 0.69999999; the score is shown as 0.7.
    scores = [thousandths / 1000, 0.0]
    shown = predict(scores)[0].score
    assert shown == thousandths / 1000
    assert predict(scores, threshold=shown) == (Prediction(0, None, shown),)
    assert predict(scores, threshold=shown + 1e-6) == ()


def test_the_one_value_of_a_binary_head_is_the_second_class() -> None:
    raw = np.array([0.75], np.float32)
    best, other = predictions_from_output(raw, None, "probabilities", ("no", "yes"), 5)
    assert (best, other) == (Prediction(1, "yes", 0.75), Prediction(0, "no", 0.25))
    quantized = np.array([192], np.uint8)
    best, other = predictions_from_output(quantized, Quantization(1 / 256, 0), "multilabel", None, 5)
    assert (best, other) == (Prediction(1, None, 0.75), Prediction(0, None, 0.25))


@pytest.mark.parametrize("kind", ["logits", "multilabel-logits"])
def test_one_logit_gets_a_sigmoid(kind: OutputKind) -> None:
    best, other = predictions_from_output(np.array([-2.0], np.float32), None, kind, ("no", "yes"), 5)
    assert (best.label, best.score + other.score) == ("no", pytest.approx(1))
    assert other.score == pytest.approx(1 / (1 + np.exp(2)))


def test_labels_that_stand_for_themselves_get_a_sigmoid_each_after_logits_alone() -> None:
    raw = np.array([0.0, 1000.0, -1000.0], np.float32)
    assert [one.score for one in predictions_from_output(raw, None, "multilabel-logits", None, 5)] == [1.0, 0.5, 0.0]
    raw = np.array([0.5, 0.9, 0.1], np.float32)
    assert [one.score for one in predictions_from_output(raw, None, "multilabel", None, 5)] == [0.9, 0.5, 0.1]


def test_scores_are_the_shortest_numbers_that_are_their_float32() -> None:
    assert predict([0.1, 0.9], labels=("a", "b")) == (Prediction(1, "b", 0.9), Prediction(0, "a", 0.1))


def test_without_labels_the_label_is_none() -> None:
    assert predict([0.1, 0.9], k=1) == (Prediction(1, None, 0.9),)


def test_a_quantized_softmax_is_not_renormalized() -> None:
    raw = [200, 10, 5, 3]  # adds up to 0.85
    assert scores_of(predict(raw, "uint8", Quantization(1 / 256, 0))) == [
        float(str(np.float32(step / 256))) for step in raw
    ]


def test_signed_outputs_do_not_wrap_around() -> None:
    predictions = predict([-128, 127, 0], "int8", Quantization(1 / 256, -128))
    assert predictions == (
        Prediction(1, None, float(str(np.float32(255 / 256)))),
        Prediction(2, None, 0.5),
        Prediction(0, None, 0.0),
    )


def test_logits_are_dequantized_before_the_softmax() -> None:
    scores = scores_of(predict([-128, 127], "int8", Quantization(1 / 255, -128), kind="logits"))
    assert scores == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)], abs=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_float_probabilities_pass_through(dtype: str) -> None:
    assert scores_of(predict([0.25, 0.75], dtype)) == [0.25, 0.75]


@given(st.lists(st.floats(-300, 300, width=32), min_size=2, max_size=30))
def test_softmax_adds_up_to_one_and_keeps_the_order(logits: list[float]) -> None:
    scores = softmax(np.array(logits, np.float32))
    assert np.isfinite(scores).all()
    assert abs(float(scores.sum()) - 1) < 1e-4
    assert scores[int(np.argmax(logits))] == scores.max()


@pytest.mark.parametrize("shift", [-1e30, -1e4, 0.0, 1e4, 3e38])
def test_softmax_overflows_nowhere(shift: float) -> None:
    scores = softmax(np.full(4, shift, np.float32))
    assert scores.tolist() == [0.25] * 4


@given(st.lists(st.integers(-6, 6), min_size=2, max_size=8))
def test_softmax_equals_a_rational_reference(logits: list[int]) -> None:
    # e as a fraction that is exact to 1e-17
    e = sum((Fraction(1, int(np.prod(range(1, n + 1), dtype=object))) for n in range(1, 20)), Fraction(1))
    powers = [e**logit for logit in logits]
    expected = [float(power / sum(powers)) for power in powers]
    assert softmax(np.array(logits, np.float32)).tolist() == pytest.approx(expected, rel=1e-6)
