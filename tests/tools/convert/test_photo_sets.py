"""Folders of photos: divided so that none serves twice, the same every time, and what shows nothing left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.images.preprocess import Preprocessor
from mobiclass.tflite.info import Preprocessing
from tests.support.keras_models import write_photos
from tools.convert.photo_sets import calibration_crops, find_photos, held_out_crops, split_photos
from tools.errors import CalibrationError
from tools.quantization.calibration import float_preprocessor


@pytest.fixture
def preprocessor() -> Preprocessor:
    return float_preprocessor(32, 32, Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3))


def test_folders_are_read_to_the_bottom(tmp_path: Path) -> None:
    write_photos(tmp_path / "a" / "b" / "c", 3)
    write_photos(tmp_path, 2, seed=1)
    (tmp_path / "notes.txt").write_text("no photo")
    assert len(find_photos(tmp_path)) == 5


def test_the_split_shares_no_photo_and_stays(tmp_path: Path) -> None:
    split = split_photos(write_photos(tmp_path / "here", 40))
    assert (len(split.calibration), len(split.held_out)) == (30, 10)
    assert not set(split.calibration) & set(split.held_out)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    moved = split_photos(tmp_path / "there")
    assert [photo.name for photo in moved.held_out] == [photo.name for photo in split.held_out]


def test_photos_to_evaluate_with_are_not_calibrated_on(tmp_path: Path) -> None:
    every, some = write_photos(tmp_path / "all", 30), tmp_path / "all" / "some"
    write_photos(some, 10, seed=1)
    split = split_photos(every, some)
    assert (len(split.calibration), len(split.held_out)) == (30, 10)
    same = split_photos(every, every)
    assert (len(same.calibration), len(same.held_out)) == (30, 10)
    assert not set(same.calibration) & set(same.held_out)


def test_bundled_photos_are_held_back_too() -> None:
    pytest.importorskip("skimage", reason="NOT TESTED: scikit-image is not installed")
    pytest.importorskip("sklearn", reason="NOT TESTED: scikit-learn is not installed")
    split = split_photos(None)
    assert (len(split.calibration), len(split.held_out), split.bundled) == (10, 4, True)


def test_every_photo_before_the_second_crop_of_any(tmp_path: Path, preprocessor: Preprocessor) -> None:
    photos = find_photos(write_photos(tmp_path, 15))
    crops = calibration_crops(photos, preprocessor, 40)
    assert len(crops) == 40
    assert len({crop.tobytes() for crop in crops}) == 40
    first = calibration_crops(photos, preprocessor, 20)[:15]
    for one, other in zip(crops, first, strict=False):
        np.testing.assert_array_equal(one, other)


def test_held_out_photos_are_seen_whole_first(tmp_path: Path, preprocessor: Preprocessor) -> None:
    photos = find_photos(write_photos(tmp_path, 4))
    crops = held_out_crops(photos, preprocessor)
    assert [crop.photo for crop in crops[:4]] == list(photos)
    assert len(crops) > 40


@pytest.mark.parametrize("kind", ["uniform", "noise", "copies", "text"])
def test_what_shows_nothing_is_refused(tmp_path: Path, preprocessor: Preprocessor, kind: str) -> None:
    generator = np.random.default_rng(0)
    (source,) = write_photos(tmp_path / "one", 1).iterdir()
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        path = folder / f"{number}.png"
        if kind == "uniform":
            Image.new("RGB", (64, 64), (number, 99, 99)).save(path)
        elif kind == "noise":
            Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8)).save(path)
        elif kind == "copies":
            shutil.copy(source, path)
        else:
            path.write_text("no image")
    with pytest.raises(CalibrationError, match="distinct crops are too few .* 20 are needed"):
        calibration_crops(find_photos(folder), preprocessor, 100)


def test_one_bad_photo_among_good_ones_is_passed_over(tmp_path: Path, preprocessor: Preprocessor) -> None:
    folder = write_photos(tmp_path, 25)
    Image.new("RGB", (64, 64), "grey").save(folder / "grey.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert len(calibration_crops(find_photos(folder), preprocessor, 25)) == 25


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="nowhere: the folder does not exist"):
        find_photos(tmp_path / "nowhere")
    with pytest.raises(CalibrationError, match="contain no photo"):
        find_photos(tmp_path)
