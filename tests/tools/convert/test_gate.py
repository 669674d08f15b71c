"""The gate's figures, on scores made up for the purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gate = pytest.importorskip(
    "tools.convert.gate", reason="NOT TESTED: ai-edge-litert, which the gate runs, is not installed"
)


def gate_result(**changes: Any) -> Any:
    """Make a result that passes, with `changes`."""
    from tools.quantization.layer_errors import LayerError

    layers = (
        LayerError("stem", "CONV_2D", 40.0, 1.0, 8, 0),
        LayerError("block <1>", "DEPTHWISE_CONV_2D", 12.0, 28.0, 8, 3),
        LayerError("head", "FULLY_CONNECTED", 11.0, 1.5, 4, 0),
    )
    values: dict[str, Any] = {
        "crops": 100, "photos": 25, "top1_agreement": 0.98, "top5_agreement": 1.0, "material_disagreement": 0.01,
        "float_disagreement": 0.0, "logit_snr_db": 21.0, "score_shift": -0.01, "saturated_channels": 3, "channels": 20,
        "float_operators": (), "int8_bytes": 4_000_000, "float_bytes": 14_000_000, "latency_ms": 4.0,
        "float_latency_ms": 8.0, "layers": layers, "max_disagreement": 0.03,
    }  # fmt: skip
    return gate.GateResult(**{**values, **changes})


def test_material_disagreement_spares_an_unsure_model() -> None:
    reference = np.array([[0.50, 0.45, 0.05], [0.60, 0.40, 0.00], [0.9, 0.1, 0.0], [0.9, 0.1, 0.0]], np.float32)
    scores = np.array([[0.4, 0.5, 0.1], [0.4, 0.5, 0.1], [0.8, 0.2, 0.0], [0.1, 0.9, 0.0]], np.float32)
    # Unsure by 0.05; sure by 0.2; agreed; sure by 0.8.
    assert gate.material_disagreement(reference, scores) == 0.5


def test_exactly_a_tenth_is_material() -> None:
    reference = np.array([[0.5, 0.4]], np.float32)
    assert gate.material_disagreement(reference, np.array([[0.1, 0.9]], np.float32)) == 1.0


def test_a_tie_is_no_choice() -> None:
    reference = np.array([[0.9, 0.1]], np.float32)
    assert gate.material_disagreement(reference, np.array([[0.5, 0.5]], np.float32)) == 1.0
    unsure = np.array([[0.52, 0.48]], np.float32)
    assert gate.material_disagreement(unsure, np.array([[0.5, 0.5]], np.float32)) == 0.0


def test_the_limit_itself_passes() -> None:
    assert gate_result(material_disagreement=0.03).passed
    assert not gate_result(material_disagreement=0.04).passed
    assert gate_result(material_disagreement=0.04, max_disagreement=0.05).passed


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"material_disagreement": 0.2}, "material disagreement of 20.0% exceeds 3.0%"),
        ({"float_disagreement": 0.5}, "a wrong conversion"),
        ({"float_operators": ("EXP",)}, "float operators remain: EXP"),
    ],
)
def test_it_says_why_it_refuses(changes: dict[str, Any], reason: str) -> None:
    assert any(reason in found for found in gate_result(**changes).reasons)


def test_the_worst_layers_are_those_that_lose_most() -> None:
    assert [layer.name for layer in gate_result().worst_layers()] == ["block <1>", "head", "stem"]


def test_the_page_shows_what_was_found_and_escapes_names() -> None:
    from tools.convert.gate_report import render_report

    result = gate_result(material_disagreement=0.2)
    page = render_report(result, Path("r.html"), name="<b>m", facts={"source": "a&b"}, advice=("try <this>",)).decode()
    assert "<b>m" not in page and "&lt;b&gt;m" in page
    assert "block &lt;1&gt;" in page and "try &lt;this&gt;" in page
    assert page.count("<rect") == 3
    assert "refused: material disagreement of 20.0%" in page


def test_json_holds_all_of_it() -> None:
    from tools.convert.gate_report import render_report

    content = json.loads(
        render_report(gate_result(accuracy=(0.9, 0.89)), Path("r.json"), name="m", facts={}, advice=())
    )
    assert content["passed"] is True
    assert content["layers"][1]["saturated"] == 3
    assert content["accuracy"] == [0.9, 0.89]
