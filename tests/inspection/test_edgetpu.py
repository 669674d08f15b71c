"""What the Edge TPU can run: each published limit met and broken."""

from __future__ import annotations

import re
import struct

import pytest

from mobiclass.hub.catalog import find_model
from mobiclass.inspection.edgetpu import required_runtime, unsupported_reason
from mobiclass.inspection.layers import read_subgraphs
from tests.support.closed_forms import mobilenet_v1
from tests.support.networks import network
from tests.support.tiny_models import (
    FLOAT32,
    INT8,
    INT32,
    UINT8,
    Fields,
    Operator,
    Tensor,
    edgetpu_model,
    finish,
    graph,
)

ADD, POOL, CONCAT, CONV, DEPTHWISE, FC, RESHAPE, SOFTMAX, PAD, MEAN, STRIDED_SLICE, EXP, SPLIT, PRELU, SUM, PACK = (
    0, 1, 2, 3, 4, 9, 22, 25, 34, 40, 45, 47, 49, 54, 74, 83,
)  # fmt: skip


def image(*shape: int, dtype: int = INT8, signature: tuple[int, ...] | None = None) -> Tensor:
    """Make a tensor that is no constant."""
    return Tensor("values", shape, dtype, None if dtype == FLOAT32 else 0.5, signature=signature)


def constant(*shape: int, dtype: int = INT8, data: bytes = b"\1\0\0\0\2\0\0\0") -> Tensor:
    """Make a constant."""
    return Tensor("constant", shape, dtype, 0.5 if dtype == INT8 else None, data=data)


def numbers(*values: int) -> Tensor:
    """Make a constant of whole numbers."""
    return constant(len(values), dtype=INT32, data=struct.pack(f"<{len(values)}i", *values))


QUANTIZE = 114
PLANE, ROW = image(1, 4, 4, 2), image(1, 4)
AXES = constant(2, dtype=INT32)


def check(
    code: int | str, inputs: list[Tensor], output: Tensor, options: tuple[int, dict[int, tuple[str, int]]] | None = None
) -> str | None:
    """Say what hinders a model of one operator."""
    given = (options[0], Fields(options[1])) if options else None
    operator = Operator(code, tuple(range(len(inputs))), (len(inputs),), given)
    ((layer,),) = (subgraph.layers for subgraph in read_subgraphs(
        graph([*inputs, output], [operator], [0], [len(inputs)]), "m"
    ))  # fmt: skip
    return unsupported_reason(layer)


@pytest.mark.parametrize(
    ("code", "inputs", "output", "options"),
    [
        (ADD, [PLANE, PLANE], PLANE, None),
        (POOL, [PLANE], PLANE, (5, {3: ("i", 2), 4: ("i", 2)})),
        (CONCAT, [PLANE, PLANE, PLANE], PLANE, None),
        (CONCAT, [PLANE, constant(1, 4, 4, 2, data=bytes(32))], PLANE, None),
        (CONV, [PLANE, constant(2, 1, 1, 2), constant(2, dtype=INT32)], PLANE, (1, {4: ("i", 2), 5: ("i", 2)})),
        (FC, [ROW, constant(4, 4)], ROW, None),
        (RESHAPE, [PLANE, AXES], ROW, None),
        (SOFTMAX, [image(1, 16_000)], image(1, 16_000), None),
        (MEAN, [PLANE, AXES], image(1, 2), None),
        (MEAN, [PLANE, constant(2, dtype=INT32, data=struct.pack("<2i", -2, -3))], image(1, 2), None),
        (MEAN, [image(1, 4, 4, 8), numbers(3)], image(1, 4, 4), None),
        (SUM, [PLANE, numbers(3)], image(1, 4, 4), None),
        (PAD, [PLANE, numbers(0, 0, 1, 1, 1, 1, 0, 0)], image(1, 6, 6, 2), None),
        (PACK, [image(1, 4, 2)] * 2, image(1, 2, 4, 2), (59, {0: ("i", 2), 1: ("i", 1)})),
        (SPLIT, [numbers(3), PLANE], image(1, 4, 4, 1), None),
        (STRIDED_SLICE, [PLANE, numbers(0, 0), numbers(1, 2), numbers(1, 1)], image(1, 2, 4, 2), None),
        (PRELU, [PLANE, constant(1, 1, 2)], PLANE, None),
        (QUANTIZE, [image(1, 4, dtype=UINT8)], ROW, None),
        (ADD, [image(1, 4, signature=(-1, 4)), ROW], ROW, None),
        ("edgetpu-custom-op", [PLANE], ROW, None),
    ],
)
def test_nothing_speaks_against_these(
    code: int | str, inputs: list[Tensor], output: Tensor, options: tuple[int, dict[int, tuple[str, int]]] | None
) -> None:
    assert check(code, inputs, output, options) is None


