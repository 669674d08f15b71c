"""Which class a text names: by label, wnid or index, and never by guessing."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.labels.imagenet import read_classes
from mobiclass.labels.matching import ClassNames, Match, Miss
from mobiclass.labels.parsing import parse_labels

ANIMALS = (
    "background",
    "tench, Tinca tinca",
    "3 toed sloth",
    "Egyptian cat",
    "crane",
    "crane",
    "maillot",
    "maillot, tank suit",
    "Cardigan, Cardigan Welsh corgi",
    "cardigan",
    "",
    "kelpie",
    "7",
    "C++",
    "C",
    "Épagneul",
    "lesser panda, red panda, panda",
    "giant panda, panda",
    "notebook (computer)",
)
IMAGENET = tuple(entry.label for entry in read_classes())
WNIDS = tuple(entry.wnid for entry in read_classes())


@pytest.fixture(scope="module")
def animals() -> ClassNames:
    return ClassNames(ANIMALS, len(ANIMALS))


@pytest.fixture(scope="module")
def imagenet() -> ClassNames:
    return ClassNames(IMAGENET, 1000)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("Egyptian cat", 3),
        ("Egyptian_cat", 3),
        ("EGYPTIAN CAT", 3),
        ("egyptian-cat", 3),
        ("  Egyptian  cat ", 3),
        ("3 toed sloth", 2),  # a label, and not the number 3
        ("3_toed_sloth", 2),
        ("tench, Tinca tinca", 1),
        ("tench", 1),
        ("Tinca_tinca", 1),
        ("tench_Tinca_tinca", 1),
        ("tench, no such synonym", 1),
        ("001.kelpie", 11),
        ("0042_Kelpie", 11),
        ("7-kelpie", 11),
        ("7", 12),  # the label decides before the index
        ("007", 7),
        ("C++", 13),
        ("C", 14),
        ("notebook", 18),
        ("notebook (computer)", 18),
        ("notebook_computer", 18),
        (unicodedata.normalize("NFD", "Épagneul"), 15),  # as macOS writes file names
        ("ÉPAGNEUL", 15),
        ("background", 0),
        ("12", 12),
        ("0012", 12),
        ("class 12", 12),
        ("class_0012", 12),
        ("Class12", 12),
    ],
)
def test_what_is_meant_is_found(animals: ClassNames, text: str, index: int) -> None:
    found = animals.find(text)
    assert isinstance(found, Match)
    assert found.index == index
    assert found.by == ("index" if index in (7, 12) and text != "7" else "label")


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("crane", ("crane (4)", "crane (5)")),
        ("maillot", ("maillot (6)", "maillot, tank suit (7)")),
        ("cardigan", ("Cardigan, Cardigan Welsh corgi (8)", "cardigan (9)")),
        ("Cardigan", ("Cardigan, Cardigan Welsh corgi (8)", "cardigan (9)")),
        ("panda", ("lesser panda, red panda, panda (16)", "giant panda, panda (17)")),
        ("c", ("C++ (13)", "C (14)")),
        ("kelpie, tench", ("tench, Tinca tinca (1)", "kelpie (11)")),
    ],
)
def test_what_may_be_several_names_their_indices(animals: ClassNames, text: str, candidates: tuple[str, ...]) -> None:
    assert animals.find(text) == Miss("ambiguous", candidates, ambiguous=True)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("kelpy", ("kelpie (11)",)),
        ("tenhc", ("tench, Tinca tinca (1)",)),
        ("003.Egyptain_cat", ("Egyptian cat (3)",)),
        ("zzz", ()),
    ],
)
def test_what_is_near_is_suggested(animals: ClassNames, text: str, near: tuple[str, ...]) -> None:
    assert animals.find(text) == Miss("no class", near)
    assert animals.find(text, suggest=False) == Miss("no class")


@pytest.mark.parametrize("text", ["19", "0019", "class 999", "999999999"])
def test_an_index_must_be_the_models(animals: ClassNames, text: str) -> None:
    found = animals.find(text)
    assert isinstance(found, Miss)
    assert found.reason == "no index of the model's, which go from 0 to 18"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "_", "...", "-1", "+1", "1.5", "1e1", "٣", "0x1", "..", "$(reboot)", "<script>", "\udcff\udcfe",
        "a\nb", "\0", "n01440764", "n0144076", "N01440764", "9" * 5000, "0" * 5000 + "1 ", "class", "12_",
        "x" * 100_000, "," * 1000, "\N{RIGHT-TO-LEFT OVERRIDE}hcnet",
    ],
)  # fmt: skip
def test_other_peoples_names_are_no_class_and_no_error(animals: ClassNames, text: str) -> None:
    assert isinstance(animals.find(text), Miss)


@given(st.text(max_size=30))
def test_any_text_has_an_answer(text: str) -> None:
    found = ClassNames(ANIMALS, len(ANIMALS)).find(text)
    assert isinstance(found, Miss) or 0 <= found.index < len(ANIMALS)


def test_the_order_of_folders_means_nothing() -> None:
    names = ClassNames(("zebra", "ant"), 2)
    assert [names.find(text) for text in ("ant", "zebra")] == [Match(1, "label"), Match(0, "label")]


def test_a_model_without_labels_has_indices_alone() -> None:
    names = ClassNames(None, 1000)
    assert names.find("12") == Match(12, "index")
    assert names.find("tench") == Miss("no class")
    found = names.find("n01440764")
    assert isinstance(found, Miss)
    assert "the model has no labels" in found.reason
    assert (names.label(3), names.name(3)) == (None, "class 3")


# ImageNet


def test_a_wnid_is_its_rank_where_the_labels_are_imagenets(imagenet: ClassNames) -> None:
    assert [imagenet.find(wnid) for wnid in WNIDS] == [Match(index, "wnid") for index in range(1000)]


@pytest.mark.parametrize(("labels", "first"), [(("background", *IMAGENET), 1), ((*IMAGENET, "Background "), 0)])
def test_a_background_class_shifts_it_or_not(labels: tuple[str, ...], first: int) -> None:
    names = ClassNames(labels, 1001)
    assert [names.find(wnid) for wnid in WNIDS] == [Match(first + rank, "wnid") for rank in range(1000)]


@pytest.mark.parametrize(
    "labels",
    [
        tuple(reversed(IMAGENET)),
        (*IMAGENET[1:], IMAGENET[0]),
        tuple(sorted(IMAGENET)),
        tuple(f"label {index}" for index in range(1000)),
        IMAGENET[:999],
    ],
    ids=["backwards", "shifted", "alphabetical", "others", "too few"],
)
def test_the_number_of_labels_alone_makes_no_imagenet(labels: tuple[str, ...]) -> None:
    found = ClassNames(labels, len(labels)).find("n01440764")
    assert found == Miss("a wnid, and the labels are not ImageNet's")


def test_a_wnid_whose_class_stands_elsewhere_is_not_trusted() -> None:
    labels = [*IMAGENET]
    labels[0], labels[1] = labels[1], labels[0]
    names = ClassNames(tuple(labels), 1000)
    assert isinstance(names.find("n01440764"), Miss)
    assert names.find("n01484850") == Match(2, "wnid")


@pytest.mark.parametrize("text", ["n01440764_tench", "n01440764-Tench", "n01440764 whatever", "n01440764.fish"])
def test_what_follows_a_wnid_is_a_comment(imagenet: ClassNames, text: str) -> None:
    assert imagenet.find(text) == Match(0, "wnid")


def test_but_not_where_it_is_another_class(imagenet: ClassNames) -> None:
    assert imagenet.find("n01440764_goldfish") == Miss(
        "its wnid and its name are different classes", ("tench (0)", "goldfish (1)"), ambiguous=True
    )


def test_an_unknown_wnid_is_no_class(imagenet: ClassNames) -> None:
    assert imagenet.find("n99999999") == Miss("a wnid that is not among the model's classes")


def test_labels_that_are_wnids_say_so_themselves() -> None:
    names = ClassNames(("n02084071", "n02121808 domestic cat", "n02084071 dog"), 3)
    assert names.find("n02121808") == Match(1, "wnid")
    assert names.find("n02084071") == Miss("ambiguous", ("n02084071 (0)", "n02084071 dog (2)"), ambiguous=True)


def test_imagenets_own_names_stand_for_a_models(imagenet: ClassNames) -> None:
    labels = [*IMAGENET]
    labels[7] = "cock"  # the list that TF-Slim's and Coral's models have
    names = ClassNames(tuple(labels), 1000)
    assert names.find("rooster") == Match(7, "label")
    assert names.find("cock") == Match(7, "label")
    assert isinstance(imagenet.find("cock"), Miss)
    assert imagenet.find("crane") == Miss("ambiguous", ("crane (bird) (134)", "crane (machine) (517)"), ambiguous=True)
    assert imagenet.find("crane (bird)") == Match(134, "label")
    assert imagenet.find("crane_bird") == Match(134, "label")


# Numbers that a folder or a label has and the other has not


@pytest.mark.parametrize("labels", [("Class 1", "Class 2", "Class 3"), ("0 Class 1", "1 Class 2", "2 Class 3")])
def test_a_label_counts_before_an_index(labels: tuple[str, ...]) -> None:
    names = ClassNames(labels, 3)
    for index in range(3):
        for text in (f"Class {index + 1}", f"class_{index + 1}", f"{index} Class {index + 1}", f"class{index + 1}",
                     f"Class 0{index + 1}"):  # fmt: skip
            assert names.find(text) == Match(index, "label")
    assert isinstance(names.find("Class 0"), Miss)  # the labels count from 1: index 0 is "Class 1"
    assert names.find("0") == Match(0, "index")


def test_a_number_before_a_label_may_be_missing_but_not_decide() -> None:
    names = ClassNames(("0 red", "1: green", "2_blue", "3 toed sloth"), 4)
    assert [names.find(text) for text in ("red", "green", "Blue", "3 toed sloth")] == [
        Match(index, "label") for index in range(4)
    ]
    assert names.find("7 red") == Match(0, "label")
    assert ClassNames(("1 man", "2 man"), 2).find("man") == Miss(
        "ambiguous", ("1 man (0)", "2 man (1)"), ambiguous=True
    )


# ImageNet's list in any form


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({str(index): [wnid, name.replace(" ", "_")] for index, (wnid, name) in enumerate(read_classes())}),
        json.dumps({str(index): name for index, (_, name) in enumerate(read_classes())}),
        json.dumps({wnid: index for index, (wnid, _) in enumerate(read_classes())}),
        json.dumps(IMAGENET),
        "\n".join(f"{wnid} {name}" for wnid, name in read_classes()),
        "\n".join(WNIDS),
        "\n".join(IMAGENET),
        "\n".join(f"{index} {name}" for index, name in enumerate(IMAGENET)),
        "\n".join(f"{index}: {name}" for index, name in reversed([*enumerate(IMAGENET)])),
        "id,name\n" + "\n".join(f'{index},"{name}, thing"' for index, name in enumerate(IMAGENET)),
        repr(dict(enumerate(IMAGENET))),
    ],
    ids=["Keras", "id2label", "wnids to index", "list", "synsets", "wnids", "plain", "numbered", "numbered backwards",
         "CSV", "Python"],
)  # fmt: skip
def test_wnid_folders_fit_every_form_of_imagenets_list(text: str) -> None:
    labels = parse_labels(text.encode(), "f").fit(1000, "m")
    names = ClassNames(labels.names, 1000, labels.wnids)
    assert [names.find(wnid) for wnid in WNIDS] == [Match(index, "wnid") for index in range(1000)]


@pytest.mark.parametrize("background", ["background", "dummy", "__background__", "n00000000 background"])
def test_wnid_folders_fit_synsets_behind_a_background(background: str) -> None:
    text = "\n".join([background, *(f"{wnid} {name}" for wnid, name in read_classes())])
    labels = parse_labels(text.encode(), "f").fit(1001, "m")
    names = ClassNames(labels.names, 1001, labels.wnids)
    assert [names.find(wnid) for wnid in WNIDS] == [Match(index + 1, "wnid") for index in range(1000)]


def test_wnids_of_a_short_list_are_its_own() -> None:
    labels = parse_labels(b"n02979186 cassette player\nn01440764 tench\n", "f").fit(2, "m")
    names = ClassNames(labels.names, 2, labels.wnids)
    assert names.find("n01440764") == Match(1, "wnid")
    assert names.find("tench") == Match(1, "label")
    assert isinstance(names.find("n01443537"), Miss)
