"""Labels: the given list or one beside the model, never a guess; and the classes of labelled photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobiclass.errors import LabelsError
from mobiclass.labels.imagenet import read_classes
from tests.support.keras_models import write_labels
from tools.convert.class_labels import Labels, given_labels, knows_imagenet, photo_targets, require_labels


def test_a_given_list_is_used_whatever_lies_beside_the_model(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.txt", 4)
    own = tmp_path / "own.txt"
    own.write_text("a\nb\nc\nd\n", encoding="utf-8")
    assert given_labels(own, tmp_path / "m.keras", 4) == Labels(("a", "b", "c", "d"), "own.txt")
    with pytest.raises(LabelsError, match=r"own\.txt"):
        given_labels(own, None, 5)


def test_a_list_beside_the_model_is_used_if_its_length_matches(tmp_path: Path) -> None:
    model = tmp_path / "m.keras"
    assert given_labels(None, model, 4) is None
    write_labels(tmp_path / "labels.txt", 4)
    assert given_labels(None, model, 5) is None
    found = given_labels(None, model, 4)
    assert found is not None and found.source == "labels.txt beside the model"
    (tmp_path / "m.labels.txt").write_text("a\nb\nc\nd\n", encoding="utf-8")
    closer = given_labels(None, model, 4)
    assert closer is not None and closer.names == ("a", "b", "c", "d")
    assert given_labels(None, None, 4) is None


def test_without_labels_the_message_says_how_to_give_them() -> None:
    labels = Labels(("a", "b"), "somewhere")
    assert require_labels(labels, 2, "m.keras") is labels
    with pytest.raises(LabelsError, match=r"m\.keras: the labels of its 2 outputs are unknown; give --labels FILE"):
        require_labels(None, 2, "m.keras")


def test_folders_are_classes_by_label_whatever_their_case() -> None:
    photos = [Path("photos/Cat/1.png"), Path("photos/dog/2.png"), Path("photos/cat/3.png")]
    assert photo_targets(photos, ["dog", "cat"], Path("photos")) == [1, 0, 1]


@pytest.mark.parametrize("labels", [["dog"], ["dog", "cat", "Cat"]], ids=["none", "two"])
def test_a_folder_of_no_class_or_of_two_is_refused(labels: list[str]) -> None:
    with pytest.raises(LabelsError, match="'cat' is not the name of a class of this model"):
        photo_targets([Path("photos/cat/1.png")], labels, Path("photos"))


def test_wnids_are_classes_of_imagenet_models_only() -> None:
    labels = [entry.label for entry in read_classes()]
    assert photo_targets([Path("photos/n02123045/1.png")], labels, Path("photos")) == [281]
    with pytest.raises(LabelsError, match="n02123045"):
        photo_targets([Path("photos/n02123045/1.png")], labels[::-1], Path("photos"))


@pytest.mark.parametrize(("classes", "known"), [((285, 967, 0), True), ((285, 0, 0), False)])
def test_two_of_three_photos_must_be_recognized(classes: tuple[int, ...], known: bool) -> None:
    for module in ("skimage", "sklearn"):
        pytest.importorskip(module, reason=f"NOT TESTED: {module} is not installed")
    answers = dict(zip(("chelsea.png", "coffee.png", "rocket.jpg"), classes, strict=True))

    def classify(photo: Path) -> Any:
        # The class is in the top 5, not at its head.
        scores = np.zeros(1000, np.float32)
        scores[[10, 11, 12]] = 1.0
        scores[answers[photo.name]] = 0.5
        return scores

    assert knows_imagenet(classify) == known
