"""Names that every system takes, and that stand for one text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.library.names import marked_name, safe_name

RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(10))}


@pytest.mark.parametrize(
    "text", ["cat", "domestic cat", "Ärger", "猫", "cat.jpg", "a.b.c", "it's", "50 %", "(1)", "-rf"]
)
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert safe_name(text) == text


@pytest.mark.parametrize(
    ("text", "start"),
    [("a/b", "a_b~"), ("..", "_~"), ("", "_~"), ("CON", "_CON~"), ("nul.txt", "_nul~"), (".hidden", "_hidden~"),
     ("a ", "a~"), ("x" * 300, "x" * 190), ("\u202eabc", "_abc~"), ("a:b?.jpg", "a_b_~")],
)  # fmt: skip
def test_other_names_get_a_mark(text: str, start: str) -> None:
    assert safe_name(text).startswith(start)
    assert "~" in safe_name(text)


@given(st.text(max_size=400))
def test_any_text_becomes_a_name_that_is_safe_everywhere(text: str) -> None:
    name = safe_name(text)
    assert name not in ("", ".", "..")
    assert len(name.encode()) <= 255
    assert not set(name) & set('<>:"/\\|?*\0')
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
    assert name == name.strip(". ") or name.strip(". ") == name.rstrip(". ")
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))
    assert name.partition(".")[0].casefold() not in RESERVED
    assert unicodedata.is_normalized("NFC", name)


@given(st.lists(st.text(max_size=30), unique_by=lambda text: unicodedata.normalize("NFC", text), max_size=30))
def test_two_texts_have_two_names(texts: list[str]) -> None:
    assert len({safe_name(text) for text in texts}) == len(texts)


def test_a_mark_stands_before_the_suffix() -> None:
    assert marked_name("cat.jpg", "/a/cat.jpg").startswith("cat~")
    assert marked_name("cat.jpg", "/a/cat.jpg").endswith(".jpg")
    assert marked_name("cat.jpg", "/a/cat.jpg") != marked_name("cat.jpg", "/b/cat.jpg")
    assert marked_name("v1.not a suffix at all", "x").startswith("v1.not a suffix at all~")
