"""Rules out of a model's own file: what they say, and what is refused with the key that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from mobiclass.decisions.rules import Rules, UnknownRule, parse_rules
from mobiclass.errors import ModelError


def test_rules_outlive_being_written() -> None:
    rules = Rules(0.6, 0.8, 40, {"cat": 0.7}, UnknownRule(0.71, "means.npy"), "20 photos", {"precision": 0.95})
    assert parse_rules(rules.as_json(), "m") == rules
    assert parse_rules({}, "m") == Rules()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"class_scores": 0.5}, "m: 'rules' have no 'class_scores'; they have class_score, group_score"),
        ({"format": 2}, "update mobiclass"),
        ({"class_score": 1.5}, "'class_score' must be a number from 0 to 1, not 1.5"),
        ({"class_score": True}, "'class_score' must be a number"),
        ({"group_score": "0.5"}, "'group_score' must be a number"),
        ({"largest_group": 0}, "'largest_group' must be a whole number of at least 1"),
        ({"labels": ["cat"]}, "'labels' must be an object of labels and scores"),
        ({"labels": {"cat": 2}}, "'labels': 'cat' must be a number from 0 to 1"),
        ({"unknown": {"kind": "cosine"}}, "'unknown' must be an object of kind, threshold, means"),
        ({"unknown": {"kind": "energy", "threshold": 0.5, "means": "m.npy"}}, "the kind 'cosine'"),
        (
            {"unknown": {"kind": "cosine", "threshold": 2, "means": "m.npy"}},
            "'threshold' must be a number from −1 to 1",
        ),
        ({"unknown": {"kind": "cosine", "threshold": 0.5, "means": 7}}, "'means' must be text"),
        ({"fitted_on": 7}, "'fitted_on' must be text"),
        ({"measured": []}, "'measured' must be an object"),
    ],
)
def test_impossible_rules_are_refused_by_name(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_rules(rules, "m")
