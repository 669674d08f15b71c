"""Labels without case and punctuation, and their synonyms."""

from __future__ import annotations

import unicodedata

import pytest

from mobiclass.labels.text import folded, synonyms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Egyptian_cat", "egyptian cat"),
        ("  crane   (bird) ", "crane bird"),
        ("pj's", "pj s"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ﬁnch", "finch"),
        ("", ""),
        ("___", ""),
        ("\N{RIGHT-TO-LEFT OVERRIDE}tac\N{ZERO WIDTH SPACE}", "tac"),
        ("कुत्ता", "कुत्ता"),  # the marks of a vowel are part of a word
        ("猫 – 犬", "猫 犬"),
        ("\udcff\n", ""),
    ],
)
def test_folding(text: str, expected: str) -> None:
    assert folded(text) == unicodedata.normalize("NFKC", expected)


def test_accents_are_equal_as_one_character_and_as_two() -> None:
    assert folded(unicodedata.normalize("NFD", "Épagneul")) == folded(unicodedata.normalize("NFC", "Épagneul"))


def test_synonyms_are_the_whole_the_parts_and_these_without_parentheses() -> None:
    assert synonyms("tench, Tinca tinca") == {"tench tinca tinca", "tench", "tinca tinca"}
    assert synonyms("crane (bird)") == {"crane bird", "crane"}
    assert synonyms("(7), ,") == {"7"}
    assert synonyms("   ") == frozenset()
