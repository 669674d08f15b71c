"""Label lists: nothing is guessed, nothing is shifted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.errors import LabelsError
from mobiclass.labels.lists import background_index, check_labels, parse_labels


def test_one_label_a_line() -> None:
    assert parse_labels(b"cat\ndog\n", "f") == ("cat", "dog")
    assert parse_labels(b"cat\ndog", "f") == ("cat", "dog")


def test_3_toed_sloth_is_a_label_and_not_the_number_3() -> None:
    assert parse_labels(b"0 cat\n3 toed sloth\n", "f") == ("0 cat", "3 toed sloth")


def test_a_blank_line_inside_holds_its_index() -> None:
    assert parse_labels(b"cat\n\ndog\n", "f") == ("cat", "", "dog")
    assert parse_labels(b"\ncat\n", "f") == ("", "cat")


def test_only_one_empty_last_line_is_dropped() -> None:
    assert parse_labels(b"cat\n\n", "f") == ("cat", "")


def test_a_byte_order_mark_and_windows_line_ends_are_dropped() -> None:
    assert parse_labels(b"\xef\xbb\xbfcat\r\ndog\r\n", "f") == ("cat", "dog")


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1c"])
def test_other_separators_are_part_of_a_label(character: str) -> None:
    # str.splitlines() would break at each of them and shift all that follows.
    assert parse_labels(f"a{character}b\nc\n".encode(), "f") == (f"a{character}b", "c")


def test_white_space_around_a_label_stays() -> None:
    assert parse_labels(b" cat \n\tdog\n", "f") == (" cat ", "\tdog")


def test_labels_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(LabelsError, match=r"birds\.txt.*not UTF-8 \(byte 4\)"):
        parse_labels(b"cat\n\xe4gypten\n", "birds.txt")


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b"  \n\n", b"\xef\xbb\xbf"])
def test_a_list_without_a_label_is_refused(content: bytes) -> None:
    with pytest.raises(LabelsError, match="no label"):
        parse_labels(content, "f")


@given(st.binary(max_size=60))
def test_any_bytes_give_labels_or_a_labels_error(content: bytes) -> None:
    try:
        labels = parse_labels(content, "f")
    except LabelsError:
        return
    assert len(labels) in (content.count(b"\n"), content.count(b"\n") + 1)


def test_1000_labels_on_1001_outputs_are_refused_with_a_word_about_background() -> None:
    with pytest.raises(LabelsError, match="1000 labels do not fit the 1001 outputs.*background.*first.*last"):
        check_labels(tuple(map(str, range(1000))), 1001, "f", "m")


def test_1001_labels_on_1000_outputs_are_refused_with_a_word_about_background() -> None:
    for labels in (("background", *map(str, range(1000))), (*map(str, range(1000)), "background")):
        with pytest.raises(LabelsError, match="1001 labels do not fit the 1000 outputs.*remove that line"):
            check_labels(labels, 1000, "f", "m")


def test_labels_that_fit_are_accepted() -> None:
    check_labels(("a", "b"), 2, "f", "m")


def test_another_number_of_labels_is_refused() -> None:
    with pytest.raises(LabelsError, match="2 labels do not fit the 5 outputs of m"):
        check_labels(("a", "b"), 5, "f", "m")


@pytest.mark.parametrize(
    ("labels", "index"),
    [
        (("background", "cat"), 0),
        (("cat", "Background"), 1),
        (("cat", "background", "dog"), None),
        (("cat", "dog"), None),
        (("background noise", "cat"), None),
    ],
)
def test_a_background_class_is_known_at_either_end(labels: tuple[str, ...], index: int | None) -> None:
    assert background_index(labels) == index
