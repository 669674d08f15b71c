"""What Ultralytics' exporter writes into a model, wherever it has put it over the years."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import LabelsError, ModelError
from mobiclass.tflite.info import read_model
from mobiclass.tflite.model import ModelInfo
from tests.conftest import MakeModel
from tests.support.graphs import Net
from tests.support.tiny_models import COLOURS, append_zip, tflite_metadata

SAID: dict[str, Any] = {
    "description": "Ultralytics YOLO11n-cls model", "author": "Ultralytics", "license": "AGPL-3.0", "stride": 1,
    "task": "classify", "imgsz": [8, 8], "names": dict(enumerate(COLOURS)), "args": {"half": False, "nms": None},
}  # fmt: skip
YAML = "task: classify\nimgsz:\n- 8\n- 8\nnames:\n  0: red\n  1: green\n  2: blue\n"


def model(members: dict[str, bytes | str], *, labels_file: str | None = None, description: str | None = None) -> bytes:
    """Make a classifier with files in its zip, of which the metadata may call one labels."""
    net = Net()
    metadata = tflite_metadata(labels_file=labels_file, description=description)
    content = net.finish(net.softmax(net.logits()), metadata=metadata)
    return append_zip(content, members) if members else content


PLACES = {
    "a file that the metadata call labels": model({"temp_meta.txt": str(SAID)}, labels_file="temp_meta.txt"),
    "under another name": model({"yolo.txt": str(SAID)}, labels_file="yolo.txt"),
    "a file that nothing names": model({"metadata.json": json.dumps(SAID, indent=2)}),
    "a list of names": model({"metadata.json": json.dumps({**SAID, "names": list(COLOURS)})}),
    "yaml": model({"metadata.yaml": YAML}),
    "the description": model({}, description=str(SAID)),
}


@pytest.mark.parametrize("place", PLACES)
def test_names_and_preprocessing_are_taken(place: str, make_model: MakeModel) -> None:
    info = read_model(make_model(PLACES[place]))
    assert info.labels == COLOURS
    preprocessing = info.preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((0.0,) * 3, (255.0,) * 3)
    assert (preprocessing.resize, preprocessing.crop_fraction, preprocessing.interpolation) == ("crop", 1.0, "bilinear")
    assert info.sources["labels"].startswith("Ultralytics' ")
    assert info.notes == ()


def read(make_model: MakeModel, net: Net | None = None, **said: Any) -> ModelInfo:
    """Read a classifier with a dictionary of `said`."""
    net = net or Net()
    content = net.finish(net.softmax(net.logits()))
    return read_model(make_model(append_zip(content, {"metadata.json": json.dumps({**SAID, **said})})))


@pytest.mark.parametrize(("size", "sides"), [([6, 9], (6, 9)), (7, (7, 7)), ([7], (7, 7))])
def test_the_size_of_an_open_input_is_its_imgsz(size: Any, sides: tuple[int, int], make_model: MakeModel) -> None:
    info = read(make_model, Net((1, 1, 1, 3), signature=(1, -1, -1, 3)), imgsz=size)
    assert (info.height, info.width) == sides


@pytest.mark.parametrize("size", [None, "big", [0, 0], [1, 2, 3], [True, True]])
def test_a_size_that_is_none_is_passed_over(size: Any, make_model: MakeModel) -> None:
    assert read(make_model, imgsz=size).height == 8


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_another_task_is_named(task: str, make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match=f"no image classifier: .*metadata.json.*task '{task}'"):
        read(make_model, task=task)


def test_names_of_another_count_are_refused(make_model: MakeModel) -> None:
    with pytest.raises(LabelsError, match="2 labels do not fit the 3 outputs|3 outputs"):
        read(make_model, names={0: "a", 1: "b"})


def test_yolov5_has_no_task_and_imagenets_normalization(make_model: MakeModel) -> None:
    said = {"stride": 32, "names": dict(enumerate(COLOURS))}
    info = read_model(make_model(model({"meta.txt": str(said)}, labels_file="meta.txt")))
    assert info.labels == COLOURS
    assert info.preprocessing.mean == pytest.approx((123.675, 116.28, 103.53))


@pytest.mark.parametrize(
    "content",
    ["{'a': 1}", "{", "[1, 2", "{'names': {0: __import__('os')}, 'task': 'classify'}", "{" * 100_000, '{"x": null}'],
)
def test_a_file_that_the_metadata_call_labels_and_that_is_none_is_not_believed(
    content: str, make_model: MakeModel
) -> None:
    info = read_model(make_model(model({"temp_meta.txt": content}, labels_file="temp_meta.txt")))
    assert (info.labels, info.sources["labels"]) == (None, "nowhere")
    assert len(info.notes) == 1
    assert info.notes[0].startswith("its metadata call 'temp_meta.txt' its labels, and it holds none that fit")


def test_a_file_beside_the_model_takes_the_place_of_one_that_is_not_believed(
    make_model: MakeModel, tmp_path: Path
) -> None:
    path = make_model(model({"temp_meta.txt": "{'a': 1}"}, labels_file="temp_meta.txt"))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    assert read_model(path).labels == ("a", "b", "c")
