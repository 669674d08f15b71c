"""What is answered: the class where it is sure, else the smallest group that is, else unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mobiclass.decisions.decider import Decider
from mobiclass.decisions.decision import Decision
from mobiclass.decisions.rules import Rules, UnknownRule
from mobiclass.decisions.taxonomy import Group, Taxonomy

LABELS = ("tabby", "tiger cat", "beagle", "pug", "espresso")
TAXONOMY = Taxonomy((Group("cat", (0, 1)), Group("dog", (2, 3)), Group("pet", (0, 1, 2, 3))))
RULES = Rules(class_score=0.6, group_score=0.8)


def decider(rules: Rules = RULES, **options: Any) -> Decider:
    return Decider(rules, LABELS, len(LABELS), find_taxonomy=lambda: TAXONOMY, **options)


def scores(*values: float) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32)


def test_a_sure_class_is_the_answer() -> None:
    assert decider().decide(scores(0.1, 0.7, 0.1, 0, 0)) == Decision("tiger cat", 0.7, "class", 1)


def test_a_score_is_reached_as_it_is_shown() -> None:
    assert decider(Rules(class_score=0.7)).decide(scores(0, 0.7, 0, 0, 0)).kind == "class"  # 0.69999999 as a float32


def test_else_the_smallest_group_that_is_sure() -> None:
    found = decider().decide(scores(0.45, 0.4, 0.1, 0, 0))
    assert (found.label, found.kind, found.index) == ("cat", "group", None)
    assert found.score == pytest.approx(0.85)
    assert decider().decide(scores(0.4, 0.1, 0.4, 0, 0)).label == "pet"


def test_else_it_is_unknown_with_the_best_score() -> None:
    assert decider().decide(scores(0.3, 0.2, 0.1, 0, 0.3)) == Decision("unknown", 0.3, "unknown")


def test_groups_that_are_too_large_are_not_answered() -> None:
    rules = Rules(class_score=0.6, group_score=0.8, largest_group=2)
    assert decider(rules).decide(scores(0.4, 0.1, 0.4, 0, 0)).kind == "unknown"


def test_a_score_of_a_label_is_stronger_than_that_of_the_rules_and_a_persons_than_both() -> None:
    rules = Rules(class_score=0.6, labels={"tabby": 0.3})
    assert decider(rules).decide(scores(0.35, 0, 0, 0, 0.3)).label == "tabby"
    assert decider(rules, label_scores={0: 0.5}).decide(scores(0.35, 0, 0, 0, 0.3)).kind == "unknown"
    assert decider(rules, label_scores={4: 0.5}).decide(scores(0.2, 0, 0, 0, 0.5)).label == "espresso"


def test_what_is_not_allowed_is_never_answered_nor_part_of_a_group() -> None:
    only_cats = decider(allowed=(0, 1))
    assert only_cats.decide(scores(0.1, 0.1, 0.8, 0, 0)) == Decision("unknown", 0.1, "unknown")
    found = only_cats.decide(scores(0.45, 0.4, 0.9, 0, 0))
    assert (found.label, found.kind) == ("cat", "group")
    assert decider(allowed=(0,)).decide(scores(0.7, 0.2, 0, 0, 0)).label == "tabby"
    assert decider(allowed=(3,)).decide(scores(0, 0, 0.9, 0, 0)).kind == "unknown"


def test_a_group_is_not_answered_for_the_one_class_of_it_that_is_allowed() -> None:
    strict = Rules(class_score=0.6, group_score=0.8, labels={"tabby": 0.95})
    assert decider(strict, allowed=(0, 4)).decide(scores(0.9, 0, 0, 0, 0)).kind == "unknown"
    assert decider(strict, allowed=(0, 1)).decide(scores(0.9, 0, 0, 0, 0)).label == "cat"


def test_scores_of_independent_labels_are_not_added_up() -> None:
    independent = decider(scores_add_up=False)
    assert independent.decide(scores(0.5, 0.5, 0.4, 0, 0)).kind == "unknown"
    rules = Rules(class_score=0.95, group_score=0.8)
    found = Decider(rules, LABELS, 5, find_taxonomy=lambda: TAXONOMY, scores_add_up=False).decide(
        scores(0.9, 0.5, 0, 0, 0)
    )
    assert found == Decision("cat", 0.9, "group")


def test_a_group_has_no_more_than_1() -> None:
    assert decider(Rules(class_score=0.9, group_score=0.8)).decide(scores(0.6, 0.6, 0, 0, 0)).score == 1.0


def test_a_photo_that_is_like_no_class_is_unknown_however_sure_the_scores_are() -> None:
    means = np.eye(5, 8, dtype=np.float32)
    strict = decider(Rules(unknown=UnknownRule(0.7, "means.npy")), means=means)
    assert strict.needs_features
    sure = scores(0, 0.99, 0, 0, 0)
    like_the_second, like_none = np.zeros(8, np.float32), np.zeros(8, np.float32)
    like_the_second[1], like_the_second[6] = 3.0, 1.0  # a cosine of 0.95; its length says nothing
    like_none[1], like_none[6] = 1.0, 3.0
    assert strict.decide(sure, like_the_second).label == "tiger cat"
    assert strict.decide(sure, like_none) == Decision("unknown", 0.99, "unknown")
    assert strict.decide(sure, np.zeros(8, np.float32)).kind == "unknown"
    assert strict.decide_by_best(1, 0.99) is None
    assert (strict.features, decider().features) == (8, 0)
    with pytest.raises(ValueError, match="needs features"):
        strict.decide(sure)


def test_the_best_class_alone_decides_where_it_is_sure() -> None:
    assert decider().decide_by_best(1, 0.7) == decider().decide(scores(0.1, 0.7, 0.1, 0, 0))
    assert decider().decide_by_best(1, 0.5) is None
    assert decider(allowed=(1,)).decide_by_best(1, 0.7) is None


def test_the_taxonomy_is_looked_for_only_when_a_class_is_not_sure() -> None:
    asked = []

    def find() -> Taxonomy:
        asked.append(True)
        return TAXONOMY

    lazy = Decider(RULES, LABELS, 5, find_taxonomy=find)
    lazy.decide(scores(0, 0.9, 0, 0, 0))
    assert asked == []
    lazy.decide(scores(0.4, 0.4, 0, 0, 0))
    lazy.decide(scores(0.4, 0.4, 0, 0, 0))
    assert asked == [True]


def test_no_taxonomy_and_no_labels() -> None:
    bare = Decider(RULES, None, 3)
    assert bare.decide(scores(0.7, 0.2, 0)) == Decision("class 0", 0.7, "class", 0)
    assert bare.decide(scores(0.4, 0.4, 0)).kind == "unknown"


def test_the_classes_of_a_group() -> None:
    assert decider().group_classes("cat") == {0, 1}
    assert decider(allowed=(1, 2, 3)).group_classes("pet") == {0, 1, 2, 3}  # also right for those not allowed
    assert decider().group_classes("no group") == frozenset()