@pytest.mark.parametrize(
    ("code", "inputs", "output", "options", "reason"),
    [
        (EXP, [ROW], ROW, None, "not an operator of the Edge TPU"),
        (117, [ROW], ROW, None, "not an operator of the Edge TPU"),
        (999_999, [ROW], ROW, None, "not an operator of the Edge TPU"),
        ("Mine", [ROW], ROW, None, "custom operator"),
        (ADD, [image(1, 4, dtype=FLOAT32), ROW], ROW, None, "float32 activations"),
        (QUANTIZE, [image(1, 4, dtype=FLOAT32)], ROW, None, "float32 activations"),
        (ADD, [image(1, 4, dtype=INT32), ROW], ROW, None, "int32 activations"),
        (FC, [ROW, constant(4, 4, dtype=FLOAT32)], ROW, None, "float32 weights"),
        (ADD, [PLANE, PLANE], image(1, 4, 4, 2, signature=(1, -1, 4, 2)), None, "dynamic shape"),
        (ADD, [image(2, 4, 4, 2)] * 2, image(2, 4, 4, 2), None, "beyond the three innermost"),
        (POOL, [PLANE], PLANE, (5, {3: ("i", 2), 4: ("i", 2), 5: ("b", 1)}), r"fused activation \(relu\)"),
        (17, [PLANE], PLANE, (5, {3: ("i", 2), 4: ("i", 2), 5: ("b", 3)}), r"fused activation \(relu6\)"),
        (CONCAT, [PLANE, PLANE], PLANE, (10, {0: ("i", 3), 1: ("b", 1)}), "fused activation"),
        (CONCAT, [PLANE, PLANE, constant(1, 4, 4, 2)], PLANE, None, "constant concatenated with more than one"),
        (CONCAT, [PLANE, constant(1, 4, 4, 2)], PLANE, None, "not all zeros"),
        (CONV, [PLANE, constant(2, 1, 1, 2)], PLANE, (1, {4: ("i", 2), 5: ("i", 1)}), "dilation factors"),
        (DEPTHWISE, [PLANE, constant(1, 1, 1, 2)], PLANE, (2, {5: ("i", 2), 6: ("i", 1)}), "dilation factors"),
        (FC, [ROW, constant(4, 4)], image(2, 4), None, "more than one dimension"),
        (FC, [ROW, constant(4, 4)], ROW, (8, {1: ("b", 1)}), "non-default format"),
        (FC, [ROW, image(4, 4)], ROW, None, "weights that are not constant"),
        (RESHAPE, [PLANE, image(2)], ROW, None, "new shape that is not constant"),
        (SOFTMAX, [image(1, 16_001)], image(1, 16_001), None, "more than 16,000"),
        (SOFTMAX, [image(1, 2, 4)], image(1, 2, 4), None, "more than one dimension"),
        (MEAN, [PLANE, constant(1, dtype=INT32, data=bytes(4))], PLANE, None, "reduction over the batch"),
        (MEAN, [PLANE, constant(1, dtype=INT32, data=struct.pack("<i", -4))], PLANE, None, "reduction over the batch"),
        (MEAN, [PLANE, image(2)], PLANE, None, "axes that are not constant"),
        (MEAN, [PLANE, numbers(-1)], image(1, 4, 4), None, "not a multiple of 4"),
        (PAD, [PLANE, numbers(0, 1, 0, 0, 0, 0, 0, 0)], PLANE, None, "padding of the batch"),
        (PAD, [PLANE, image(4, 2)], PLANE, None, "padding that is not constant"),
        (PACK, [image(4, 4, 2)], PLANE, (59, {0: ("i", 1), 1: ("i", -4)}), "packing along the batch"),
        (SPLIT, [numbers(0), PLANE], PLANE, None, "split of the batch"),
        (SPLIT, [image(1), PLANE], PLANE, None, "axis that is not constant"),
        (STRIDED_SLICE, [PLANE, *[numbers(0, 0)] * 2, numbers(1, 2)], PLANE, None, "strides other than 1"),
        (STRIDED_SLICE, [PLANE, *[numbers(0, 0)] * 2, image(2)], PLANE, None, "strides that are not constant"),
        (PRELU, [PLANE, constant(4, 4, 2)], PLANE, None, r"shared axes \[1, 2\]"),
    ],
)
def test_what_hinders_is_named(
    code: int | str,
    inputs: list[Tensor],
    output: Tensor,
    options: tuple[int, dict[int, tuple[str, int]]] | None,
    reason: str,
) -> None:
    found = check(code, inputs, output, options)
    assert found is not None
    assert re.search(reason, found)


@pytest.mark.parametrize("content", [find_model().read_bytes(), network(mobilenet_v1(0.25), 128, 7)], ids=["0", "1"])
def test_quantized_networks_run_whole(content: bytes) -> None:
    assert not [reason for layer in read_subgraphs(content, "m")[0].layers if (reason := unsupported_reason(layer))]


def package(version: int) -> bytes:
    """Make what stands in a compiled operator, as far as its version."""
    return b"some flexbuffer \0" + finish(Fields({0: ("i", version), 1: ("bytes", bytes(64))}), b"DWN1") + b"\1\2"


def test_the_runtime_that_a_compiled_operator_needs() -> None:
    assert required_runtime(package(13)) == 13
    assert required_runtime(memoryview(package(14))) == 14


@pytest.mark.parametrize("content", [b"", b"DWN1", b"\xff\xff\xff\xffDWN1", b"1234DWN1" + bytes(40), bytes(100)])
def test_a_compiled_operator_that_says_nothing(content: bytes) -> None:
    assert required_runtime(content) is None


def test_a_compiled_model_is_no_obstacle() -> None:
    (layer,) = read_subgraphs(edgetpu_model(), "m")[0].layers
    assert unsupported_reason(layer) is None
