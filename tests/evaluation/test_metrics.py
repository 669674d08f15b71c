"""What is counted of rows whose truth is known, against counting by hand."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from mobiclass.evaluation.metrics import MAX_FAILURES, MAX_MISTAKES, Count, Tally, truth_rank
from mobiclass.results import is_mistake
from tests.support.evaluated_rows import evaluated, failed


def tally_of(*rows):  # type: ignore[no-untyped-def]
    tally = Tally()
    for row in rows:
        tally.add(row)
    return tally


@pytest.mark.parametrize(
    ("found", "rank"), [((1, 2, 3), 0), ((2, 1), 1), ((0, 2, 3, 4, 1), 4), ((0, 2), None), ((), None)]
)
def test_the_rank_of_the_truth(found: tuple[int, ...], rank: int | None) -> None:
    assert truth_rank(evaluated(1, *found)) == rank


def test_what_is_right_is_counted_in_all_and_for_each_class() -> None:
    tally = tally_of(
        evaluated(0, 0, 1, 2),
        evaluated(0, 1, 0, 2),
        evaluated(0, 1, 2),
        evaluated(2, 2),
        failed(2),
        failed(3, "not_found"),
    )
    assert tally.all == Count(images=4, top1=2, top5=3, errors=2)
    assert tally.classes == {
        0: Count(images=3, top1=1, top5=2),
        2: Count(images=1, top1=1, top5=1, errors=1),
        3: Count(errors=1),
    }
    assert tally.failures == {"truncated": 1, "not_found": 1}
    assert [row["error"]["kind"] for row in tally.failed_rows] == ["truncated", "not_found"]
    assert tally.all.share(tally.all.top1) == 0.5
    assert Count(errors=1).share(0) is None
    assert Count(errors=1).interval(0) is None


def test_a_sixth_prediction_is_not_among_five() -> None:
    assert tally_of(evaluated(6, 0, 1, 2, 3, 4, 6)).all == Count(images=1, top1=0, top5=0)


def test_confusions_are_counted_in_pairs() -> None:
    tally = tally_of(*[evaluated(0, 1)] * 3, *[evaluated(1, 0)] * 2, *[evaluated(0, 0)] * 7, evaluated(2, 0))
    assert tally.confusion == {(0, 1): 3, (1, 0): 2, (0, 0): 7, (2, 0): 1}
    assert tally.confused() == [(0, 1, 3), (1, 0, 2), (2, 0, 1)]
    assert [index for index, _ in tally.worst_classes()] == [1, 2, 0]


def test_a_model_that_predicts_nothing_is_wrong_without_a_confusion() -> None:
    tally = tally_of(evaluated(0))
    assert tally.all == Count(images=1)
    assert (tally.confusion, tally.mistakes) == ({}, [])
    assert is_mistake(evaluated(0))
    assert not is_mistake(failed(0))


def test_the_most_confident_mistakes_come_first_and_of_equals_the_earlier() -> None:
    rows = [
        evaluated(0, 1, score=0.5, path="half"),
        evaluated(0, 0, score=1.0, path="right"),
        evaluated(0, 1, score=0.9, path="sure"),
        evaluated(0, 2, score=0.5, path="half too"),
    ]
    assert [row["path"] for row in tally_of(*rows).mistakes] == ["sure", "half", "half too"]


def test_of_many_mistakes_the_worst_are_kept() -> None:
    generator = random.Random(7)
    scores = [generator.randrange(100) / 100 for _ in range(1000)]
    rows = [evaluated(0, 1, score=score, path=str(number)) for number, score in enumerate(scores)]
    expected = sorted(range(1000), key=lambda number: (-scores[number], number))[:MAX_MISTAKES]
    assert [row["path"] for row in tally_of(*rows).mistakes] == [str(number) for number in expected]


def test_the_models_own_time_is_summed_up() -> None:
    times = [{"decode": 1, "preprocess": 1, "invoke": value, "postprocess": 1} for value in (4.0, 5.0, 90.0)]
    tally = tally_of(*(evaluated(0, 0, timing_ms=timing) for timing in times))
    assert tally.invoke_p50_ms == 5
    assert tally_of(evaluated(0, 0)).invoke_p50_ms is None


def test_memory_does_not_grow_with_the_photos() -> None:
    tally = Tally()

    def add(count: int) -> int:
        for number in range(count):
            tally.add(evaluated(number % 7, number // 7 % 7, score=number % 97 / 97, path=f"{number}.jpg"))
            tally.add(failed(number % 7, path=f"{number}.jpg"))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = add(1_000)
        assert add(10_000) - before < 20_000
    finally:
        tracemalloc.stop()
    assert len(tally.failed_rows) == MAX_FAILURES


def decided(truth: int | None, label: str, kind: str, index: int | None = None):  # type: ignore[no-untyped-def]
    row = evaluated(0, 0)
    row["truth"] = {"index": truth, "label": "?"}
    row["decision"] = {"label": label, "score": 0.9, "kind": kind} | ({} if index is None else {"index": index})
    return row


def test_answers_are_right_by_their_class_or_by_a_group_that_it_is_in() -> None:
    tally = Tally(classes_of_group=lambda name: {1, 2} if name == "pet" else set())
    for row in (
        decided(1, "cat", "class", 1),
        decided(1, "owl", "class", 0),
        decided(2, "pet", "group"),
        decided(0, "pet", "group"),
        decided(0, "unknown", "unknown"),
        decided(None, "pet", "group"),
        decided(None, "unknown", "unknown"),
    ):
        tally.add(row)
    answers = tally.answers
    assert (answers.photos, answers.answered, answers.right) == (5, 4, 2)
    assert (answers.others, answers.others_answered) == (2, 1)
    assert (answers.coverage, answers.precision) == (4 / 5, 2 / 5)
    assert tally.all.images == 5


def test_a_photo_that_cannot_be_classified_is_in_no_count_of_answers() -> None:
    tally = Tally()
    tally.add({**failed(1), "truth": {"index": None, "label": "unknown"}})
    tally.add(failed(1))
    assert (tally.answers.photos, tally.answers.others, tally.all.errors) == (0, 0, 2)
    assert (tally.answers.coverage, tally.answers.precision, tally.answers.precision_interval) == (None, None, None)
