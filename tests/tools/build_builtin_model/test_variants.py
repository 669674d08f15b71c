"""The three networks: their published sizes, and the larger ones built from their own weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.tflite import read_model
from tests.support.keras_models import require_tensorflow
from tools.build_builtin_model.build import build
from tools.build_builtin_model.efficientnet_lite import weights_from_state_dict
from tools.build_builtin_model.torch_checkpoint import parse_checkpoint
from tools.build_builtin_model.variants import VARIANTS, Variant
from tools.dependencies import package_folder
from tools.errors import DependencyError


def checkpoint(variant: Variant) -> bytes:
    try:
        return (package_folder(variant.module, variant.distribution) / variant.weights_file).read_bytes()
    except DependencyError as error:
        pytest.skip(f"NOT TESTED: {error}")


@pytest.mark.parametrize("name", VARIANTS)
def test_every_weight_has_a_place_and_their_number_is_the_published_one(name: str) -> None:
    variant = VARIANTS[name]
    state_dict = parse_checkpoint(checkpoint(variant))
    weights = weights_from_state_dict(state_dict, variant)
    assert len(weights.blocks) == (16 if name == "lite0" else 21)
    trained = [
        array
        for name, array in state_dict.items()
        if not name.endswith(("num_batches_tracked", "running_mean", "running_var"))
    ]
    assert sum(array.size for array in trained) == variant.parameters


@pytest.mark.parametrize(
    ("name", "channels", "resolution"),
    [
        ("lite0", [16, 24, 40, 80, 112, 192, 320], 224),
        ("lite1", [16, 24, 40, 80, 112, 192, 320], 240),
        ("lite2", [16, 24, 48, 88, 120, 208, 352], 260),
    ],
)
def test_widths_and_resolutions(name: str, channels: list[int], resolution: int) -> None:
    variant = VARIANTS[name]
    assert [stage.channels for stage in variant.stages] == channels
    assert variant.input_shape == (1, resolution, resolution, 3)
    assert variant.crop_fraction == pytest.approx(resolution / (resolution + 32))


def test_the_next_larger_model_is_built_and_names_a_photo(tmp_path: Path, skimage_photos: tuple[Path, ...]) -> None:
    require_tensorflow()
    checkpoint(VARIANTS["lite1"])
    from mobiclass.classifier import Classifier

    path = tmp_path / "efficientnet_lite1.tflite"
    path.write_bytes(build(VARIANTS["lite1"]).int8)
    model = read_model(path)
    assert (model.height, model.width, model.classes, model.license) == (240, 240, 1000, "Apache-2.0")
    assert model.rules is None  # those of the built-in model were fitted on its own scores
    photos = {photo.stem: photo for photo in skimage_photos}
    classifier = Classifier.load(path, num_threads=1)
    assert classifier.classify(photos["coffee"], top_k=1)[0].label in ("espresso", "cup")
    assert "cat" in str(classifier.classify(photos["chelsea"], top_k=1)[0].label)
