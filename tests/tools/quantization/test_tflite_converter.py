"""The converter: what is refused, the types at the ends, and that no float operator is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import require_tensorflow
from tests.support.tiny_models import DEQUANTIZE
from tools.errors import CalibrationError, ConversionError

QUANTIZE = 114  # in the schema's BuiltinOperator

converter = pytest.importorskip("tools.quantization.tflite_converter", reason="NOT TESTED: ai-edge-litert is missing")


@pytest.fixture(scope="module")
def tf() -> Any:
    """Give TensorFlow, quietened."""
    return require_tensorflow()


@pytest.fixture(scope="module")
def function(tf: Any) -> Any:
    """Trace a convolution with softmax: 1×8×8×3 → 1×4."""
    generator = np.random.default_rng(0)
    kernel = generator.normal(size=(3, 3, 3, 4)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32, name="image")])
    def classify(image: Any) -> Any:
        return tf.nn.softmax(tf.reduce_mean(tf.nn.relu6(tf.nn.conv2d(image, kernel, 2, "SAME")), axis=(1, 2)))

    return classify.get_concrete_function()


@pytest.fixture(scope="module")
def samples() -> list[np.ndarray]:
    """Give inputs in [−1, 1]."""
    generator = np.random.default_rng(1)
    return [generator.uniform(-1, 1, size=(1, 8, 8, 3)).astype(np.float32) for _ in range(8)]


def test_float_operators_are_found(make_model: Any) -> None:
    assert converter.float_operators(make_model("float32")) == ["RESHAPE"]
    assert converter.float_operators(make_model("uint8")) == []
    assert converter.float_operators(make_model("int8")) == []


def test_conversion_at_the_border_is_no_float_operator(make_model: Any) -> None:
    assert converter.float_operators(make_model("float32", QUANTIZE)) == []
    assert converter.float_operators(make_model("float32", DEQUANTIZE)) == []


@pytest.mark.parametrize("io", ["uint8", "int8", "float32"])
def test_the_ends_have_the_type_asked_for(function: Any, samples: list[np.ndarray], io: Any) -> None:
    from mobiclass.tflite.graph import read_graph

    model = converter.convert_int8(function, samples, io=io)
    graph = read_graph(model, "converted")
    assert (graph.inputs[0].dtype, graph.outputs[0].tensor.dtype) == (io, io)
    assert graph.inputs[0].shape == (1, 8, 8, 3)
    assert graph.outputs[0].head.operator == "SOFTMAX"
    assert converter.float_operators(model) == []


def test_the_same_calibration_gives_the_same_bytes(function: Any, samples: list[np.ndarray]) -> None:
    assert converter.convert_int8(function, samples) == converter.convert_int8(function, samples)


def test_the_quantized_model_agrees_with_the_float_one(function: Any, samples: list[np.ndarray]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    outputs = []
    for model in (converter.convert_float32(function), converter.convert_int8(function, samples, io="float32")):
        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], samples[0])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_allclose(outputs[0], outputs[1], atol=0.03)


def test_the_float_model_keeps_its_float_operators(function: Any) -> None:
    assert "SOFTMAX" in converter.float_operators(converter.convert_float32(function))


def test_nonsense_is_refused_before_the_converter_starts(function: Any, samples: list[np.ndarray]) -> None:
    with pytest.raises(CalibrationError, match="no calibration samples"):
        converter.convert_int8(function, [])
    with pytest.raises(CalibrationError, match=r"sample 0 .* \(1, 4, 4, 3\)"):
        converter.convert_int8(function, [sample[:, :4, :4] for sample in samples])
    with pytest.raises(CalibrationError, match="uint8"):
        converter.convert_int8(function, [np.zeros((1, 8, 8, 3), np.uint8)])
    with pytest.raises(CalibrationError, match="finite"):
        converter.convert_int8(function, [np.full((1, 8, 8, 3), np.nan, np.float32)])
    with pytest.raises(ConversionError, match="int16"):
        converter.convert_int8(function, samples, io="int16")  # type: ignore[arg-type]


def test_a_float_operator_left_behind_is_an_error(function: Any, samples: list[np.ndarray], monkeypatch: Any) -> None:
    monkeypatch.setattr("tools.quantization.tflite_converter.float_operators", lambda model: ["EXP"])
    with pytest.raises(ConversionError, match="float operators: EXP"):
        converter.convert_int8(function, samples)


def test_a_converter_that_fails_is_reported(tf: Any) -> None:
    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
    def invert(image: Any) -> Any:
        return tf.linalg.inv(image[..., :8, :8, 0])  # TFLite's builtin operators have no such function

    with pytest.raises(ConversionError, match="converter failed: .*TF Select ops: MatrixInverse"):
        converter.convert_float32(invert.get_concrete_function())
