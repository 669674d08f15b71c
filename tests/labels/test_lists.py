"""Label lists against a number of outputs: nothing is guessed, nothing is shifted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.errors import LabelsError
from mobiclass.labels.lists import LabelList, Reading, background_index
from mobiclass.labels.parsing import parse_labels


def names(text: str, outputs: int) -> tuple[str, ...]:
    return parse_labels(text.encode(), "f.txt").fit(outputs, "m").names


def refusal(text: str, outputs: int, source: str = "f.txt") -> str:
    with pytest.raises(LabelsError) as caught:
        parse_labels(text.encode(), source).fit(outputs, "m")
    return str(caught.value)


def test_one_label_a_line() -> None:
    assert names("cat\ndog\n", 2) == names("cat\ndog", 2) == ("cat", "dog")


def test_a_blank_line_inside_holds_its_index() -> None:
    assert names("cat\n\ndog\n", 3) == ("cat", "", "dog")
    assert names("\ncat\n", 2) == ("", "cat")
    assert names("cat\n\n", 2) == ("cat", "")
    assert "1 of the lines are blank" in refusal("cat\n\ndog\n", 2)


@pytest.mark.parametrize("text", ["cat\ndog\n\n\n", "\n\ncat\ndog", "\n \ncat\ndog\n\t\n", "cat\r\ndog\r\n\r\n"])
def test_blank_lines_at_the_ends_are_no_labels_where_there_are_too_many(text: str) -> None:
    assert names(text, 2) == ("cat", "dog")


# Numbers that are indices, and numbers that are not


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("0 Class 1\n1 Class 2\n2 Class 3\n", ("Class 1", "Class 2", "Class 3")),  # Teachable Machine
        ("2 blue\n0 red\n1 green\n", ("red", "green", "blue")),
        ("2: blue\n0: red\n1: green\n", ("red", "green", "blue")),
        ("2\tblue\n0\tred\n1\tgreen\n", ("red", "green", "blue")),
        ("002 blue\n000 red\n001 green\n", ("red", "green", "blue")),
        ("0) red\n1) green\n2) blue\n", ("red", "green", "blue")),
        ("[0] red\n[1] green\n[2] blue\n", ("red", "green", "blue")),
        ("0. red\n1. green\n2. blue\n", ("red", "green", "blue")),
        ("0 - red\n1 - green\n2 - blue\n", ("red", "green", "blue")),
        ("0=red\n1=green\n2=blue\n", ("red", "green", "blue")),
        ("0  background\n1  tench, Tinca tinca\n2  crane\n", ("background", "tench, Tinca tinca", "crane")),
        ("0 red\n\n1 green\n\n2 blue\n", ("red", "green", "blue")),
        ("0 red\n1\n2 blue\n", ("red", "", "blue")),
        ("1 red\n2 green\n3 blue\n", ("red", "green", "blue")),  # their place in the file says the same
        ("3 red\n4 green\n9 blue\n", ("3 red", "4 green", "9 blue")),
        ("0 stars\n1 stars\n2 stars\n", ("0 stars", "1 stars", "2 stars")),
        ("001.red\n002.green\n003.blue\n", ("001.red", "002.green", "003.blue")),
        ("0 red\n1 green\nblue\n", ("0 red", "1 green", "blue")),
        ("0 red\n1 green\n1 blue\n", ("0 red", "1 green", "1 blue")),
        ("0\n1\n2\n", ("0", "1", "2")),
        ("2\n0\n1\n", ("2", "0", "1")),
    ],
)
def test_a_number_is_an_index_where_all_are(text: str, labels: tuple[str, ...]) -> None:
    assert names(text, 3) == labels


def test_3_toed_sloth_is_a_label_and_not_the_number_3() -> None:
    assert names("0 cat\n3 toed sloth\n", 2) == ("0 cat", "3 toed sloth")


def test_digit_folders_stay_in_keras_order() -> None:
    assert names("0\n1\n10\n2\n", 4) == ("0", "1", "10", "2")
    folders = sorted(f"{number}_x{number}" for number in range(11))
    assert names("\n".join(folders), 11) == tuple(folders)


@pytest.mark.parametrize(
    "text",
    [
        "2_blue\n0_red\n1_green\n",
        "2 stars\n0 stars\n1 stars\n",
        "\n".join(sorted(f"{number} x{number}" for number in range(11))),  # sorted by `sort`, or folders of Keras?
    ],
)
def test_numbers_that_may_be_either_are_refused(text: str) -> None:
    assert "may be indices or parts of the names" in refusal(text, text.strip().count("\n") + 1)


def test_numbers_from_1_are_never_shifted_on_a_guess() -> None:
    fitted = parse_labels(b"1 red\n2 green\n", "f").fit(2, "m")
    assert (fitted.names, fitted.note) == (("red", "green"), "numbered from 1")
    assert "go from 1 to 3" in refusal("3 red\n1 green\n2 blue\n", 3)
    assert "go from 1 to 2" in refusal('{"cat": 2, "dog": 1}', 2)


# What does not fit


@pytest.mark.parametrize(
    ("text", "outputs", "message"),
    [
        ("a\nb\n", 5, "2 labels do not fit the 5 outputs of m; give the list"),
        ("0 a\n1 b\n2 c\n", 5, "a numbered list with 3 entries does not fit the 5 outputs of m (its indices go from 0"),
        ("1 a\n2 b\n", 3, "index 0 has no label: if it is a 'background' class, add it"),
        ("0: a\n1: b\n3: c\n", 3, "a numbered list with 3 entries does not fit the 3 outputs of m (its"),
        ("0: a\n1: b\n1: c\n", 3, "a numbered list that has the index 1 twice"),
        ('{"id2label": {"0": "a", "1": "b", "2": "c"}}', 5, "a JSON object of id2label with 3 entries does not fit"),
        ('["a"]', 5, "a JSON list with 1 entry does not fit the 5 outputs of m"),
        ("index,label\n0,a\n1,b\n2,c\n", 4, "a table of labels with 3 entries does not fit the 4 outputs of m"),
    ],
)  # fmt: skip
def test_a_list_that_does_not_fit_is_refused_as_what_it_is(text: str, outputs: int, message: str) -> None:
    assert message in refusal(text, outputs)


def test_a_background_class_that_may_be_missing_is_mentioned() -> None:
    thousand = "".join(f"c{number}\n" for number in range(1000))
    assert "if the model has a 'background' class, add that line where it belongs: first" in refusal(thousand, 1001)
    for text in (f"background\n{thousand}", f"{thousand}background\n"):
        assert "remove that line" in refusal(text, 1000)


@pytest.mark.parametrize(
    ("labels", "index"),
    [
        (("background", "cat"), 0),
        (("cat", "Background"), 1),
        (("__background__", "cat"), 0),
        (("cat", "background", "dog"), None),
        (("cat", "dog"), None),
        (("background noise", "cat"), None),
        ((), None),
    ],
)
def test_a_background_class_is_known_at_either_end(labels: tuple[str, ...], index: int | None) -> None:
    assert background_index(labels) == index


# WordNet ids


@pytest.mark.parametrize(
    "text", ["n01440764 tench, Tinca tinca\nn01443537 goldfish\n", "n01440764: tench, Tinca tinca\nn01443537: goldfish"]
)
def test_wnids_are_kept_beside_the_names(text: str) -> None:
    fitted = parse_labels(text.encode(), "f").fit(2, "m")
    assert fitted.names == ("tench, Tinca tinca", "goldfish")
    assert fitted.wnids == ("n01440764", "n01443537")


def test_a_background_class_has_no_wnid() -> None:
    fitted = parse_labels(b"background\nn01440764 tench\n", "f").fit(2, "m")
    assert (fitted.names, fitted.wnids) == (("background", "tench"), (None, "n01440764"))
    assert parse_labels(b"n01440764 tench\ncat\nn01443537 goldfish\n", "f").fit(3, "m").wnids is None


@given(st.permutations(range(12)), st.booleans())
def test_each_name_stands_at_its_index_or_nowhere(order: list[int], from_one: bool) -> None:
    reading = Reading("a list", tuple(f"name {index}" for index in order), tuple(index + from_one for index in order))
    try:
        placed = LabelList("f", (reading,)).fit(12, "m").names
    except LabelsError:
        assert from_one
        assert order != sorted(order)
    else:
        assert placed == tuple(f"name {index}" for index in range(12))
