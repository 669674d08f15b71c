"""``--only FILE``: labels, WordNet ids and groups; a line that names nothing is refused with what is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.decisions.allow_list import read_allow_list
from mobiclass.decisions.taxonomy import imagenet_taxonomy
from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames, read_classes

CLASSES = read_classes()
NAMES = ClassNames(tuple(entry.label for entry in CLASSES), 1000, tuple(entry.wnid for entry in CLASSES))


def read(folder: Path, text: str) -> tuple[int, ...]:
    path = folder / "only.txt"
    path.write_text(text, encoding="utf-8")
    return read_allow_list(path, NAMES, imagenet_taxonomy())


@pytest.mark.parametrize("line", ["tabby cat", "Tabby Cat", "tabby_cat", "n02123045", "281"])
def test_a_class_by_any_of_its_names(line: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"# cats\n\n{line}\n") == (281,)


@pytest.mark.parametrize("line", ["domestic cat", "Domestic_Cat", "n02121808"])
def test_a_group_by_any_of_its_names(line: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"{line}\n0\n") == (0, 281, 282, 283, 284, 285)


def test_lines_that_name_nothing_are_listed_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"only\.txt: 2 of its lines name no class or group") as caught:
        read(tmp_path, "tabby cat\ntabby cta\nqqq\n")
    assert caught.value.details[0].startswith("2: tabby cta: no class; near it: tabby cat (281)")
    assert caught.value.details[1].startswith("3: qqq")


def test_an_empty_list_would_allow_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="there is nothing in it"):
        read(tmp_path, "# nothing\n")


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="none.txt: the list of classes"):
        read_allow_list(tmp_path / "none.txt", NAMES, None)
