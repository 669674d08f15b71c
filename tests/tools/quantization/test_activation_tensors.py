"""Which activations may be changed, which of them together, and that a changed range is read back."""

from __future__ import annotations

import pytest

from tests.support.tiny_models import INT8, Operator, Tensor, graph

pytest.importorskip("ai_edge_litert", reason="NOT TESTED: ai-edge-litert is not installed")

from ai_edge_litert import schema_py_generated as schema

from tools.quantization.activation_tensors import ActivationTensors

CODE = schema.BuiltinOperator


def _chain(*codes: int) -> ActivationTensors:
    """Build a graph of operators that each read the tensor before and write the next."""
    tensors = [Tensor(f"tensor {number}", (1, 4), INT8, 0.1, 3) for number in range(len(codes) + 1)]
    operators = [Operator(code, (number,), (number + 1,)) for number, code in enumerate(codes)]
    return ActivationTensors(graph(tensors, operators, inputs=[0], outputs=[len(codes)]))


def test_tensors_that_share_a_range_are_one_group() -> None:
    found = _chain(CODE.HARD_SWISH, CODE.MAX_POOL_2D, CODE.RESHAPE, CODE.HARD_SWISH, CODE.HARD_SWISH).groups
    assert sorted(sorted(group) for group in found) == [[1, 2, 3], [4]]


def test_inputs_outputs_and_fixed_ranges_are_left_alone() -> None:
    assert _chain(CODE.RESHAPE, CODE.HARD_SWISH).groups == []  # the input's, and the output
    assert _chain(CODE.HARD_SWISH, CODE.SOFTMAX, CODE.MEAN).groups == [(1,)]
    assert _chain(CODE.HARD_SWISH, CODE.CUMSUM, CODE.HARD_SWISH).groups == []  # an operator that is not known here


def test_a_range_is_set_for_its_whole_group_and_no_other() -> None:
    tensors = _chain(CODE.HARD_SWISH, CODE.MAX_POOL_2D, CODE.HARD_SWISH, CODE.HARD_SWISH)
    (group, other) = sorted(tensors.groups, key=len, reverse=True)
    tensors.set_range(group, -1.0, 3.0)
    edited = ActivationTensors(bytes(tensors.model))
    for index in group:
        assert edited.range_of((index,)) == (pytest.approx(-1, abs=0.01), pytest.approx(3, abs=0.01))
    assert edited.range_of(other) == pytest.approx((-13.1, 12.4))
