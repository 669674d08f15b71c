"""The registry: the papers' figures against counts, and every architecture known again by its convolutions."""

from __future__ import annotations

from typing import Any

import pytest

from mobiclass.inspection.architectures import Convolution, backbone, count_multiply_adds, match_backbone
from tests.support.keras_models import require_keras
from tools.keras_models.architectures import ARCHITECTURES, architecture_table, build_keras, weights_file

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

PUBLISHED = [(architecture.name, entry) for architecture in ARCHITECTURES.values() for entry in architecture.published]
VARIANTS = sorted({(name, entry.alpha, entry.minimalistic) for name, entry in PUBLISHED})


# Two figures cannot be counted: one is of another head than Keras has, the other (34) is 30 by its own paper's formula.
COUNTED = [
    (name, entry)
    for name, entry in PUBLISHED
    if (name, entry.minimalistic) != ("mobilenet_v3_small", True)
    and (name, entry.alpha, entry.resolution) != ("mobilenet_v1", 0.25, 192)
]


@pytest.mark.parametrize(("name", "entry"), COUNTED)
def test_multiply_adds_are_those_of_the_papers(name: str, entry: Any) -> None:
    counted = count_multiply_adds(name, entry.alpha, entry.resolution, minimalistic=entry.minimalistic) / 1e6
    assert counted == pytest.approx(entry.multiply_adds, rel=0.03, abs=1.5)


@pytest.mark.parametrize(("name", "alpha", "minimalistic"), VARIANTS)
def test_keras_builds_what_the_registry_says(name: str, alpha: float, minimalistic: bool) -> None:
    require_keras()
    model = build_keras(name, alpha=alpha, resolution=224, minimalistic=minimalistic)
    convolutions = [found for layer in model.layers if (found := _convolution(layer)) is not None]
    assert match_backbone(convolutions) == (name, alpha, minimalistic)
    figures = ARCHITECTURES[name].figures(alpha, 224, minimalistic=minimalistic)
    assert figures is not None
    # Keras counts the means and variances of batch normalization too.
    assert model.count_params() / 1e6 == pytest.approx(figures.parameters, rel=0.035, abs=0.06)


def _convolution(layer: Any) -> Convolution | None:
    match type(layer).__name__:
        case "Conv2D":
            return Convolution(False, layer.kernel_size[0], layer.strides[0], layer.filters)
        case "DepthwiseConv2D":
            return Convolution(True, layer.kernel_size[0], layer.strides[0], 0)
    return None


def test_the_small_one_of_the_facts() -> None:
    require_keras()
    model = build_keras("mobilenet_v1", alpha=0.5, resolution=32, classes=10)
    assert model.count_params() == 834_666
    assert sum(weight.numpy().size for weight in model.trainable_weights) == 823_722


def test_what_is_no_mobilenet_is_not_matched() -> None:
    assert match_backbone([]) is None
    assert match_backbone([Convolution(False, 7, 2, 64)]) is None
    assert match_backbone(backbone("mobilenet_v2", 1.0)[:-1]) is None


def test_an_own_width_and_an_own_head_are_matched() -> None:
    head = Convolution(False, 1, 1, 7)
    assert match_backbone([*backbone("mobilenet_v1", 0.6), head]) == ("mobilenet_v1", 0.6, False)


def test_the_table_has_a_line_for_each() -> None:
    table = architecture_table().splitlines()
    assert len([line for line in table if line.startswith("mobilenet_")]) == len(PUBLISHED) == 44
    assert any(line.split() == ["mobilenet_v2", "1", "224", "71.8", "3.47", "300"] for line in table)


@pytest.mark.parametrize(("name", "entry"), PUBLISHED)
def test_weights_are_the_files_that_keras_asks_for(name: str, entry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    require_keras()
    asked = []

    def get_file(file: str, *arguments: Any, **options: Any) -> str:
        asked.append(file)
        raise FileNotFoundError(file)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    settings = {"alpha": entry.alpha, "resolution": entry.resolution, "minimalistic": entry.minimalistic}
    monkeypatch.setattr("keras.src.layers.BatchNormalization.build", lambda self, shape: None)
    with pytest.raises(FileNotFoundError):
        build_keras(name, **settings, weights="imagenet")
    assert asked == [weights_file(name, **settings)]
