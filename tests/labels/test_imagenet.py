"""The 1000 class names: complete, in order, distinct, readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.errors import LabelsError
from mobiclass.hub.catalog import data_folder
from mobiclass.labels.imagenet import ImagenetClass, first_imagenet_index, read_classes


def test_the_classes_are_a_thousand_in_the_order_of_their_wnids() -> None:
    classes = read_classes()
    wnids = [entry.wnid for entry in classes]
    assert len(classes) == 1000
    assert wnids == sorted(set(wnids))
    assert (wnids[0], wnids[-1]) == ("n01440764", "n15075141")


@pytest.mark.parametrize(
    ("index", "label"),
    [
        (0, "tench"),
        (7, "rooster"),
        (134, "crane (bird)"),
        (207, "golden retriever"),
        (264, "Cardigan Welsh corgi"),
        (285, "Egyptian cat"),
        (474, "cardigan (sweater)"),
        (517, "crane (machine)"),
        (638, "maillot (one-piece swimsuit)"),
        (639, "maillot (tank suit)"),
        (657, "missile"),
        (744, "projectile"),
        (836, "sunglass lens"),
        (837, "sunglasses"),
        (967, "espresso"),
        (999, "toilet paper"),
    ],
)
def test_known_classes_stand_in_their_places(index: int, label: str) -> None:
    assert read_classes()[index].label == label


def test_names_are_distinct_and_print_anywhere() -> None:
    labels = [entry.label for entry in read_classes()]
    assert len({label.casefold() for label in labels}) == 1000
    for label in labels:
        assert label.isascii()
        assert label.isprintable()
        assert label == label.strip()
        assert "," not in label  # one name a class, no list of synonyms
        assert "_" not in label
        assert 2 <= len(label) <= 40
        assert label.count("(") == label.count(")") <= 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("n01440764\ttench\n", "", "expected 1000 lines"),
        ("n01440764\ttench\n", "n15075142\ttench\n", "order of their wnids"),
        ("\ttench\n", " tench\n", "tsv:1: expected a wnid, a tab and a name"),
        ("\ttench\n", "\t\n", "tsv:1: expected"),
        ("\ttench\n", "\ttench\tfish\n", "tsv:1: expected"),
        ("n01440764\t", "1440764\t", "tsv:1: expected"),
        ("\ttench\n", "\tGoldfish\n", "two classes: goldfish"),
    ],
)
def test_a_spoilt_list_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = (data_folder() / "imagenet_classes.tsv").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "classes.tsv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LabelsError, match=reason):
        read_classes(path)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"nowhere\.tsv: the classes cannot be read"):
        read_classes(tmp_path / "nowhere.tsv")


def test_a_models_labels_are_recognized() -> None:
    labels = tuple(entry.label for entry in read_classes())
    assert first_imagenet_index(labels) == 0
    assert first_imagenet_index(("background", *labels)) == 1
    assert first_imagenet_index((*labels, "background")) == 0
    assert first_imagenet_index(tuple(f"{label}, {label}um" for label in labels)) == 0
    assert first_imagenet_index(("dummy", *labels)) == 1
    assert first_imagenet_index((*labels, "cat")) == 0
    assert first_imagenet_index(labels[::-1]) is None
    assert first_imagenet_index(()) is None


@pytest.mark.parametrize(("others", "first"), [(400, 0), (401, None)])
def test_six_in_ten_names_must_stand_in_their_places(others: int, first: int | None) -> None:
    labels = tuple(entry.label for entry in read_classes())
    assert first_imagenet_index(("?",) * others + labels[others:]) == first


def test_the_labels_of_the_file_are_known_without_comparing_names(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tuple(entry.label for entry in read_classes())
    compared = []

    def read() -> tuple[ImagenetClass, ...]:
        compared.append(True)
        return read_classes()

    monkeypatch.setattr("mobiclass.labels.imagenet.read_classes", read)
    assert (first_imagenet_index(labels), compared) == (0, [])
    assert (first_imagenet_index((*labels[:-1], "?")), compared) == (0, [True])
    assert first_imagenet_index(labels[::-1]) is None
