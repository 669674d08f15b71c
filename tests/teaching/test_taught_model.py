"""A taught model as a file: what it says of itself, and what is kept in it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from mobiclass import __version__
from mobiclass.errors import ModelError
from mobiclass.teaching.base import read_base
from mobiclass.teaching.fitted import fit_samples
from mobiclass.teaching.head import Head
from mobiclass.teaching.samples import Samples
from mobiclass.teaching.taught_model import MEANS_NAME, Origin, photos_sha256, read_taught, taught_content
from mobiclass.teaching.unknown import UnknownRule
from mobiclass.tflite import read_model, read_zip_members
from tests.conftest import MakeModel
from tests.teaching.test_samples import samples

ORIGIN = Origin("colours", "ab" * 32, 3)
RULE = UnknownRule(0.71234, np.eye(2, 3, dtype=np.float32))
LABELS = ("1 naïve cat", "2 dogs, brown")


def two_classes() -> Samples:
    generator = np.random.default_rng(0)
    return samples({label: generator.normal(place, 0.2, (4, 3)) for place, label in enumerate(LABELS)})


def write(base: Path, path: Path, rule: UnknownRule | None = RULE) -> bytes:
    taught = two_classes()
    head = Head(np.array([[-1.0, 0, 1], [1, 0, -1]]), np.zeros(2))
    content = taught_content(
        read_base(base), ORIGIN, taught, fit_samples(taught)._replace(head=head, rule=rule), str(path)
    )
    path.write_bytes(content)
    return content


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_the_model_says_what_it_is(make_model: MakeModel, tmp_path: Path, dtype: str) -> None:
    base = make_model(dtype=dtype, mean=(120.0,), std=(60.0,), config='{"resize": "pad", "license": "MIT"}')
    write(base, tmp_path / "taught.tflite")
    model = read_model(tmp_path / "taught.tflite")
    assert model.labels == LABELS  # although they begin with numbers
    assert (model.classes, model.output_kind, model.license) == (2, "probabilities", "MIT")
    assert model.preprocessing == read_model(base).preprocessing
    assert model.taught == {
        "photos": dict.fromkeys(LABELS, 4), "photos_sha256": photos_sha256(two_classes()), "base": "colours",
        "base_sha256": "ab" * 32, "seed": 3, "version": __version__,
        **fit_samples(two_classes()).measured(),
    }  # fmt: skip
    assert model.rules is not None
    assert model.rules["unknown"] == {"kind": "cosine", "threshold": 0.7123, "means": MEANS_NAME}


def test_the_means_and_the_features_are_in_it(colours: Path, tmp_path: Path) -> None:
    content = write(colours, tmp_path / "taught.tflite")
    means = np.load(io.BytesIO(read_zip_members(content, "", {MEANS_NAME})[MEANS_NAME]), allow_pickle=False)
    assert means.dtype == np.float32
    assert np.array_equal(means, RULE.means)
    kept, origin = read_taught(tmp_path / "taught.tflite")
    assert origin == ORIGIN
    assert kept.members({}) == two_classes().members({})


def test_without_a_rule_there_is_none(colours: Path, tmp_path: Path) -> None:
    content = write(colours, tmp_path / "taught.tflite", None)
    assert read_model(tmp_path / "taught.tflite").rules is None
    assert read_zip_members(content, "", {MEANS_NAME}) == {}


def test_a_std_below_one_stands_in_the_metadata_alone(make_model: MakeModel, tmp_path: Path) -> None:
    write(make_model(dtype="float32", mean=(0.0,), std=(0.5,)), tmp_path / "taught.tflite")
    preprocessing = read_model(tmp_path / "taught.tflite").preprocessing
    assert preprocessing.std == (0.5, 0.5, 0.5)
    assert preprocessing.sources["std"] == "TFLite Metadata"


def test_the_file_s_name_is_not_in_it(colours: Path, tmp_path: Path) -> None:
    assert write(colours, tmp_path / "one.tflite") == write(colours, tmp_path / "another.tflite")


def test_a_model_that_was_not_taught_cannot_be_taught_more(colours: Path) -> None:
    with pytest.raises(ModelError, match="only a model that `mobiclass teach` made can be taught more"):
        read_taught(colours)
