"""What is suggested after a refusal; the conversion itself is tested by way of the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tools.convert.test_gate import gate_result

conversion = pytest.importorskip("tools.convert.conversion", reason="NOT TESTED: ai-edge-litert is missing")


def _advice(changes: dict[str, Any], **options: Any) -> str:
    converted = conversion.Conversion(b"", gate_result(**changes), {})
    return "\n".join(conversion.gate_advice(converted, conversion.Request("m", **options)))


def test_more_crops_and_photos_of_ones_own_are_suggested() -> None:
    assert "--samples 300" in _advice({})
    assert "--calibration DIR" in _advice({})
    assert "--calibration" not in _advice({}, calibration=Path("photos"))


def test_the_cause_is_named_where_it_is_known() -> None:
    assert "the cause is the graph" in _advice({"float_disagreement": 0.5})
    assert "the cause is the graph" not in _advice({})
    assert "enable range narrowing" in _advice({}, bias_correction=False)
    assert "enable range narrowing" not in _advice({})
    (layer, *_) = gate_result().layers
    assert "hard-swish" in _advice({"layers": (layer._replace(operator="HARD_SWISH"),)})
