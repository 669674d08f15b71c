"""The label file beside a model: used where it can be nobody else's, else named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mobiclass.errors import LabelsError
from mobiclass.labels import parse_labels
from mobiclass.tflite.facts import Facts
from mobiclass.tflite.info import ModelInfo, read_model
from mobiclass.tflite.nearby import NearbyLabels
from tests.support.tiny_models import colour_model, edgetpu_model

Write = Callable[..., ModelInfo]


@pytest.fixture
def read(tmp_path: Path) -> Write:
    """Give a function that writes files beside a model without labels and reads that model."""

    def write_and_read(model: str = "m.tflite", **files: str) -> ModelInfo:
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        (tmp_path / model).write_bytes(colour_model(labels=None))
        return read_model(tmp_path / model)

    return write_and_read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "0 red\n1 green\n2 blue\n"),
        ("Labels.TXT", "red\ngreen\nblue\n"),
        ("dict.txt", "red\ngreen\nblue\n"),
        ("label.txt", "red\ngreen\nblue\n"),
        ("labelmap.txt", "red\ngreen\nblue\n"),
        ("m.txt", "red\ngreen\nblue\n"),
        ("m_labels.txt", "red\ngreen\nblue\n"),
        ("class_indices.json", '{"blue": 2, "green": 1, "red": 0}'),
        ("labels.json", '["red", "green", "blue"]'),
        ("labels.csv", "index,label\n2,blue\n0,red\n1,green\n"),
        ("label_map.pbtxt", 'item { id: 2 name: "green" } item { id: 1 name: "red" } item { id: 3 name: "blue" }'),
        ("data.yaml", "names: [red, green, blue]\n"),
        ("config.json", '{"id2label": {"0": "red", "1": "green", "2": "blue"}}'),
        ("metadata.json", '{"labels": ["red", "green", "blue"]}'),
    ],
)
def test_a_label_file_beside_a_model_is_used(read: Write, tmp_path: Path, name: str, content: str) -> None:
    info = read(**{name: content, "README.md": "a\nb\nc\n"})
    assert info.labels == ("red", "green", "blue")
    assert info.nearby_labels == NearbyLabels(tmp_path / name, None)
    assert info.sources["labels"].startswith(f"{name} beside the model")


def test_its_twin_for_an_edge_tpu_is_no_other_model(read: Write, tmp_path: Path) -> None:
    (tmp_path / "m_edgetpu.tflite").write_bytes(edgetpu_model(labels=None))
    assert read(**{"m_labels.txt": "red\ngreen\nblue\n"}).labels == ("red", "green", "blue")
    assert read_model(tmp_path / "m_edgetpu.tflite").labels == ("red", "green", "blue")


def test_beside_two_models_it_is_named_and_not_used(read: Write, tmp_path: Path) -> None:
    (tmp_path / "other.tflite").write_bytes(b"")
    info = read(**{"labels.txt": "red\ngreen\nblue\n"})
    assert (info.labels, info.sources["labels"]) == (None, "nowhere")
    assert info.nearby_labels == NearbyLabels(tmp_path / "labels.txt", "another model, other.tflite, lies there too")


def test_a_file_that_does_not_fit_is_named_and_not_used(read: Write, tmp_path: Path) -> None:
    info = read(**{"labels.txt": "red\ngreen\n"})
    assert info.labels is None
    assert info.nearby_labels is not None
    assert info.nearby_labels.path == tmp_path / "labels.txt"
    assert str(info.nearby_labels.unused_because).startswith("2 labels do not fit the 3 outputs of m.tflite")


def test_two_files_that_disagree_are_named_and_not_used(read: Write, tmp_path: Path) -> None:
    info = read(**{"labels.txt": "red\ngreen\nblue\n", "dict.txt": "a\nb\nc\n"})
    assert info.labels is None
    assert info.nearby_labels == NearbyLabels(tmp_path / "labels.txt", "dict.txt lies there too and says otherwise")
    assert read(**{"dict.txt": "0 red\n1 green\n2 blue\n"}).labels == ("red", "green", "blue")


def test_a_file_of_another_kind_is_not_mentioned(read: Write) -> None:
    info = read(
        **{"m.txt": "How it was trained\n", "config.json": '{"batch_size": 3}', "metadata.json": "{", "a.txt": "x"}
    )
    assert (info.labels, info.nearby_labels) == (None, None)


def test_every_other_source_is_stronger(read: Write, tmp_path: Path) -> None:
    read(**{"labels.txt": "red\ngreen\nblue\n"})
    given = Facts("command line", labels=parse_labels(b"a\nb\nc\n", "f"))
    info = read_model(tmp_path / "m.tflite", given)
    assert (info.labels, info.nearby_labels) == (("a", "b", "c"), None)
    (tmp_path / "m.labels.txt").write_text("d\ne\nf\n")
    assert read_model(tmp_path / "m.tflite").labels == ("d", "e", "f")
    (tmp_path / "m.labels.txt").write_text("d\ne\n")
    with pytest.raises(LabelsError, match="2 labels do not fit"):  # what was put there on purpose must fit
        read_model(tmp_path / "m.tflite")
