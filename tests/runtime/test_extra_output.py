"""A tensor from inside a model as a further output: the scores stay the same, and the tensor is what it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError
from mobiclass.runtime import open_session
from mobiclass.runtime.extra_output import find_extra_output
from mobiclass.tflite import ModelInfo, dequantize, override_facts, read_model
from tests.support.tiny_models import bare_model, colour_model

RUN = RunOptions(num_threads=1)


def read(folder: Path, content: bytes) -> ModelInfo:
    path = folder / "m.tflite"
    path.write_bytes(content)
    return read_model(path)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_features_are_the_means_of_the_image_and_the_scores_stay(dtype: str, tmp_path: Path) -> None:
    model = read(tmp_path, colour_model(dtype=dtype))
    plain, _ = open_session(model, RUN, override_facts())
    session, _ = open_session(model, RUN, override_facts(), extra="features")
    assert plain.extra is None
    assert session.extra is not None
    rng = np.random.default_rng(0)
    tensor = rng.integers(0, 100, model.input.shape).astype(model.input.dtype)
    scores, raw = session.interpreter.invoke_with_extra(tensor)
    assert (scores == plain.interpreter.invoke(tensor)).all()
    assert (scores == session.interpreter.invoke(tensor)).all()
    expected = dequantize(tensor, model.input.quantization).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(dequantize(raw, session.extra.quantization).reshape(-1), expected, atol=0.01)


def test_a_clone_has_it_too(tmp_path: Path) -> None:
    session, _ = open_session(read(tmp_path, colour_model()), RUN, override_facts(), extra="feature map")
    clone = session.clone()
    assert clone.extra_output is session.extra_output  # the changed model is in memory once
    _, raw = clone.interpreter.invoke_with_extra(np.zeros((1, 8, 8, 3), np.uint8))
    assert raw.shape == (1, 8, 8, 3)


def test_a_model_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not from a dense layer"):
        find_extra_output(read(tmp_path, bare_model()), "features")
