"""Folders to output indices: all of them, or an error that says what is wrong with each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mobiclass.errors import ClassesError
from mobiclass.evaluation.truth import match_folders
from mobiclass.labels.imagenet import read_classes
from mobiclass.tflite.info import ModelInfo, read_model
from tests.conftest import MakeModel

IMAGENET = tuple(entry.label for entry in read_classes())


@pytest.fixture
def colour_info(colours: Path) -> ModelInfo:
    return read_model(colours)


def test_folders_are_matched_by_name_and_not_by_order(colour_info: ModelInfo) -> None:
    truth = match_folders(["Blue", "2", "green", "red"], colour_info)
    assert truth.indices == {"Blue": 2, "2": 2, "green": 1, "red": 0}
    assert truth.matched_by == Counter(label=3, index=1)
    assert truth.folders == {2: ["Blue", "2"], 1: ["green"], 0: ["red"]}
    assert truth.field("Blue") == {"index": 2, "label": "blue"}
    assert (truth.left_out, truth.unknown) == ((), ())


def test_a_map_decides(colour_info: ModelInfo) -> None:
    class_map = {"a": "blue", "red": "green", "c": 0, "d": None, "not there": "red"}
    truth = match_folders(["a", "red", "c", "d", "green"], colour_info, class_map)
    assert truth.indices == {"a": 2, "red": 1, "c": 0, "green": 1}
    assert truth.left_out == ("d",)
    assert truth.unknown == ("not there",)


def test_a_number_in_a_map_is_an_index_whatever_the_labels_are(make_model: MakeModel) -> None:
    info = read_model(make_model(labels=("2", "1", "0")))
    assert match_folders(["0"], info).indices == {"0": 2}
    assert match_folders(["x"], info, {"x": "0"}).indices == {"x": 2}
    assert match_folders(["x"], info, {"x": 0}).indices == {"x": 0}


def test_every_folder_that_does_not_match_is_told_with_what_is_near(colour_info: ModelInfo) -> None:
    with pytest.raises(ClassesError) as caught:
        match_folders(["gren", "red", "n01440764", "7", "x"], colour_info, {"x": "bleu"}, map_option="--against-map")
    assert str(caught.value) == (
        "4 of 5 folders are no classes of colours, or are ambiguous; name each by its label, wnid or index, or map it "
        "with --against-map FILE (one folder,class per line)"
    )
    assert caught.value.details == (
        "'gren': no class; near are green (1)",
        "'n01440764': a wnid, and the labels are not ImageNet's",
        "'7': no index of the model's, which go from 0 to 2",
        "'x', in the map 'bleu': no class; near are blue (2)",
    )


def test_namesakes_are_told_by_their_indices(make_model: MakeModel) -> None:
    info = read_model(make_model(labels=("crane", "owl", "crane")))
    with pytest.raises(ClassesError) as caught:
        match_folders(["crane", "owl"], info)
    assert caught.value.details == ("'crane': ambiguous: crane (0), crane (2)",)
    assert match_folders(["crane", "owl"], info, {"crane": "2"}).indices == {"crane": 2, "owl": 1}


def test_a_thousand_that_do_not_match_are_not_all_told(colour_info: ModelInfo) -> None:
    with pytest.raises(ClassesError, match="1000 of 1000 folders") as caught:
        match_folders([f"{number}!" for number in range(1000)], colour_info)
    assert len(caught.value.details) == 101
    assert caught.value.details[-1] == "… and 900 more"


def test_photos_of_other_things_alone_are_refused(colour_info: ModelInfo) -> None:
    with pytest.raises(ClassesError, match="only photos of other things"):
        match_folders(["unknown"], colour_info, others=["unknown"])
    with pytest.raises(ClassesError, match="only photos of other things"):
        match_folders([], colour_info)


def test_a_map_that_leaves_all_out_is_refused(colour_info: ModelInfo) -> None:
    with pytest.raises(ClassesError, match="excludes all 2 folders"):
        match_folders(["a", "b"], colour_info, {"a": None, "b": None})


def test_numbers_that_are_other_classes_in_another_model_are_found(make_model: MakeModel) -> None:
    def truth_of(labels: tuple[str, ...] | None, classes: int = 3, folders: tuple[str, ...] = ("1", "red")):  # type: ignore[no-untyped-def]
        return match_folders(folders, read_model(make_model(labels=labels, classes=classes)))

    ours = truth_of(("red", "green", "blue"))
    assert ours.contradictions(truth_of(("red", "Green, verdant", "blue"))) == []
    assert ours.contradictions(truth_of(("background", "red", "green", "blue"), 4)) == [
        "'1': 'green' in one, 'red' in the other"
    ]
    # Where labels are missing, as many classes are taken for the same ones, and another number of them is not.
    ours = truth_of(("red", "green", "blue"), folders=("1", "2"))
    assert ours.contradictions(truth_of(None, 3, ("1", "2"))) == []
    assert ours.contradictions(truth_of(None, 4, ("1", "2"))) == [
        "'1': 'green' in one, 'class 1' in the other",
        "'2': 'blue' in one, 'class 2' in the other",
    ]


def test_wnids_lead_to_the_right_class_in_models_that_number_them_otherwise(make_model: MakeModel) -> None:
    one = match_folders(["n02123045", "tench"], read_model(make_model(labels=IMAGENET, classes=1000)))
    other = match_folders(
        ["n02123045", "tench"], read_model(make_model(labels=("background", *IMAGENET), classes=1001))
    )
    assert one.indices == {"n02123045": 281, "tench": 0}
    assert other.indices == {"n02123045": 282, "tench": 1}
    assert one.contradictions(other) == []


def test_photos_of_other_things_need_a_model_that_decides(colour_info: ModelInfo) -> None:
    with pytest.raises(ClassesError) as error:
        match_folders(["red", "unknown"], colour_info)
    assert error.value.details == (
        "'unknown': no class; photos of other things are only for a model that may answer unknown, which this one "
        "does not here",
    )
    assert match_folders(["red", "unknown"], colour_info, others=["unknown"]).indices == {"red": 0}
