"""Intermediate tensors of the built-in model are read as the interpreter itself reports them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import ConversionError

intermediate = pytest.importorskip(
    "tools.quantization.intermediate_tensors", reason="NOT TESTED: ai-edge-litert is missing"
)

MODEL = (Path(__file__).resolve().parents[3] / "models" / "efficientnet_lite0.tflite").read_bytes()


def _sample() -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)


def test_the_logits_are_what_the_final_softmax_reads() -> None:
    index = intermediate.logits_index(MODEL)
    (logits,) = intermediate.IntermediateTensors(MODEL, [index]).run(_sample())
    (scores,) = intermediate.IntermediateTensors(MODEL, [_output()]).run(_sample())
    assert logits.shape == (1, 1000)
    softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(softmax, scores, atol=1 / 128)


def _output() -> int:
    from ai_edge_litert.interpreter import Interpreter

    return int(Interpreter(model_content=MODEL).get_output_details()[0]["index"])


def test_without_a_softmax_the_output_is_the_logits(make_model: Any) -> None:
    assert intermediate.logits_index(make_model("uint8")) == 2


def test_channel_means_are_those_of_the_values() -> None:
    index = intermediate.tensor_names(MODEL).index(_activation_name())
    tensors = intermediate.IntermediateTensors(MODEL, [index])
    (values,) = tensors.run(_sample())
    means = tensors.channel_means(_sample())
    np.testing.assert_allclose(means[index], values.mean(axis=(0, 1, 2)), atol=1e-4)


def _activation_name() -> bytes:
    from tools.quantization.weighted_layers import weighted_layers

    names: list[bytes] = intermediate.tensor_names(MODEL)
    return names[weighted_layers(MODEL)[0].output]


def test_float_tensors_are_found_by_name(make_model: Any) -> None:
    assert intermediate.float_tensors(make_model("float32")) == {b"image": 0, b"scores": 2}
    assert intermediate.float_tensors(make_model("int8")) == {}


def test_a_model_that_does_not_load_is_a_failed_conversion(make_model: Any) -> None:
    hard_swish_of_integers = make_model("uint8", 117)
    with pytest.raises(ConversionError, match="cannot be run"):
        intermediate.IntermediateTensors(hard_swish_of_integers, [2])
