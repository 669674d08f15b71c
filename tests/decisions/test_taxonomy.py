"""Groups out of tables: any depth and order, several parents; and what is wrong with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.decisions.taxonomy import Group, imagenet_taxonomy, model_taxonomy, read_parents, read_taxonomy
from mobiclass.errors import LabelsError
from mobiclass.labels import read_classes
from mobiclass.tflite import read_model
from tests.support.tiny_models import append_zip, colour_model

LABELS = ("tabby", "tiger cat", "beagle", "espresso", "tabby")


def test_groups_of_groups_the_smallest_first() -> None:
    text = "label,parent\ncat,pet\ntabby,cat\ntiger cat,cat\nbeagle,dog\ndog,pet\n"
    assert read_taxonomy(text, LABELS, "t").groups == (Group("cat", (0, 1, 4)), Group("pet", (0, 1, 2, 4)))


def test_a_label_may_be_in_several_groups() -> None:
    text = "tabby,cat\ntiger cat,cat\ntabby,striped\nespresso,striped\n"
    assert {group.name for group in read_taxonomy(text, LABELS, "t").groups} == {"cat", "striped"}


def test_a_very_deep_table_is_read_without_recursion() -> None:
    lines = ["tabby,g0", "beagle,g0", *(f"g{place},g{place + 1}" for place in range(20_000))]
    assert len(read_taxonomy("\n".join(lines), LABELS, "t").groups) == 20_001


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tabby,cat\ncat,pet\npet,cat\n", "contains itself"),
        ("tabby,tabby\n", "t:1: the group 'tabby' contains itself"),
        ("tabby,cat\nbeagle,espresso\n", "t:2: 'espresso' is a label of the model and cannot be a group"),
        ("tabby,cat\nlion,cat\n", "t:2: 'lion' is neither a label of the model nor a group"),
        ("tabby,cat\ntiger cat,cat\ntabby,cat\n", "t:3: 'tabby' is in 'cat' already, by line 1"),
        ("lion,cat\n", "none of its labels is one of the model's, 'lion' for one"),
        ("tabby\n", "t:1: expected label,parent"),
        ("tabby,cat,pet\n", "t:1: expected label,parent"),
        ('tabby,"cat\n', "t:"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(LabelsError, match=message):
        read_taxonomy(text, LABELS, "t")


def test_a_short_table_cannot_fill_the_memory() -> None:
    labels = tuple(f"c{place}" for place in range(1000))
    lines = [*(f"{label},g0" for label in labels), *(f"g{place},g{place + 1}" for place in range(100_000))]
    with pytest.raises(LabelsError, match="t: its groups have more than 1,000,000 classes in all"):
        read_taxonomy("\n".join(lines), labels, "t")


def test_a_model_whose_name_leaves_no_room_for_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 240}.tflite"
    path.write_bytes(append_zip(colour_model(), {"taxonomy.csv": "\ufefflabel,parent\nred,warm\ngreen,warm\n"}))
    taxonomy = model_taxonomy(read_model(path))  # the table begins with a byte order mark
    assert taxonomy is not None
    assert taxonomy.groups == (Group("warm", (0, 1)),)


def test_a_table_beside_the_model_beats_the_one_in_it(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(append_zip(colour_model(), {"taxonomy.csv": "red,warm\ngreen,warm\n"}))
    taxonomy = model_taxonomy(read_model(path))
    assert taxonomy is not None
    assert taxonomy.groups == (Group("warm", (0, 1)),)
    (tmp_path / "m.taxonomy.csv").write_text("green,cold\nblue,cold\n")
    taxonomy = model_taxonomy(read_model(path))
    assert taxonomy is not None
    assert taxonomy.groups == (Group("cold", (1, 2)),)


def test_a_model_of_other_labels_has_no_groups(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(colour_model())
    assert model_taxonomy(read_model(path)) is None


def test_imagenets_groups_are_well_formed() -> None:
    groups = imagenet_taxonomy().groups
    labels = {entry.label.casefold() for entry in read_classes()}
    names = [group.name.casefold() for group in groups]
    assert len(groups) > 200
    assert len(set(names)) == len(names)
    assert labels.isdisjoint(names)
    sizes = [len(group.classes) for group in groups]
    assert sizes == sorted(sizes)
    assert min(sizes) >= 2
    assert all(group.classes == tuple(sorted(set(group.classes))) for group in groups)
    assert max(index for group in groups for index in group.classes) < 1000


def test_imagenets_groups_of_a_model_with_a_background_class() -> None:
    cats = imagenet_taxonomy().by_name["domestic cat"].classes
    assert imagenet_taxonomy(1).by_name["domestic cat"].classes == tuple(index + 1 for index in cats)
    assert imagenet_taxonomy().by_name["n02121808"].name == "domestic cat"


def test_a_spoilt_file_of_groups_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("n1\tcat\t3-x\n")
    with pytest.raises(LabelsError, match=r"t\.tsv:1: expected a WordNet id"):
        imagenet_taxonomy(0, tmp_path / "t.tsv")
    with pytest.raises(LabelsError, match="none.tsv"):
        imagenet_taxonomy(0, tmp_path / "none.tsv")


def test_parents_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,parent\ntabby,cat\ntabby,striped\n")
    assert read_parents(tmp_path / "t.csv") == {"tabby": "cat"}
