"""What counts as an image classifier, and that a traced one ends in probabilities."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import require_keras, tiny_classifier
from tools.errors import KerasFileError
from tools.keras_models.tracing import Geometry, check_classifier, run_function, trace

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

IMAGE, SCORES = (None, 32, 48, 3), (None, 4)


def _model(inputs: list[Any], outputs: list[Any]) -> Any:
    """Describe a model by the shapes of its tensors, which is all that is looked at."""
    return SimpleNamespace(
        inputs=[SimpleNamespace(shape=shape) for shape in inputs],
        outputs=[SimpleNamespace(shape=shape) for shape in outputs],
    )


def test_a_classifier_has_a_geometry() -> None:
    assert check_classifier(_model([IMAGE], [SCORES]), "m.keras") == Geometry(32, 48, 4)
    open_size = _model([(None, None, None, 3)], [SCORES])
    assert check_classifier(open_size, "m.keras", resolution=96) == Geometry(96, 96, 4)


@pytest.mark.parametrize(
    ("inputs", "outputs", "resolution", "reason"),
    [
        ([], [SCORES], None, "no fixed inputs"),
        ([IMAGE, IMAGE], [SCORES], None, "2 inputs and 1 outputs, not one each"),
        ([IMAGE], [SCORES, SCORES], None, "1 inputs and 2 outputs, not one each"),
        ([(None, 32)], [SCORES], None, "its input is any×32"),
        ([(None, 3, 32, 32)], [SCORES], None, "channels must come last"),
        ([IMAGE], [(None, 1)], None, "not batch×classes"),
        ([IMAGE], [(None, 7, 7, 4)], None, "its output is any×7×7×4"),
        ([(None, None, None, 3)], [SCORES], None, "set one with --resolution"),
        ([IMAGE], [SCORES], 32, "takes 32×48 pixels, not 32"),
    ],
)
def test_what_is_no_classifier_is_refused(inputs: Any, outputs: Any, resolution: int | None, reason: str) -> None:
    with pytest.raises(KerasFileError, match=rf"m\.keras: .*{reason}"):
        check_classifier(_model(inputs, outputs), "m.keras", resolution)


@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_traced_model_ends_in_probabilities(activation: str | None) -> None:
    require_keras()
    model = tiny_classifier(activation=activation)
    sample = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    scores = run_function(trace(model, check_classifier(model, "tiny")), [sample, sample])
    assert scores.shape == (2, 4)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    own = np.asarray(model(sample, training=False))[0]
    assert scores[0].argmax() == own.argmax()
    if activation:
        np.testing.assert_allclose(scores[0], own, atol=1e-6)
