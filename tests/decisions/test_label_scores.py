"""``--thresholds FILE``: a score a label, and errors that name the line."""

from __future__ import annotations

import pytest

from mobiclass.decisions.label_scores import parse_label_scores
from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames

NAMES = ClassNames(("tabby cat", "pug", "crane, bird"), 3, None)


def read(text: str) -> dict[int, float]:
    return parse_label_scores(text, "t.csv", NAMES)


def test_scores_by_label_with_or_without_a_header() -> None:
    expected = {0: 0.7, 2: 0.0}
    assert read('tabby_cat, 0.7\n\n"crane, bird",0\n') == expected
    assert read('label,score\nTabby Cat,0.7\n"crane, bird",0\n') == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pug,1.5\n", r"t\.csv:1: the score must be a number from 0 to 1, not '1.5'"),
        ("pug,nan\n", "must be a number"),
        ("pug,0.5\npgu,0.5\n", r"t\.csv:2: 'pgu': no class; near it: pug \(1\)"),
        ("pug,0.5\npug,0.6\n", "'pug' has two scores, 0.5 and 0.6"),
        ("pug\n", "expected label,score"),
        ("", "there is nothing in it"),
        ('"pug,0.5\n', r"t\.csv:"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(LabelsError, match=message):
        read(text)
