"""``--only FILE``: labels, WordNet ids and groups; a line that names nothing is refused with what is near."""

from __future__ import annotations

import pytest

from mobiclass.decisions.allow_list import parse_allow_list
from mobiclass.decisions.taxonomy import imagenet_taxonomy
from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames, read_classes

CLASSES = read_classes()
NAMES = ClassNames(tuple(entry.label for entry in CLASSES), 1000, tuple(entry.wnid for entry in CLASSES))


def read(text: str) -> tuple[int, ...]:
    return parse_allow_list(text, "only.txt", NAMES, imagenet_taxonomy())


@pytest.mark.parametrize("line", ["tabby cat", "Tabby Cat", "tabby_cat", "n02123045", "281"])
def test_a_class_by_any_of_its_names(line: str) -> None:
    assert read(f"# cats\n\n{line}\n") == (281,)


@pytest.mark.parametrize("line", ["domestic cat", "Domestic_Cat", "n02121808"])
def test_a_group_by_any_of_its_names(line: str) -> None:
    assert read(f"{line}\n0\n") == (0, 281, 282, 283, 284, 285)


def test_lines_that_name_nothing_are_listed_with_what_is_near() -> None:
    with pytest.raises(LabelsError, match=r"only\.txt: 2 of its lines name no class or group") as caught:
        read("tabby cat\ntabby cta\nqqq\n")
    assert caught.value.details[0].startswith("2: tabby cta: no class; near it: tabby cat (281)")
    assert caught.value.details[1].startswith("3: qqq")


def test_an_empty_list_would_allow_nothing() -> None:
    with pytest.raises(LabelsError, match="there is nothing in it"):
        read("# nothing\n")


def test_groups_that_are_near_are_named_too() -> None:
    with pytest.raises(LabelsError) as caught:
        read("Domestic_Cta\n")
    assert caught.value.details == ("1: Domestic_Cta: no class; near it: domestic cat (a group)",)


def test_an_id_that_is_near_is_not_offered() -> None:
    with pytest.raises(LabelsError) as caught:
        read("n02121809\n")  # the group of domestic cats is n02121808
    assert "near" not in caught.value.details[0]


def test_of_a_model_without_groups_only_classes() -> None:
    assert parse_allow_list("tabby cat", "only.txt", NAMES, None) == (281,)
    with pytest.raises(LabelsError):
        parse_allow_list("domestic cat", "only.txt", NAMES, None)


def test_of_very_many_lines_that_name_nothing_the_first_are_told() -> None:
    with pytest.raises(LabelsError, match="20000 of its lines") as caught:
        read("qwertz\n" * 20_000)
    assert len(caught.value.details) == 101
    assert caught.value.details[-1] == "… and 19900 more"
