"""The picture of what a model sees: looked up in its table, it is the very tensor that the model is fed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mobiclass import Classifier
from mobiclass.errors import ImageError, SetupError
from mobiclass.images.preprocess import Preprocessor
from mobiclass.images.preview import write_preview
from mobiclass.runtime.interpreter import Interpreter
from mobiclass.tflite.facts import override_facts
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel
from tests.support.made_images import encode, exif, noise, stored

DTYPES = {
    # of each type one whose table leaves pixels alone, and one whose table moves them
    "uint8": [{"scale": 1 / 127.5, "mean": (127.5,), "std": (127.5,)}, {"scale": 0.05, "mean": (100,), "std": (30,)}],
    "int8": [{"scale": 1 / 127.5, "mean": (127.5,), "std": (127.5,)}, {"scale": 0.05, "mean": (100,), "std": (30,)}],
    "float32": [{"mean": (127.5,), "std": (127.5,)}, {"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)}],
}
CASES = [(dtype, arguments) for dtype, cases in DTYPES.items() for arguments in cases]


def read_pixels(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture as it is stored."""
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert not {"icc_profile", "gamma", "exif"} & set(image.info)  # with which a viewer would change colours
        return np.asarray(image)


def fed_tensor(classifier: Classifier, photo: Path, monkeypatch: pytest.MonkeyPatch) -> npt.NDArray[np.generic]:
    """Give the tensor that the runtime is given for `photo`."""
    fed: list[npt.NDArray[np.generic]] = []
    invoke = Interpreter.invoke

    def spy(interpreter: Interpreter, tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        fed.append(tensor.copy())
        return invoke(interpreter, tensor)

    with monkeypatch.context() as patch:
        patch.setattr(Interpreter, "invoke", spy)
        classifier.classify(photo)
    (tensor,) = fed
    return tensor


@pytest.mark.parametrize("photo", ["chelsea.png", "coffee.png", "rocket.jpg"])
@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
@pytest.mark.parametrize(("dtype", "arguments"), CASES)
def test_the_picture_is_the_tensor(
    dtype: str,
    arguments: dict[str, Any],
    resize: Any,
    photo: str,
    photos: dict[str, Path],
    make_model: MakeModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model(dtype=dtype, height=48, width=64, **arguments)
    info = read_model(model, override_facts(resize=resize))
    picture = tmp_path / "seen.png"
    write_preview(info, photos[photo], picture)
    pixels = read_pixels(picture)
    assert pixels.shape == (48, 64, 3)
    classifier = Classifier.load(model, resize=resize, num_threads=1)
    fed = fed_tensor(classifier, photos[photo], monkeypatch)
    looked_up = Preprocessor(info.input, info.preprocessing).tensor(pixels)
    assert (looked_up.dtype, looked_up.shape) == (fed.dtype, fed.shape) == (np.dtype(dtype), (1, 48, 64, 3))
    assert np.array_equal(looked_up, fed)
    assert len(np.unique(pixels)) > 50


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_are_seen_upright(orientation: int, make_model: MakeModel, tmp_path: Path) -> None:
    photo, picture = tmp_path / "turned.jpg", tmp_path / "seen.png"
    upright = noise(90, 60)
    photo.write_bytes(encode(stored(upright, orientation), "PNG", exif=exif(orientation)))
    info = read_model(make_model(height=60, width=90), override_facts(resize="squash"))
    write_preview(info, photo, picture)
    assert np.array_equal(read_pixels(picture), np.asarray(upright))


def test_the_picture_classified_in_place_of_the_photo_gives_the_same_scores(
    built_in: Classifier, photos: dict[str, Path], tmp_path: Path
) -> None:
    for name, photo in photos.items():
        picture = tmp_path / f"{name}.seen.png"
        write_preview(built_in.model, photo, picture)
        again = Classifier.load(resize="squash", num_threads=2)
        assert again.classify(picture, top_k=10) == built_in.classify(photo, top_k=10)


def test_a_photo_that_is_none_leaves_no_file(make_model: MakeModel, tmp_path: Path) -> None:
    photo = tmp_path / "text.jpg"
    photo.write_text("no photo")
    info = read_model(make_model())
    before = set(tmp_path.iterdir())
    with pytest.raises(ImageError):
        write_preview(info, photo, tmp_path / "seen.png")
    assert set(tmp_path.iterdir()) == before


def test_a_folder_that_is_missing_is_a_setup_error(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"seen\.png: cannot be written"):
        write_preview(read_model(make_model()), pictures / "red.png", tmp_path / "missing" / "seen.png")
