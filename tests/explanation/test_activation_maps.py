"""Activation maps: they add up to the logit, lie where the colour is, and agree with what covering parts shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.classifier import Classifier
from mobiclass.explanation.activation_maps import Explainer
from mobiclass.tflite import find_head, head_weights
from tests.support.tiny_models import bare_model, colour_model

RED, BLUE = 0, 2


def classifier(folder: Path, content: bytes) -> Classifier:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return Classifier.load(path, num_threads=1)


def half_red_half_blue() -> Image.Image:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32] = (230, 20, 20)
    pixels[:, 32:] = (20, 20, 230)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_each_class_is_where_its_colour_is(dtype: str, tmp_path: Path) -> None:
    explainer = Explainer(classifier(tmp_path, colour_model(dtype=dtype)))
    assert explainer.method == "activation map"
    red = explainer.explain(half_red_half_blue(), {RED: 1.0}).values
    blue = explainer.explain(half_red_half_blue(), {BLUE: 1.0}).values
    assert red.shape == (8, 8)
    assert red[:, :4].min() > 0 > red[:, 4:].max()
    assert blue[:, 4:].min() > 0 > blue[:, :4].max()


def test_a_map_adds_up_to_the_logit(tmp_path: Path) -> None:
    loaded = classifier(tmp_path, colour_model(dtype="float32"))
    image = half_red_half_blue()
    content = loaded.model.content
    weights, bias = head_weights(content, find_head(content, "model"), "model")
    features = loaded.session.preprocessor(image).mean(axis=(1, 2))[0]
    logits = features @ weights.T
    found = Explainer(loaded).explain(image, {BLUE: 1.0}).values
    assert found.sum() == pytest.approx(logits[BLUE] - logits.mean(), rel=1e-4)
    assert not bias.any()


def test_a_group_is_the_weighted_mean_of_its_classes(tmp_path: Path) -> None:
    explainer = Explainer(classifier(tmp_path, colour_model()))
    image = half_red_half_blue()
    red, blue = (explainer.explain(image, {index: 1.0}).values for index in (RED, BLUE))
    both = explainer.explain(image, {RED: 0.6, BLUE: 0.2}).values
    np.testing.assert_allclose(both, 0.75 * red + 0.25 * blue, atol=1e-5)


def test_a_map_of_any_other_network_is_found_by_covering_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mobiclass.explanation.activation_maps as module

    monkeypatch.setattr(module, "_open_features", lambda session: None)  # as for a network without a pooled head
    explainer = Explainer(classifier(tmp_path, colour_model()))
    assert explainer.method == "occlusion"
    mostly_red = half_red_half_blue()
    mostly_red.paste((230, 20, 20), (32, 32, 64, 64))
    found = explainer.explain(mostly_red, {RED: 1.0}).values
    assert found[4:, 5:].min() > found[:3, 5:].max()


def test_a_model_without_a_head_is_explained_by_covering_parts(tmp_path: Path) -> None:
    from mobiclass.explanation.activation_maps import _open_features

    loaded = classifier(tmp_path, colour_model())
    (tmp_path / "bare.tflite").write_bytes(bare_model())
    session = loaded.session
    assert _open_features(session) is not None
    other = session._replace(model=_with_content(session.model, bare_model()))
    assert _open_features(other) is None


def _with_content(model: object, content: bytes) -> object:
    from dataclasses import replace

    return replace(model, content=content)  # type: ignore[type-var]
