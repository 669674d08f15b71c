"""The built-in model's file: the one that is on record, integer throughout, with a label a class."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobiclass.classifier import Classifier
from mobiclass.decisions import parse_rules
from mobiclass.hub.catalog import data_folder, find_model
from mobiclass.tflite.flatbuffer import Table
from mobiclass.tflite.graph import read_zip_members
from mobiclass.tflite.info import ModelInfo, read_model

FLOAT_TYPES = {0: "float32", 1: "float16", 10: "float64"}
DEQUANTIZE, QUANTIZE, CUSTOM = 6, 114, 32


@pytest.fixture(scope="module")
def model() -> ModelInfo:
    """Give what the built-in model says of itself."""
    return read_model(find_model())


def subgraph(content: bytes) -> Table:
    """Open the one subgraph of a .tflite."""
    (only,) = Table.root(content, b"TFL3").tables(2)
    return only


def operator_numbers(content: bytes) -> Iterator[int]:
    """Give the builtin number of every operator that runs."""
    codes = [max(code.scalar(0, "b"), code.scalar(3, "i")) for code in Table.root(content, b"TFL3").tables(1)]
    for operator in subgraph(content).tables(3):
        yield codes[operator.scalar(0, "I")]


def test_its_hash_is_on_record(model: ModelInfo) -> None:
    record = data_folder().parent / "models" / "README.md"
    if not record.is_file():
        pytest.skip("NOT TESTED: models/README.md is not beside an installed package")
    hashes = re.findall(r"`([0-9a-f]{64})`", record.read_text(encoding="utf-8").partition("### Source")[0])
    assert hashes == [hashlib.sha256(find_model().read_bytes()).hexdigest()]
    assert model.sha256 == hashes[0]


def test_no_tensor_holds_floats(model: ModelInfo) -> None:
    types = [tensor.scalar(1, "b") for tensor in subgraph(model.content).tables(0)]
    assert len(types) > 100
    assert not FLOAT_TYPES.keys() & set(types)


def test_no_operator_computes_in_floats(model: ModelInfo) -> None:
    numbers = list(operator_numbers(model.content))
    assert len(numbers) > 50
    assert not {DEQUANTIZE, CUSTOM} & set(numbers)
    # Pixels to int8 at the beginning, and int8 to uint8 at the end: nothing is requantized in between.
    assert numbers.count(QUANTIZE) == 2
    assert (numbers[0], numbers[-1]) == (QUANTIZE, QUANTIZE)


def test_its_input_takes_pixels_as_they_are(model: ModelInfo) -> None:
    assert (model.input.shape, model.input.dtype) == ((1, 224, 224, 3), "uint8")
    assert model.input.quantization is not None
    assert (model.input.quantization.scale, model.input.quantization.zero_point) == (1 / 128, 127)
    assert (model.preprocessing.mean, model.preprocessing.std) == ((127.0,) * 3, (128.0,) * 3)


def test_its_output_is_probabilities(model: ModelInfo) -> None:
    assert (model.output.shape, model.output.dtype, model.output_kind) == ((1, 1000), "uint8", "probabilities")


def test_its_preprocessing_is_its_own_and_not_a_default(model: ModelInfo) -> None:
    preprocessing = model.preprocessing
    assert (preprocessing.resize, preprocessing.crop_fraction, preprocessing.interpolation) == (
        "crop",
        0.875,
        "bicubic",
    )
    sources = {source for name, source in preprocessing.sources.items() if name != "channels"}  # RGB, as nearly all
    assert sources <= {"embedded mobiclass.json", "TFLite Metadata"}


def test_every_class_has_a_label_of_its_own(model: ModelInfo) -> None:
    assert model.labels is not None
    assert len(model.labels) == len(set(model.labels)) == 1000
    assert all(label == label.strip() and label for label in model.labels)
    assert not [label for label in model.labels if re.fullmatch(r"n\d{8}", label)]


@pytest.mark.parametrize(
    ("index", "label"), [(0, "tench"), (285, "Egyptian cat"), (967, "espresso"), (999, "toilet paper")]
)
def test_labels_of_known_classes(model: ModelInfo, index: int, label: str) -> None:
    assert model.labels is not None
    assert model.labels[index] == label


def test_its_zip_holds_the_wordnet_ids_in_order(model: ModelInfo) -> None:
    names = frozenset({"wnids.txt", "mobiclass.json", "labels.txt"})
    members = read_zip_members(model.content, "m", names)
    assert members.keys() == names
    ids = members["wnids.txt"].decode("ascii").splitlines()
    assert len(ids) == len(set(ids)) == 1000
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in ids)
    assert json.loads(members["mobiclass.json"])["format"] == 1


def test_its_terms_are_named(model: ModelInfo) -> None:
    assert model.license is not None
    assert "Apache" in model.license
    assert model.author
    assert model.description


def test_it_fits_into_a_small_wheel() -> None:
    assert Path(find_model()).stat().st_size < 6_000_000


def test_its_rules_are_on_record_and_understood(model: ModelInfo) -> None:
    assert model.rules is not None
    rules = parse_rules(model.rules, "m")
    record = (data_folder().parent / "models" / "README.md").read_text(encoding="utf-8")
    assert f"| `class_score` | {rules.class_score} |" in record
    assert f"| `group_score` | {rules.group_score}:" in record
    assert rules.largest_group == 400
    assert "300 photos" in rules.fitted_on


def test_it_answers_chelsea_with_a_domestic_cat() -> None:
    chelsea = pytest.importorskip("skimage.data").chelsea()
    (result,) = Classifier.load(num_threads=1).classify_many([chelsea])
    assert result.decision is not None
    assert (result.decision.label, result.decision.kind) == ("domestic cat", "group")
    assert result.decision.score > 0.85
