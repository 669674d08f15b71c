"""The TFLite Metadata: labels in several languages and of several outputs, and the files that they name."""

from __future__ import annotations

import pytest

from mobiclass.tflite.metadata import may_describe, read_metadata
from tests.support.tiny_models import Fields, finish

LABELS, OTHER = 2, 1


def file(name: str, kind: int = LABELS, locale: str | None = None) -> Fields:
    """Describe an associated file."""
    fields = Fields({0: ("str", name), 2: ("b", kind)})
    if locale is not None:
        fields[3] = ("str", locale)
    return fields


def metadata(*outputs: list[Fields], whole: list[Fields] | None = None) -> memoryview:
    """Write metadata with the files of each output, and those of the whole model."""
    tensors = [Fields({0: ("str", "scores"), 6: ("tables", files)}) for files in outputs]
    root = Fields({0: ("str", "m"), 3: ("tables", [Fields({3: ("tables", tensors)})])})
    if whole:
        root[6] = ("tables", whole)
    return memoryview(finish(root, b"M001"))


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ([file("l_de.txt", locale="de"), file("l.txt")], "l.txt"),
        ([file("l_de.txt", locale="de"), file("l_en.txt", locale="en")], "l_en.txt"),
        ([file("l_de.txt", locale="de"), file("l_en.txt", locale="en_GB")], "l_en.txt"),
        ([file("l_en.txt", locale="en"), file("l.txt", locale="")], "l.txt"),
        ([file("l_de.txt", locale="de"), file("l_fr.txt", locale="fr")], "l_de.txt"),
        ([file("scores.csv", kind=OTHER), file("l.txt")], "l.txt"),
        ([file("scores.csv", kind=OTHER)], None),
    ],
)
def test_labels_for_everybody_come_before_those_in_a_language(files: list[Fields], name: str | None) -> None:
    assert read_metadata(metadata(files)).labels_file == name


def test_each_output_has_its_own_labels() -> None:
    read = read_metadata(metadata([], [file("kinds.txt")], [file("ages.txt")]))
    assert read.label_files == (None, "kinds.txt", "ages.txt")
    assert read.labels_file == "kinds.txt"


def test_all_files_are_named_once() -> None:
    read = read_metadata(metadata([file("l.txt")], [file("l.txt")], whole=[file("meta.txt", kind=0)]))
    assert read.files == ("meta.txt", "l.txt")


@pytest.mark.parametrize(
    "content", [b'{"a": 1}', b"\xef\xbb\xbf {", b"[1]", b"<html>", b"task: x\nnames:\n- a\n", b"names: []"]
)
def test_objects_of_some_notation_may_describe_a_model(content: bytes) -> None:
    assert may_describe(content)


@pytest.mark.parametrize("content", [b"", b"red\ngreen\n", b"names of birds\nred\n", b"0 red\n"])
def test_lists_of_labels_do_not(content: bytes) -> None:
    assert not may_describe(content)
