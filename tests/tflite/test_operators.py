"""The names of operators: those of the schema."""

from __future__ import annotations

import pytest

from mobiclass.tflite.operators import operator_name


def test_the_names_are_those_of_the_schema() -> None:
    schema = pytest.importorskip(
        "ai_edge_litert.schema_py_generated", reason="NOT TESTED against the schema: ai-edge-litert is not installed"
    )
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    known = {number: operator_name(number) for number in range(210)}
    assert known.items() <= names.items()


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "ADD"),
        (3, "CONV_2D"),
        (4, "DEPTHWISE_CONV_2D"),
        (32, "CUSTOM"),
        (117, "HARD_SWISH"),
        (9999, "operator 9999"),
    ],
)
def test_names(number: int, name: str) -> None:
    assert operator_name(number) == name


def test_a_number_below_zero_names_nothing() -> None:
    assert operator_name(-1) == "operator -1"
