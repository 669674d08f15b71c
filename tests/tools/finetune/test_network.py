"""Networks to be fine-tuned: those that were published, with the weights that were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobiclass.inspection.architectures import count_multiply_adds
from tests.support.keras_models import require_tensorflow
from tools.errors import TrainingError


@pytest.fixture(scope="module")
def networks() -> Any:
    """Give the module, with TensorFlow behind it."""
    require_tensorflow()
    from tools.finetune import network

    return network


def _trainable(model: Any) -> int:
    return int(sum(np.prod(weight.shape) for weight in model.trainable_weights))


# The MobileNetV1 paper (arXiv 1704.04861), tables 6 and 7: millions of multiply-adds and of parameters.
@pytest.mark.parametrize(
    ("alpha", "resolution", "multiply_adds"),
    [(1.0, 224, 569), (0.75, 224, 325), (0.5, 224, 149), (0.25, 224, 41), (1.0, 192, 418), (1.0, 160, 290),
     (1.0, 128, 186)],
)  # fmt: skip
def test_multiply_adds_are_the_papers(alpha: float, resolution: int, multiply_adds: int) -> None:
    assert count_multiply_adds("mobilenet_v1", alpha, resolution) / 1e6 == pytest.approx(multiply_adds, rel=0.03)


def test_separable_convolutions_cost_what_the_formula_says() -> None:
    """Each block costs 1/N + 1/9 of a standard 3×3 convolution with N outputs."""
    side, inputs, outputs = 14, 512, 512
    separable = side * side * (9 * inputs + inputs * outputs)
    standard = side * side * 9 * inputs * outputs
    assert separable / standard == pytest.approx(1 / outputs + 1 / 9)


@pytest.mark.parametrize(("alpha", "millions"), [(1.0, 4.2), (0.75, 2.6), (0.5, 1.3), (0.25, 0.5)])
def test_parameters_are_the_papers(networks: Any, alpha: float, millions: float) -> None:
    settings = networks.NetworkSettings("mobilenet_v1", alpha, 128, weights="none")
    model = networks.build_network(settings, 1000)
    networks.unfreeze(model, "all")
    assert round(_trainable(model) / 1e6, 1) == millions


def test_the_half_width_network_for_32_pixels_and_ten_classes(networks: Any) -> None:
    model = networks.build_network(networks.NetworkSettings("mobilenet_v1", 0.5, 32, weights="none"), 10)
    networks.unfreeze(model, "all")
    assert networks.count_parameters(model) == 834_666
    assert _trainable(model) == 823_722
    assert model.get_layer("conv_preds").kernel.shape == (1, 1, 512, 10)
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 10))


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"])
def test_stages_thaw_head_first_and_leave_the_statistics_alone(networks: Any, name: str) -> None:
    alpha = 1.0 if name == "mobilenet_v3_small" else 0.25 if name == "mobilenet_v1" else 0.35
    model = networks.build_network(networks.NetworkSettings(name, alpha, 32, weights="none"), 3)
    counts = {}
    for stage in ("head", "top", "all"):
        networks.unfreeze(model, stage)
        counts[stage] = _trainable(model)
        thawed = [layer for layer in model.layers if layer.trainable and "BatchNormalization" in type(layer).__name__]
        assert bool(thawed) == (stage == "all")
    assert 0 < counts["head"] < counts["top"] < counts["all"]
    networks.unfreeze(model, "head")
    frozen = [layer for layer in model.layers if layer.weights and not layer.trainable]
    assert {type(layer).__name__ for layer in frozen} >= {"Conv2D", "DepthwiseConv2D", "BatchNormalization"}


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"])
def test_the_backbone_of_a_file_is_taken_over_and_the_head_begins_anew(
    networks: Any, name: str, tmp_path: Path
) -> None:
    alpha = 1.0 if name == "mobilenet_v3_small" else 0.25 if name == "mobilenet_v1" else 0.35
    source = networks.build_network(networks.NetworkSettings(name, alpha, 32, weights="none"), 5)
    generator = np.random.default_rng(0)
    source.set_weights([generator.uniform(0.1, 1, weight.shape).astype(np.float32) for weight in source.weights])
    path = tmp_path / "source.keras"
    source.save(path)
    model = networks.build_network(networks.NetworkSettings(name, alpha, 64, weights=str(path)), 3)
    assert (model.input_shape[1], model.output_shape[-1]) == (64, 3)
    head = networks._head_start(model)
    for ours, theirs in zip(model.layers[:head], source.layers[:head], strict=True):
        for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_weights_of_another_width_or_architecture_are_refused(networks: Any, tmp_path: Path) -> None:
    from mobiclass.errors import SetupError

    path = tmp_path / "source.keras"
    networks.build_network(networks.NetworkSettings("mobilenet_v1", 0.25, 32, weights="none"), 5).save(path)
    for name, alpha in (("mobilenet_v1", 0.5), ("mobilenet_v2", 0.35)):
        with pytest.raises(SetupError, match=r"source\.keras"):
            networks.build_network(networks.NetworkSettings(name, alpha, 32, weights=str(path)), 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("mobilenet_v1", 1.0, 16, False, "none"), "resolution of 16 is too small"),
        (("mobilenet_v1", 9.0, 32, False, "none"), "width multiplier of 9.0"),
        (("mobilenet_v2", 1.0, 96, True, "none"), "no minimalistic variant"),
        (
            ("mobilenet_v1", 0.35, 128, False, "imagenet"),
            "weights of mobilenet_v1 exist only for alpha 0.25, 0.5",
        ),
    ],
)
def test_settings_of_no_network_are_refused(settings: Any, message: str) -> None:
    pytest.importorskip("ai_edge_litert", reason="NOT TESTED: ai-edge-litert is not installed")
    from tools.finetune.network import NetworkSettings

    with pytest.raises(TrainingError, match=message):
        NetworkSettings(*settings).check()


def test_v3_normalizes_by_itself_and_the_others_are_fed_normalized_pixels() -> None:
    from PIL import Image

    from tools.finetune.network import NetworkSettings

    white = Image.new("RGB", (64, 64), (255, 255, 255))
    for name, value in (("mobilenet_v1", 1.0), ("mobilenet_v2", 1.0), ("mobilenet_v3_large", 255.0)):
        tensor = NetworkSettings(name, resolution=32, weights="none").preprocessor()(white)
        assert (tensor.dtype.name, tensor.min(), tensor.max()) == ("float32", value, value)
