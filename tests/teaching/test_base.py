"""What can be a base, and what a message says of what cannot."""

from __future__ import annotations

import pytest

from mobiclass.errors import ModelError
from mobiclass.teaching.base import read_base
from tests.conftest import MakeModel
from tests.support.tiny_models import bare_model, edgetpu_model, feature_extractor


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_a_classifier_with_a_dense_layer_is_a_base(make_model: MakeModel, dtype: str) -> None:
    base = read_base(make_model(dtype=dtype, channels=3))
    assert (base.head.operator, base.head.width, base.head.features.dtype) == ("FULLY_CONNECTED", 3, dtype)


def test_an_extractor_is_a_base_although_it_is_no_classifier(make_model: MakeModel) -> None:
    base = read_base(make_model(feature_extractor(), name="extractor"))
    assert (base.head.operator, base.head.width) == ("none", 3)


def test_a_compiled_extractor_is_a_base(make_model: MakeModel) -> None:
    compiled = bare_model([(1, 8, 8, 3)], [(1, 3)], code="edgetpu-custom-op", output_scale=0.05)
    base = read_base(make_model(compiled, name="extractor_edgetpu"))
    assert base.model.edgetpu_compiled
    assert base.head.operator == "none"


def test_a_compiled_classifier_is_none(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="compiled for the Edge TPU and cannot be taken apart; take a MobileNet"):
        read_base(make_model(edgetpu_model(), name="classifier_edgetpu"))


def test_a_model_without_a_feature_layer_is_none(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match=r"not from a dense layer on pooled features"):
        read_base(make_model(bare_model(), name="softmax"))


def test_what_is_no_model_of_images_is_named_as_such(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="takes 2 inputs, not one image"):
        read_base(make_model(bare_model([(1, 8, 8, 3)] * 2), name="two"))


def test_what_is_said_of_the_input_holds(make_model: MakeModel) -> None:
    base = read_base(make_model(), {"resize": "squash", "mean": 100.0})
    assert base.model.preprocessing.resize == "squash"
    assert base.model.preprocessing.mean == (100.0, 100.0, 100.0)
