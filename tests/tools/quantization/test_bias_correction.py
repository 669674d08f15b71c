"""Bias correction: it finds a shift that was put in, touches nothing but biases, and leaves good models alone."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.support.quantized_pair import SIDE, Pair, convert_pair
from tools.errors import CalibrationError, ConversionError

schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is missing"
)


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Give a small network of every kind of layer with weights."""
    return convert_pair()


def _shift_biases(model: bytes, steps: float) -> bytes:
    """Add to every bias of the convolutions what moves their output by `steps` of its scale."""
    from tools.quantization.weighted_layers import weighted_layers

    edited = bytearray(model)
    parsed = schema.Model.GetRootAs(edited, 0)
    subgraph = parsed.Subgraphs(0)
    for layer in weighted_layers(model)[:-1]:
        bias = subgraph.Tensors(layer.bias)
        output = subgraph.Tensors(layer.output).Quantization().ScaleAsNumpy()[0]
        values = parsed.Buffers(bias.Buffer()).DataAsNumpy().view("<i4")
        values += np.rint(steps * output / bias.Quantization().ScaleAsNumpy()).astype(np.int32)
    return bytes(edited)


def _snr(pair: Pair, model: bytes) -> float:
    """Measure on samples that nothing has seen."""
    from tools.quantization.signal_to_noise import logit_signal_to_noise_db, read_logits

    generator = np.random.default_rng(7)
    fresh = [generator.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in range(16)]
    return logit_signal_to_noise_db(read_logits(pair.float32, fresh), read_logits(model, fresh))


def _bias_bytes(model: bytes) -> set[int]:
    """Find the places in the file where biases stand."""
    from tools.quantization.weighted_layers import weighted_layers

    parsed = schema.Model.GetRootAs(model, 0)
    base = np.frombuffer(model, np.uint8).ctypes.data
    places: set[int] = set()
    for layer in weighted_layers(model):
        data = parsed.Buffers(parsed.Subgraphs(0).Tensors(layer.bias).Buffer()).DataAsNumpy()
        start = data.ctypes.data - base
        places.update(range(start, start + len(data)))
    return places


def test_a_shift_of_every_layer_is_taken_out_again(pair: Pair) -> None:
    from tools.quantization.bias_correction import correct_biases

    shifted = _shift_biases(pair.int8, 6)
    corrected = correct_biases(shifted, pair.float32, pair.samples)
    assert _snr(pair, shifted) < _snr(pair, pair.int8) - 6
    assert _snr(pair, corrected.model) > _snr(pair, pair.int8) - 1
    assert corrected.passes > 0
    assert corrected.corrected_db > corrected.stock_db + 6


def test_nothing_but_biases_is_changed(pair: Pair) -> None:
    from tools.quantization.bias_correction import correct_biases

    shifted = _shift_biases(pair.int8, 6)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("labels.txt", "a\nb\n")
    model = shifted + archive.getvalue()
    corrected = correct_biases(model, pair.float32, pair.samples).model
    assert len(corrected) == len(model)
    changed = {place for place, (old, new) in enumerate(zip(model, corrected, strict=True)) if old != new}
    assert changed
    assert changed <= _bias_bytes(model)
    assert zipfile.ZipFile(io.BytesIO(corrected)).read("labels.txt") == b"a\nb\n"


def test_the_same_arguments_give_the_same_bytes(pair: Pair) -> None:
    from tools.quantization.bias_correction import correct_biases

    shifted = _shift_biases(pair.int8, 4)
    assert correct_biases(shifted, pair.float32, pair.samples) == correct_biases(shifted, pair.float32, pair.samples)


@pytest.mark.parametrize("step", [0.0, -2.0])
def test_where_no_pass_is_better_the_stock_model_comes_back(pair: Pair, step: float) -> None:
    from tools.quantization.bias_correction import correct_biases

    corrected = correct_biases(pair.int8, pair.float32, pair.samples, step=step)
    assert corrected.model == pair.int8
    assert (corrected.passes, corrected.corrected_db) == (0, corrected.stock_db)


def test_a_bias_that_two_layers_share_is_left_alone(pair: Pair) -> None:
    from tools.quantization.bias_correction import _find_bias
    from tools.quantization.weighted_layers import weighted_layers

    parsed = schema.ModelT.InitFromPackedBuf(pair.int8, 0)
    layers = weighted_layers(pair.int8)
    first, second = (parsed.subgraphs[0].tensors[layers[number].bias] for number in (0, 1))
    second.buffer = first.buffer
    import flatbuffers

    builder = flatbuffers.Builder(len(pair.int8))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    model = bytearray(builder.Output())
    found = [_find_bias(model, layer) is not None for layer in weighted_layers(model)]
    assert found == [False, False, True, True, True]


def test_the_response_to_a_shift_of_the_inputs_is_exact_for_pointwise_layers(pair: Pair) -> None:
    from tools.quantization.intermediate_tensors import IntermediateTensors
    from tools.quantization.weighted_layers import response_to_inputs, weighted_layers

    layers = weighted_layers(pair.float32)
    project = layers[2]  # 1×1, without activation
    inner = IntermediateTensors(pair.float32, [project.input, project.output])
    one, other = (inner.channel_means(sample) for sample in pair.samples[:2])
    shift = other[project.input] - one[project.input]
    expected = other[project.output] - one[project.output]
    np.testing.assert_allclose(response_to_inputs(pair.float32, project, shift), expected, atol=1e-4)
    depthwise = response_to_inputs(pair.float32, layers[1], np.eye(16)[3])
    assert np.flatnonzero(depthwise).tolist() == [3]


def test_inner_tensors_are_those_that_the_interpreter_preserves(pair: Pair) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from tools.quantization.intermediate_tensors import IntermediateTensors
    from tools.quantization.weighted_layers import weighted_layers

    indices = [layer.output for layer in weighted_layers(pair.float32)]
    interpreter = Interpreter(model_content=pair.float32, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pair.samples[0])
    interpreter.invoke()
    found = IntermediateTensors(pair.float32, indices).run(pair.samples[0])
    for index, values in zip(indices, found, strict=True):
        np.testing.assert_allclose(values, interpreter.get_tensor(index), atol=1e-4)


def test_another_graph_and_too_few_samples_are_refused(pair: Pair, make_model: Any) -> None:
    from tools.quantization.bias_correction import correct_biases

    with pytest.raises(CalibrationError, match="7 samples are too few"):
        correct_biases(pair.int8, pair.float32, pair.samples[:7])
    tiny = [np.zeros((1, 2, 2, 3), np.float32)] * 8
    with pytest.raises((ConversionError, ValueError)):
        correct_biases(pair.int8, make_model("float32"), tiny)
