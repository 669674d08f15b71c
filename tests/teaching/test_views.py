"""The views of a photo: the first is what the model is going to see, and the crops are the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.images import Preprocessor
from mobiclass.teaching.views import ALL_VIEWS, ViewMaker, view_count, view_shares
from mobiclass.tflite import ModelInfo, read_model
from tests.conftest import MakeModel

SHA256 = "ab" * 32


@pytest.fixture
def model(colours: Path) -> ModelInfo:
    return read_model(colours)


def picture(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def test_the_first_view_is_the_model_s_input_and_the_second_its_mirror_image(model: ModelInfo) -> None:
    plain, mirrored = ViewMaker(model, 0).tensors(picture(), SHA256, 0, 2)
    assert np.array_equal(plain, Preprocessor(model.input, model.preprocessing)(picture()))
    assert np.array_equal(mirrored, plain[:, :, ::-1])


def test_crops_depend_on_photo_and_seed_alone(model: ModelInfo) -> None:
    def views(seed: int = 0, sha256: str = SHA256, begin: int = 0) -> list[bytes]:
        return [bytes(tensor) for tensor in ViewMaker(model, seed).tensors(picture(), sha256, begin, ALL_VIEWS)]

    assert views() == views()
    assert views(begin=3) == views()[3:]
    assert len(set(views())) == ALL_VIEWS
    assert views()[:2] == views(seed=1)[:2]
    assert not set(views()[2:]) & set(views(seed=1)[2:])
    assert not set(views()[2:]) & set(views(sha256="cd" * 32)[2:])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_tiny_and_narrow_photos_have_views_too(model: ModelInfo, width: int, height: int) -> None:
    tensors = list(ViewMaker(model, 0).tensors(picture(width, height), SHA256, 0, ALL_VIEWS))
    assert {tensor.shape for tensor in tensors} == {(1, 8, 8, 3)}


def test_grey_inputs_and_other_layouts_are_mirrored_alike(make_model: MakeModel) -> None:
    grey = read_model(make_model(name="grey", channels=1, labels=None))
    plain, mirrored = ViewMaker(grey, 0).tensors(picture(), SHA256, 0, 2)
    assert np.array_equal(mirrored, plain[:, :, ::-1])


def test_more_photos_never_want_more_views() -> None:
    counts = [view_count(photos) for photos in range(1, 400)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == ALL_VIEWS
    assert counts[-1] == 1


def test_the_shares_of_the_views_of_a_photo_are_one() -> None:
    for views in (1, 2, ALL_VIEWS):
        assert view_shares(views).sum() == pytest.approx(1)
    assert view_shares(8)[0] == pytest.approx(0.25)
