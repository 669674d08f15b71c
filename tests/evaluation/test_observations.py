"""What thresholds are fitted on: the groups that a photo may get, against the program that decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.decisions import Rules, imagenet_taxonomy
from mobiclass.decisions.decider import Decider
from mobiclass.decisions.taxonomy import Group, Taxonomy
from mobiclass.evaluation.calibration import Sample, Thresholds
from mobiclass.evaluation.observations import LARGEST_GROUP, Observer

CLASSES = 6
LABELS = tuple("abcdef")
TAXONOMY = Taxonomy((
    Group("ab", (0, 1)), Group("cd", (2, 3)), Group("ef", (4, 5)), Group("abc", (0, 1, 2)), Group("cde", (2, 3, 4)),
    Group("all", (0, 1, 2, 3, 4, 5)),
))  # fmt: skip


def row(scores: npt.NDArray[np.float32], truth: int | None) -> dict[str, Any]:
    order = np.argsort(-scores, kind="stable")
    return {
        "predictions": [{"index": int(index), "score": float(str(scores[index]))} for index in order],
        "truth": None if truth is None else {"index": truth},
    }


def is_right(answer: Any, truth: int, taxonomy: Taxonomy) -> bool:
    if answer.kind == "class":
        return bool(answer.index == truth)
    return truth in taxonomy.by_name[answer.label.casefold()].classes


@given(
    steps=st.lists(st.integers(0, 255), min_size=CLASSES, max_size=CLASSES).filter(any),
    truth=st.integers(0, CLASSES - 1),
    class_score=st.integers(0, 100),
    group_score=st.integers(1, 100),
    add_up=st.booleans(),
)
def test_thresholds_come_to_what_the_decider_answers(
    steps: list[int], truth: int, class_score: int, group_score: int, add_up: bool
) -> None:
    scores = (np.array(steps) / max(256, sum(steps))).astype(np.float32)
    thresholds = Thresholds(class_score / 100, group_score / 100)
    rules = Rules(class_score=class_score / 100, group_score=group_score / 100, largest_group=LARGEST_GROUP)
    decider = Decider(rules, LABELS, CLASSES, find_taxonomy=lambda: TAXONOMY, scores_add_up=add_up)
    answer = decider.decide(scores)
    observer = Observer(CLASSES, TAXONOMY, scores_add_up=add_up)
    observation = observer.observe(row(scores, truth), "x")
    assert observation is not None
    outcome = Sample([observation]).outcome(thresholds)
    assert outcome.answered == (answer.kind != "unknown")
    assert outcome.classes == (answer.kind == "class")
    assert outcome.right == (answer.kind != "unknown" and is_right(answer, truth, TAXONOMY))


def test_they_do_with_imagenets_groups_too() -> None:
    taxonomy = imagenet_taxonomy()
    labels = [f"class {index}" for index in range(1000)]
    observer = Observer(1000, taxonomy)
    generator = np.random.default_rng(3)
    kinds = set()
    for number in range(60):
        # Scores around one class, as of a model that is sure to a varying degree.
        middle = int(generator.integers(1000))
        scores = np.exp(-np.abs(np.arange(1000) - middle) / generator.uniform(0.1, 20)).astype(np.float32)
        scores = (np.round(scores / scores.sum() * 256) / 256).astype(np.float32)
        decider = Decider(Rules(0.6, 0.65, LARGEST_GROUP), labels, 1000, find_taxonomy=lambda: taxonomy)
        answer = decider.decide(scores)
        kinds.add(answer.kind)
        observation = observer.observe(row(scores, middle), str(number))
        assert observation is not None
        outcome = Sample([observation]).outcome(Thresholds(0.6, 0.65))
        assert outcome.answered == (answer.kind != "unknown")
        assert outcome.right == (answer.kind != "unknown" and is_right(answer, middle, taxonomy))
    assert kinds == {"class", "group", "unknown"}


def test_a_photo_of_something_else_has_no_right_answer() -> None:
    scores = np.array([0.5, 0.4, 0, 0, 0, 0], np.float32)
    observation = Observer(CLASSES, TAXONOMY).observe(row(scores, None), "unknown")
    assert observation is not None
    assert not any(answer.right for answer in observation.groups)
    outcome = Sample([observation]).outcome(Thresholds(0.6, 0.8))
    assert outcome[-2:] == (1, 1)
    assert outcome.precision == 0


def test_without_a_taxonomy_there_are_no_groups() -> None:
    observer = Observer(CLASSES, None)
    assert not observer.has_groups
    observation = observer.observe(row(np.array([0.5, 0.4, 0, 0, 0, 0], np.float32), 0), "a")
    assert observation is not None
    assert observation.groups == ()
    assert (observation.best, observation.score) == (0, 0.5)


def test_a_row_without_predictions_is_passed_over() -> None:
    assert Observer(CLASSES, TAXONOMY).observe({"predictions": [], "truth": {"index": 1}}, "a") is None


@pytest.mark.parametrize("size", [LARGEST_GROUP, LARGEST_GROUP + 1])
def test_groups_that_say_too_little_are_no_answers(size: int) -> None:
    observer = Observer(500, Taxonomy((Group("many", tuple(range(size))),)))
    assert observer.has_groups == (size == LARGEST_GROUP)
