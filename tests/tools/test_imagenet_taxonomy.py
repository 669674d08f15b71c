"""The groups of ImageNet's classes: the file that is committed, and the program that writes it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from mobiclass.decisions import imagenet_taxonomy
from mobiclass.errors import SetupError
from mobiclass.labels import ImagenetClass, read_classes
from tools import imagenet_taxonomy as tool

NOUNS = """\
  1 This software and database is being provided to you, the LICENSEE, by
  2 WordNet 3.0 Copyright 2006 by Princeton University.
00000001 03 n 01 animal 0 002 ~ 00000002 n 0000 ~ 00000005 n 0000 | a living thing
00000002 05 n 02 dog 0 domestic_dog 1 002 @ 00000001 n 0000 + 00000009 v 0101 | man's best friend | of all
00000003 05 n 01 corgi 0 001 @ 00000002 n 0000 | a dog
00000004 05 n 01 Rex 0 001 @i 00000002 n 0000 | one dog
00000005 05 n 01 crab 0 001 @ 00000001 n 0000 | a crustacean
"""
CLASSES = tuple(
    ImagenetClass(wnid, label) for wnid, label in [("n00000003", "corgi"), ("n00000004", "Rex"), ("n00000005", "crab")]
)


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    (tmp_path / "data.noun").write_text(NOUNS, encoding="utf-8")
    return tmp_path


def written(wordnet: Path, *lines: str) -> str:
    table = wordnet / "groups.tsv"
    table.write_text("# names\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tool.taxonomy_text(tool.read_hypernyms(wordnet), tool.read_named_groups(table), CLASSES)


def test_the_committed_file_is_what_people_can_be_told() -> None:
    labels = {entry.label.casefold() for entry in read_classes()}
    groups = imagenet_taxonomy().groups
    names = [group.name.casefold() for group in groups]
    assert all(len(group.classes) >= 2 for group in groups)
    assert all(list(group.classes) == sorted(set(group.classes)) for group in groups)
    assert all(group.classes[0] >= 0 and group.classes[-1] < 1000 for group in groups)
    assert len(set(names)) == len({group.classes for group in groups}) == len(groups)
    wnids = [group.wnid for group in groups if group.wnid is not None]
    assert len(set(wnids)) == len(wnids) > 0.9 * len(groups)
    assert all(len(wnid) == 9 for wnid in wnids)
    assert labels.isdisjoint(names)
    assert all(len(small.classes) <= len(large.classes) for small, large in pairwise(groups))


@pytest.mark.parametrize(
    ("wnid", "name", "examples"),
    [
        ("n02121808", "domestic cat", {"tabby cat", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}),
        ("n02084071", "dog", {"Chihuahua", "golden retriever", "standard poodle"}),
        ("n01503061", "bird", {"ostrich", "goldfinch", "macaw", "king penguin"}),
        ("n03100490", "vehicle", {"airliner", "sports car", "bullet train", "gondola (boat)", "tandem bicycle"}),
        ("n00021265", "food or drink", {"pizza", "banana", "espresso", "corn"}),
        (None, "household item", {"pillow", "frying pan", "desk", "screwdriver", "television"}),
        ("n15074962", "tissue paper", {"paper towel", "toilet paper"}),
    ],
)
def test_groups_have_their_classes(wnid: str | None, name: str, examples: set[str]) -> None:
    classes = read_classes()
    by_name = imagenet_taxonomy().by_name
    assert by_name[name].wnid == wnid
    assert wnid is None or by_name[wnid] == by_name[name]
    assert examples <= {classes[index].label for index in by_name[name].classes}


def test_menus_are_no_food_and_the_largest_group_is_of_animals() -> None:
    menu = next(index for index, entry in enumerate(read_classes()) if entry.label == "menu")
    taxonomy = imagenet_taxonomy()
    assert menu not in taxonomy.by_name["food or drink"].classes
    assert taxonomy.groups[-1].name == "animal"
    assert taxonomy.groups[-1].classes == tuple(range(398))


@pytest.mark.skipif(not (tool.WORDNET / "data.noun").is_file(), reason="WordNet is not installed")
def test_wordnet_gives_the_committed_bytes(tmp_path: Path) -> None:
    output = tmp_path / "taxonomy.tsv"
    result = CliRunner().invoke(tool.main, ["-o", str(output)])
    assert result.exit_code == 0, result.output
    assert output.read_bytes() == tool.TAXONOMY.read_bytes()


def test_a_group_has_what_is_below_it_also_instances(wordnet: Path) -> None:
    assert written(wordnet, "n00000001\tanimal", "n00000002\tdog") == ("n00000002\tdog\t0-1\nn00000001\tanimal\t0-2\n")


def test_a_group_is_edited(wordnet: Path) -> None:
    assert written(wordnet, "n00000001\tpets\t-n00000004") == "n00000001\tpets\t0,2\n"
    assert written(wordnet, "-\tours\t+n00000002", "-\tmine\t+n00000001") == "\tours\t0-1\n\tmine\t0-2\n"
    assert written(wordnet, "n00000005\tseaside\t+n00000003") == "n00000005\tseaside\t0,2\n"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["n00000005\tcrabs"], "needs two classes"),
        (["n00000001\tCorgi"], "a class has this name"),
        (["n00000001\tanimal", "n00000002\tAnimal"], "animal has the same name"),
        (["n00000001\tanimal", "n00000002\tdog\t+n00000005"], "animal has the same classes"),
        (["n00000002\tdog\t+n00000003"], r"\+n00000003 changes nothing"),
        (["n00000002\tdog\t-n00000005"], "-n00000005 changes nothing"),
        (["n00000001\tanimal", "n00000001\tdog\t-n00000005"], "animal has the same id"),
        (["n0000001\tanimal"], "groups.tsv:2: expected an id"),
        (["n00000001\t animal"], "groups.tsv:2: expected an id"),
        (["n00000001\tanimal\tn00000003"], "groups.tsv:2: expected an id"),
        (["-\tanimal\t+n00000003"], "needs two classes"),
        (["n00000001"], "groups.tsv:2: expected an id"),
    ],
)
def test_a_wrong_table_of_names_is_refused(wordnet: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(SetupError, match=reason):
        written(wordnet, *lines)


def test_another_wordnet_is_refused(wordnet: Path) -> None:
    (wordnet / "data.noun").write_text(NOUNS.replace("WordNet 3.0", "WordNet 2.1"), encoding="utf-8")
    result = CliRunner().invoke(tool.main, ["--wordnet", str(wordnet), "-o", str(wordnet / "out.tsv")])
    assert result.exit_code == 3
    assert "is not WordNet 3.0" in result.output
    assert not (wordnet / "out.tsv").exists()


def test_a_missing_wordnet_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(tool.main, ["--wordnet", str(tmp_path), "-o", str(tmp_path / "out.tsv")])
    assert result.exit_code == 3
    assert "apt-get install wordnet-base" in result.output
