"""Batches: what the device feeds for validation, and augmentation that depends on seed and epoch alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.images.preprocess import Preprocessor
from mobiclass.tflite.info import Preprocessing
from tests.support.textures import write_textures
from tools.finetune.batches import Photos, augment
from tools.finetune.dataset import find_photos
from tools.quantization.calibration import float_preprocessor


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Give three classes of ten pictures."""
    return write_textures(tmp_path / "photos", photos=10, side=16)


@pytest.fixture
def preprocessor() -> Preprocessor:
    """Give a preprocessor to 16×16 float32 in [−1, 1]."""
    return float_preprocessor(16, 16, Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3))


def test_validation_batches_are_what_the_device_feeds(own: Path, preprocessor: Preprocessor) -> None:
    found = find_photos(own)
    batches = list(Photos(found.training, preprocessor, batch_size=7).validation_batches())
    assert [len(batch.inputs) for batch in batches[:-1]] == [7] * (len(batches) - 1)
    inputs = np.concatenate([batch.inputs for batch in batches])
    expected = [preprocessor(Image.open(photo.path).convert("RGB")) for photo in found.training]
    np.testing.assert_array_equal(inputs, np.concatenate(expected))
    labels = np.concatenate([batch.labels for batch in batches])
    assert labels.tolist() == [photo.label for photo in found.training]


def test_training_batches_depend_on_seed_and_epoch_alone(own: Path, preprocessor: Preprocessor) -> None:
    training = find_photos(own).training

    def inputs(photos: Photos, seed: int, epoch: int) -> np.ndarray:
        return np.concatenate([batch.inputs for batch in photos.training_batches(seed, epoch, flip=True)])

    photos = Photos(training, preprocessor, batch_size=8)
    first, second = inputs(photos, 0, 1), inputs(photos, 0, 2)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, inputs(photos, 1, 1))
    np.testing.assert_array_equal(second, inputs(Photos(training, preprocessor, batch_size=8), 0, 2))
    batches = list(photos.training_batches(0, 1, flip=True))
    assert {len(batch.inputs) for batch in batches} == {8}  # the last one is filled up
    labels = np.concatenate([batch.labels for batch in batches])[: len(training)].tolist()
    assert sorted(labels) == sorted(photo.label for photo in training)
    assert labels != sorted(labels)


def test_mirroring_can_be_switched_off() -> None:
    ramp = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[np.newaxis, :, np.newaxis], 32, axis=0).repeat(3, axis=2)
    image = Image.fromarray(ramp)

    def mirrored(seed: int, flip: bool) -> bool:
        row = np.asarray(augment(image, np.random.default_rng(seed), flip=flip))[0, :, 0]
        return bool(row[0] > row[-1])

    assert {mirrored(seed, True) for seed in range(20)} == {True, False}
    assert {mirrored(seed, False) for seed in range(20)} == {False}


def test_one_pixel_can_be_augmented() -> None:
    image = augment(Image.new("RGB", (1, 1), (10, 20, 30)), np.random.default_rng(0), flip=True)
    assert (image.size, image.mode) == ((1, 1), "RGB")
