"""Loading: Keras 3's files, Keras 2's, weights alone; what comes of it computes what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import require_keras, tiny_classifier
from tools.errors import KerasFileError

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def tf_keras() -> Any:
    require_keras()
    return pytest.importorskip("tf_keras", reason="NOT TESTED with files of Keras 2: tf_keras is not installed")


def _scores(model: Any, side: int) -> Any:
    image = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
    return np.asarray(model(image, training=False))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"])
def test_what_keras_3_saved(tmp_path: Path, name: str, suffix: str) -> None:
    require_keras()
    from tools.keras_models.architectures import build_keras
    from tools.keras_models.loading import load_keras_file

    model = build_keras(name, alpha=0.75, resolution=32, classes=5)
    model.save(tmp_path / f"model.{suffix}")
    loaded = load_keras_file(tmp_path / f"model.{suffix}")
    assert loaded.match == (name, 0.75, False)
    np.testing.assert_allclose(_scores(loaded.model, 32), _scores(model, 32), atol=1e-6)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2", "MobileNetV3Small"])
def test_what_keras_2_saved(tmp_path: Path, tf_keras: Any, name: str, suffix: str) -> None:
    from tools.keras_models.loading import load_keras_file
    from tools.keras_models.normalization import find_normalization
    from tools.keras_models.tracing import Geometry, run_function, trace

    model = getattr(tf_keras.applications, name)(input_shape=(32, 32, 3), alpha=0.75, weights=None, classes=5)
    model.save(tmp_path / f"model.{suffix}")
    loaded = load_keras_file(tmp_path / f"model.{suffix}")
    assert loaded.match is not None
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    traced = run_function(trace(loaded.model, Geometry(32, 32, 5)), [image])
    np.testing.assert_allclose(traced, _scores(model, 32), atol=1e-6)
    rescales = name == "MobileNetV3Small"
    assert find_normalization(loaded.model, loaded.match, "model").std == ((1.0,) * 3 if rescales else (127.5,) * 3)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    tiny_classifier().save(tmp_path / "model.h5")
    (tmp_path / "model.h5").rename(tmp_path / "model.keras")
    from tools.keras_models.loading import load_keras_file

    assert load_keras_file(tmp_path / "model.keras").model.output_shape == (None, 4)


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"])
def test_weights_alone_tell_the_number_of_classes(tmp_path: Path, name: str) -> None:
    require_keras()
    from tools.keras_models.architectures import build_keras
    from tools.keras_models.loading import build_classifier, load_keras_file

    path = tmp_path / "model.weights.h5"
    model = build_keras(name, alpha=0.75, resolution=32, classes=6)
    model.save_weights(path)
    settings: dict[str, Any] = {"alpha": 0.75, "resolution": 32, "minimalistic": False, "classes": None}
    loaded = build_classifier(name, weights=str(path), **settings)
    np.testing.assert_allclose(_scores(loaded.model, 32), _scores(model, 32), atol=1e-6)
    assert not loaded.imagenet
    with pytest.raises(KerasFileError, match="name the model with --arch"):
        load_keras_file(path)
    with pytest.raises(KerasFileError, match="do not match mobilenet_v1 alpha 0.5"):
        build_classifier("mobilenet_v1", weights=str(path), **{**settings, "alpha": 0.5})


def test_a_whole_model_as_weights_must_be_that_architecture(tmp_path: Path) -> None:
    require_keras()
    from tools.keras_models.architectures import build_keras
    from tools.keras_models.loading import build_classifier

    path = tmp_path / "model.keras"
    build_keras("mobilenet_v2", alpha=0.35, resolution=32, classes=6).save(path)
    settings: dict[str, Any] = {"resolution": 32, "minimalistic": False, "weights": str(path), "classes": None}
    assert build_classifier("mobilenet_v2", alpha=0.35, **settings).match is not None
    with pytest.raises(KerasFileError, match=r"contains mobilenet_v2 alpha 0\.35, not mobilenet_v1 alpha 0\.35"):
        build_classifier("mobilenet_v1", alpha=0.35, **settings)


def test_an_alpha_that_nobody_published_has_no_imagenet_weights() -> None:
    require_keras()
    from tools.keras_models.loading import build_classifier

    with pytest.raises(KerasFileError, match="no published weights of mobilenet_v1 with alpha 0.6 at 224"):
        build_classifier(
            "mobilenet_v1", alpha=0.6, resolution=224, minimalistic=False, weights="imagenet", classes=None
        )
