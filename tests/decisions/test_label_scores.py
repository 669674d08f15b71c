"""``--thresholds FILE``: a score a label, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.decisions.label_scores import read_label_scores
from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames

NAMES = ClassNames(("tabby cat", "pug", "crane, bird"), 3, None)


def read(folder: Path, text: str) -> dict[int, float]:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_label_scores(path, NAMES)


def test_scores_by_label_with_or_without_a_header(tmp_path: Path) -> None:
    expected = {0: 0.7, 2: 0.0}
    assert read(tmp_path, 'tabby_cat, 0.7\n\n"crane, bird",0\n') == expected
    assert read(tmp_path, 'label,score\nTabby Cat,0.7\n"crane, bird",0\n') == expected


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
def test_what_is_wrong_is_said_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=message):
        read(tmp_path, text)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="none.csv: the thresholds"):
        read_label_scores(tmp_path / "none.csv", NAMES)
