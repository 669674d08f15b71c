"""Calibration: always the same views of real photos; what shows nothing is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobiclass.errors import ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.preprocess import Preprocessor
from mobiclass.tflite.info import Preprocessing
from tools.errors import CalibrationError, DependencyError
from tools.quantization.calibration import (
    VIEWS,
    View,
    bundled_photos,
    calibration_samples,
    float_preprocessor,
    samples_digest,
)


@pytest.fixture
def preprocessor() -> Preprocessor:
    """Give a preprocessor to 32×32 float32 in [−1, 1]."""
    return float_preprocessor(32, 32, Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3))


def test_one_sample_a_view_of_every_photo(skimage_photos: Any, preprocessor: Preprocessor) -> None:
    samples = calibration_samples(skimage_photos, preprocessor)
    assert len(samples) == len(skimage_photos) * len(VIEWS)
    assert {(sample.shape, sample.dtype.name) for sample in samples} == {((1, 32, 32, 3), "float32")}
    assert all(-1 <= sample.min() < sample.max() <= 1 for sample in samples)


def test_the_first_view_is_what_the_device_feeds(skimage_photos: Any, preprocessor: Preprocessor) -> None:
    samples = calibration_samples(skimage_photos, preprocessor, VIEWS[:2])
    image = load_image(skimage_photos[0], min_height=10_000, min_width=10_000)
    np.testing.assert_array_equal(samples[0], preprocessor(image))
    np.testing.assert_array_equal(samples[1], preprocessor(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))


def test_views_lie_inside_and_differ(skimage_photos: Any, preprocessor: Preprocessor) -> None:
    assert all(0 <= view.left <= view.left + view.extent <= 1 for view in VIEWS)
    assert all(0 <= view.upper <= view.upper + view.extent <= 1 for view in VIEWS)
    samples = calibration_samples(skimage_photos, preprocessor)
    assert len({sample.tobytes() for sample in samples}) == len(samples)


def test_the_digest_is_of_the_values_and_their_order(skimage_photos: Any, preprocessor: Preprocessor) -> None:
    samples = calibration_samples(skimage_photos, preprocessor)
    digest = samples_digest(samples)
    assert digest == samples_digest(calibration_samples(skimage_photos, preprocessor))
    assert digest == samples_digest([sample.astype(">f4") for sample in samples])
    assert digest != samples_digest(samples[::-1])


def test_too_few_photos_are_refused(skimage_photos: Any, preprocessor: Preprocessor) -> None:
    for photos in ((), skimage_photos[:7]):
        with pytest.raises(CalibrationError, match=f"{len(photos)} photos are too few"):
            calibration_samples(photos, preprocessor)


@pytest.mark.parametrize(("kind", "reason"), [("uniform", "nearly uniform"), ("noise", "looks like noise")])
def test_images_that_show_nothing_are_refused(
    tmp_path: Path, skimage_photos: Any, preprocessor: Preprocessor, kind: str, reason: str
) -> None:
    generator = np.random.default_rng(0)
    low, high = (0, 256) if kind == "noise" else (100, 110)
    pixels = generator.integers(low, high, (64, 64, 3))
    bad = tmp_path / f"{kind}.png"
    Image.fromarray(pixels.astype(np.uint8)).save(bad)
    with pytest.raises(CalibrationError, match=rf"{kind}\.png: .*{reason}"):
        calibration_samples((*skimage_photos, bad), preprocessor)


def test_a_file_that_is_no_image_is_named(tmp_path: Path, skimage_photos: Any, preprocessor: Preprocessor) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no image")
    with pytest.raises(ImageError, match=r"notes\.txt"):
        calibration_samples((*skimage_photos, bad), preprocessor)


def test_a_view_of_one_pixel_still_works(skimage_photos: Any, preprocessor: Preprocessor) -> None:
    tiny = (View(0, 0, 0.01, mirrored=False),)
    assert len(calibration_samples(skimage_photos, preprocessor, tiny)) == len(skimage_photos)


def test_bundled_photos_are_all_there(preprocessor: Preprocessor) -> None:
    pytest.importorskip("skimage", reason="NOT TESTED: scikit-image is not installed")
    pytest.importorskip("sklearn", reason="NOT TESTED: scikit-learn is not installed")
    photos = bundled_photos()
    assert len(photos) == 14
    samples = calibration_samples(photos, preprocessor)
    assert len(samples) == 98
    assert min(sample.min() for sample in samples) < -0.9
    assert max(sample.max() for sample in samples) > 0.9


def test_a_missing_package_or_photo_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.quantization.calibration.package_folder", lambda module, distribution: tmp_path)
    with pytest.raises(CalibrationError, match=r"astronaut\.png: this bundled photo is missing"):
        bundled_photos()
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="pip install scikit-image"):
        bundled_photos()
