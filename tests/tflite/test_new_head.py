"""A new head: the same scores as its float weights give, in every type of base, for fewer classes and for more."""

from __future__ import annotations

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError
from mobiclass.hub import find_model
from mobiclass.runtime import choose_runtime, load_interpreter
from mobiclass.tflite import dequantize, quantize
from mobiclass.tflite.editing import with_extra_output
from mobiclass.tflite.graph import read_graph
from mobiclass.tflite.head import find_head, head_weights
from mobiclass.tflite.new_head import NewHead, replace_head
from tests.support.bases import BASES
from tests.support.tiny_models import colour_model, feature_extractor

RUNTIME = choose_runtime(RunOptions().runtime)


def run(content: bytes, image: np.ndarray) -> list[np.ndarray]:  # type: ignore[type-arg]
    interpreter = load_interpreter(RUNTIME, content, "m", num_threads=1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def softmax(logits: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    powers = np.exp(logits - logits.max())
    result: np.ndarray = powers / powers.sum()  # type: ignore[type-arg]
    return result


@pytest.mark.parametrize("classes", [2, 3, 40, 1500])
@pytest.mark.parametrize("kind", BASES)
def test_scores_are_those_of_the_float_weights(kind: str, classes: int) -> None:
    base, place = BASES[kind](), 1 if "two heads" in kind else 0
    head = find_head(base, "m", output_place=place)
    before = read_graph(base, "m")
    rng = np.random.default_rng(classes)
    weights, bias = rng.normal(size=(classes, 3)).astype(np.float32), rng.normal(size=classes).astype(np.float32)
    content = replace_head(base, head, NewHead(weights, bias, (-6.0, 6.0)), "m", output_place=place)
    after = read_graph(content, "m")
    output = after.outputs[0].tensor
    assert [each.tensor.shape for each in after.outputs] == [(1, classes)]
    assert output.dtype == before.outputs[place].tensor.dtype
    assert after.inputs == before.inputs
    for _ in range(5):
        shape, dtype = before.inputs[0].shape, before.inputs[0].dtype
        colour = rng.uniform(-0.9, 0.9, (1, 1, 1, 3) if shape[3] == 3 else (1, 3, 1, 1))
        pixels = np.broadcast_to(colour, shape) + rng.uniform(-0.1, 0.1, shape)
        steps = before.inputs[0].quantization
        image = quantize(pixels, steps, dtype) if steps else pixels.astype(dtype)
        (raw,) = run(content, image)
        *_, features = run(with_extra_output(base, head.features_tensor), image)
        real = dequantize(features, head.features.quantization).reshape(-1)
        expected = softmax(weights @ real + bias)
        np.testing.assert_allclose(dequantize(raw, output.quantization)[0], expected, atol=0.02)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_a_bias_has_its_full_weight_where_the_weights_have_none(dtype: str) -> None:
    """Its steps are those of the weights: of weights that are almost zero it would need more than 32 bits."""
    base = colour_model(dtype=dtype)
    weights = np.array([[1e-9, 0, 0], [0, 0, 0]], np.float32)
    new = NewHead(weights, np.array([1.0, -1.0], np.float32), (-2.0, 2.0))
    content = replace_head(base, find_head(base, "m"), new, "m")
    (raw,) = run(content, np.zeros((1, 8, 8, 3), dtype))
    scores = dequantize(raw, read_graph(content, "m").outputs[0].tensor.quantization)[0]
    np.testing.assert_allclose(scores, softmax(new.bias), atol=0.01)


def test_the_head_that_was_there_gives_the_scores_that_were_there() -> None:
    base = find_model(None).read_bytes()
    head = find_head(base, "m")
    weights, bias = head_weights(base, head, "m")
    content = replace_head(base, head, NewHead(weights, bias, (-12.0, 25.0)), "m")
    image = np.random.default_rng(3).integers(0, 256, (1, 224, 224, 3)).astype(np.uint8)
    before, after = run(base, image)[0], run(content, image)[0]
    assert after.dtype == before.dtype
    assert int(np.abs(after.astype(int) - before.astype(int)).max()) <= 2
    assert after.argmax() == before.argmax()


def test_an_extractor_becomes_a_classifier() -> None:
    base = feature_extractor(3)
    weights = np.array([[4, -2, -2], [-2, 4, -2]], np.float32)
    content = replace_head(base, find_head(base, "m"), NewHead(weights, np.zeros(2, np.float32), (-8.0, 8.0)), "m")
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    (scores,) = run(content, red)
    assert scores.shape == (1, 2)
    assert scores[0, 0] > 250


def test_logits_beyond_the_range_saturate_and_keep_their_order() -> None:
    base = colour_model()
    weights = np.array([[40, 0, 0], [0, 1, 0]], np.float32)
    content = replace_head(base, find_head(base, "m"), NewHead(weights, np.zeros(2, np.float32), (-1.0, 1.0)), "m")
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    (scores,) = run(content, red)
    assert scores[0, 0] > scores[0, 1]


def test_the_same_weights_give_the_same_bytes() -> None:
    base, new = colour_model(), NewHead(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), (-1.0, 1.0))
    head = find_head(base, "m")
    assert replace_head(base, head, new, "m") == replace_head(base, head, new, "m")


@pytest.mark.parametrize(
    ("weights", "bias", "message"),
    [
        (np.zeros((2, 4)), np.zeros(2), "does not fit 3 features"),
        (np.zeros((1, 3)), np.zeros(1), "does not fit"),
        (np.full((2, 3), np.nan), np.zeros(2), "NaN or infinite"),
        (np.zeros((2, 3)), np.full(2, np.inf), "NaN or infinite"),
    ],
)
def test_impossible_weights_are_refused(weights: np.ndarray, bias: np.ndarray, message: str) -> None:  # type: ignore[type-arg]
    base = colour_model()
    with pytest.raises(ModelError, match=message):
        replace_head(
            base, find_head(base, "m"), NewHead(weights.astype(np.float32), bias.astype(np.float32), (0, 1)), "m"
        )
