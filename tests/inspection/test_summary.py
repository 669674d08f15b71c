"""A look into whole models: what was published of them, and what an Edge TPU makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.errors import ModelError
from mobiclass.hub.catalog import find_model
from mobiclass.inspection.summary import inspect_model
from tests.support.closed_forms import mobilenet_v1, mobilenet_v2
from tests.support.known_models import catalog_table, use_catalog
from tests.support.networks import network
from tests.support.tiny_models import DEQUANTIZE, SOFTMAX, UINT8, Operator, Tensor, bare_model, colour_model, graph


def test_the_built_in_model_is_known_by_its_hash() -> None:
    found = inspect_model(find_model().read_bytes(), "m")
    assert found.entry is not None
    assert found.entry.name == "efficientnet_lite0"
    assert found.published is not None
    assert (found.published.parameters, found.published.multiply_adds) == (4_700_000, 407_000_000)
    assert found.published.of == "EfficientNet Lite0, alpha 1, resolution 224"
    assert (found.float_layers, found.cpu_layers, len(found.pairs)) == ((), (), 16)


def test_a_network_of_one_s_own_is_known_by_its_convolutions() -> None:
    found = inspect_model(network(mobilenet_v1(1.0), 224, 12), "m")
    assert found.entry is None
    assert found.architecture == ("mobilenet_v1", 1.0, False)
    assert found.published is not None
    assert (found.published.multiply_adds, found.published.parameters) == (569_000_000, 4_240_000)
    assert found.published.of == "MobileNet V1, alpha 1, resolution 224"
    assert found.published.source.endswith("/mobilenet_v1.md")


def test_nothing_is_claimed_of_another_resolution() -> None:
    found = inspect_model(network(mobilenet_v2(), 100, 12), "m")
    assert found.architecture == ("mobilenet_v2", 1.0, False)
    assert found.published is None


def test_nothing_is_claimed_of_another_network() -> None:
    found = inspect_model(colour_model(), "m")
    assert (found.architecture, found.published, found.entry) == (None, None, None)
    # One stride differs, and it is another network.
    changed = [(kernel, inputs, outputs, 1, depthwise) for kernel, inputs, outputs, _, depthwise in mobilenet_v2()]
    assert inspect_model(network(changed, 16, 12), "m").architecture is None


def test_a_known_file_without_published_figures_has_those_of_its_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = network(mobilenet_v1(0.25), 128, 12)
    use_catalog(monkeypatch, tmp_path, [catalog_table("mine", content)])
    found = inspect_model(content, "m")
    assert found.entry is not None
    assert found.published is not None
    assert found.published.multiply_adds == 14_000_000


def test_of_a_compiled_model_all_else_is_left_to_the_cpu() -> None:
    tensors = [Tensor(f"t{number}", (1, 3), UINT8, 1 / 256) for number in range(3)] + [Tensor("out", (1, 3))]
    operators = [
        Operator("edgetpu-custom-op", (0,), (1,)),
        Operator(SOFTMAX, (1,), (2,)),
        Operator(DEQUANTIZE, (2,), (3,)),
    ]
    found = inspect_model(graph(tensors, operators, [0], [3]), "m")
    assert found.edgetpu_compiled
    assert found.cpu_layers == (1, 2)
    assert found.edgetpu_runtime is None


def test_of_another_model_what_the_edge_tpu_cannot_run_is_left_to_the_cpu() -> None:
    found = inspect_model(colour_model(dtype="float32"), "m")
    assert found.cpu_layers == found.float_layers == (0, 1, 2)
    assert inspect_model(colour_model(dtype="int8"), "m").cpu_layers == ()


def test_models_of_any_inputs_are_looked_into() -> None:
    assert inspect_model(bare_model(((1, 8, 8, 3), (1, 4)), ((1, 3), (1, 2))), "m").layers[0].operator == "SOFTMAX"
    assert inspect_model(bare_model(()), "m").layers[0].inputs == ()


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelError, match="^m: not a TFLite model"):
        inspect_model(b"\x89HDF\r\n\x1a\n" + bytes(100), "m")
