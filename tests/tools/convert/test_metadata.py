"""The metadata writer, read back by the runtime's own reader, by zipfile and by the schema's own code."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobiclass.tflite.flatbuffer import Table
from mobiclass.tflite.info import Preprocessing, read_model
from tools.errors import MetadataError

_REASON = "NOT TESTED: ai-edge-litert, whose schema the writer uses, is not installed"
schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=_REASON)
metadata = pytest.importorskip("tools.convert.metadata", reason=_REASON)

_CARD = metadata.ModelCard(
    name="tiny",
    description="Twelve pixels — ünicode too",
    version="1.2.3",
    author="Somebody",
    license="Apache-2.0",
    mean=(127.0,),
    std=(128.0,),
    labels=("3 toed sloth", "", *(f"class {number}" for number in range(9)), ""),
)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_the_runtime_reads_back_what_was_written(tmp_path: Path, make_model: Any, dtype: str) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(metadata.write_metadata(make_model(dtype), _CARD))
    info = read_model(path)
    assert info.labels == _CARD.labels
    assert info.preprocessing.mean == (127.0,) * 3
    assert info.preprocessing.std == (128.0,) * 3
    assert (info.description, info.author, info.license) == (_CARD.description, _CARD.author, _CARD.license)
    assert info.preprocessing.sources["mean"] == "TFLite Metadata"
    assert info.input.dtype == dtype


def test_three_values_a_channel(tmp_path: Path, make_model: Any) -> None:
    path = tmp_path / "tiny.tflite"
    card = dataclasses.replace(_CARD, mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    path.write_bytes(metadata.write_metadata(make_model(), card))
    assert read_model(path).preprocessing.mean == (1.0, 2.0, 3.0)
    assert read_model(path).preprocessing.std == (4.0, 5.0, 6.0)


def test_every_field_stands_in_its_slot(make_model: Any) -> None:
    model = schema.ModelT.InitFromPackedBuf(metadata.write_metadata(make_model(), _CARD), 0)
    (entry,) = model.metadata
    assert entry.name == b"TFLITE_METADATA"
    root = Table.root(bytes(model.buffers[entry.buffer].data), b"M001")
    assert [root.string(slot) for slot in (0, 2, 7)] == ["tiny", "1.2.3", "1.0.0"]
    (subgraph,) = root.tables(3)
    (image,), (scores,) = subgraph.tables(2), subgraph.tables(3)
    content = image.table(3)
    assert content is not None
    assert content.scalar(0, "B") == 2  # ImageProperties
    properties = content.table(1)
    assert properties is not None
    assert properties.scalar(0, "b") == 1  # RGB
    (file,) = scores.tables(6)
    assert (file.string(0), file.scalar(2, "b")) == ("labels.txt", 2)


def test_the_zip_is_stored_dated_alike_and_complete(make_model: Any) -> None:
    written = metadata.write_metadata(make_model(), _CARD, {"wnids.txt": b"n1\n", "more.json": b"{}"})
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt", "wnids.txt", "more.json"]
        assert archive.read("labels.txt").decode().split("\n")[:-1] == list(_CARD.labels)
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert (info.create_system, info.external_attr) == (3, 0o644 << 16)


def test_the_same_arguments_give_the_same_bytes(make_model: Any) -> None:
    assert metadata.write_metadata(make_model(), _CARD) == metadata.write_metadata(make_model(), _CARD)


def test_graph_and_alignment_survive(make_model: Any) -> None:
    before = make_model()
    after = metadata.write_metadata(before, _CARD)
    old, new = (schema.ModelT.InitFromPackedBuf(content, 0) for content in (before, after))
    assert new.description == old.description == b"tiny"
    assert [tensor.name for tensor in new.subgraphs[0].tensors] == [b"image", b"shape", b"scores"]
    np.testing.assert_array_equal(new.buffers[1].data, old.buffers[1].data)
    parsed = schema.Model.GetRootAs(after, 0)
    for index in range(parsed.BuffersLength()):
        buffer = parsed.Buffers(index)
        slot = buffer._tab.Offset(4)
        if slot:
            assert buffer._tab.Vector(slot) % 16 == 0


def test_the_model_still_runs_and_gives_the_same(make_model: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    pixels = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    for content in (make_model(), metadata.write_metadata(make_model(), _CARD)):
        runner = Interpreter(model_content=content)
        runner.allocate_tensors()
        runner.set_tensor(runner.get_input_details()[0]["index"], pixels)
        runner.invoke()
        np.testing.assert_array_equal(runner.get_tensor(runner.get_output_details()[0]["index"]), pixels.reshape(1, 12))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": ("a",) * 11}, "11 labels do not match the model's 12 outputs"),
        ({"labels": ("a",) * 13}, "13 labels do not match the model's 12 outputs"),
        ({"labels": ("a\nb", *("a",) * 11)}, "line 0 contains a line break"),
        ({"labels": (*("a",) * 11, "b\r")}, "line 11 contains a line break"),
        ({"mean": (1.0, 2.0)}, "one or three finite values"),
        ({"std": (0.0,)}, "must be greater than 0"),
        ({"mean": (float("nan"),)}, "finite"),
        ({"std": (float("inf"),)}, "finite"),
        ({"std": (1.0, 1.0, 1.0)}, "one or three finite values"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(make_model: Any, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MetadataError, match=reason):
        metadata.write_metadata(make_model(), dataclasses.replace(_CARD, **change))


def test_metadata_are_written_once(make_model: Any) -> None:
    with pytest.raises(MetadataError, match="already"):
        metadata.write_metadata(metadata.write_metadata(make_model(), _CARD), _CARD)


def test_labels_come_from_the_card_alone(make_model: Any) -> None:
    with pytest.raises(MetadataError, match=r"labels\.txt"):
        metadata.write_metadata(make_model(), _CARD, {"labels.txt": b""})


def test_lines_are_ended_not_separated() -> None:
    assert metadata.encode_lines(["é", "", "b"]) == "é\n\nb\n".encode()
    assert metadata.encode_lines([]) == b""


def test_the_config_is_what_the_runtime_reads(tmp_path: Path, make_model: Any) -> None:
    path = tmp_path / "tiny.tflite"
    preprocessing = Preprocessing((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "squash", 0.5, "bicubic")
    config = metadata.encode_config(_CARD, "somewhere", preprocessing, {"tensorflow": "2"})
    path.write_bytes(metadata.write_metadata(make_model(), _CARD, {"mobiclass.json": config}))
    found = read_model(path).preprocessing
    assert (found.mean, found.std) == (preprocessing.mean, preprocessing.std)
    assert (found.resize, found.interpolation) == ("squash", "bicubic")
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("mobiclass.json"))["provenance"] == {"tensorflow": "2"}


def test_channels_that_are_alike_are_written_once(make_model: Any) -> None:
    three = dataclasses.replace(_CARD, mean=(127.0,) * 3, std=(128.0,) * 3)
    assert metadata.write_metadata(make_model(), three) == metadata.write_metadata(make_model(), _CARD)
