"""A tiny TFLite model, made without a converter, and the photos that scikit-image carries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MakeModel = Callable[..., bytes]


def _tensor(
    schema: Any, name: str, shape: list[int], dtype: int, buffer: int = 0, scale: float | None = None
) -> object:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, dtype, buffer
    if scale is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.array([scale], dtype=np.float32)
        tensor.quantization.zeroPoint = np.array([0], dtype=np.int64)
    return tensor


def _make_model(dtype: str = "uint8", operators: tuple[str, ...] = ("RESHAPE",)) -> bytes:
    """Flatten 1×2×2×3 pixels into 12 outputs; the constant shape lies in a buffer of its own."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, subgraph = schema.ModelT(), schema.SubGraphT()
    number = getattr(schema.TensorType, dtype.upper())
    scale = None if dtype == "float32" else 1 / 256
    constant = schema.BufferT()
    constant.data = np.array([1, 12], dtype="<i4").view(np.uint8)
    model.version, model.description = 3, "tiny"
    model.buffers = [schema.BufferT(), constant]
    subgraph.tensors = [
        _tensor(schema, "image", [1, 2, 2, 3], number, scale=scale),
        _tensor(schema, "shape", [2], schema.TensorType.INT32, buffer=1),
        _tensor(schema, "scores", [1, 12], number, scale=scale),
    ]
    subgraph.inputs, subgraph.outputs, subgraph.operators = [0], [2], []
    model.operatorCodes = []
    for name in operators:
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes), [0, 1], [2]
        model.operatorCodes.append(code)
        subgraph.operators.append(operator)
    model.subgraphs = [subgraph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture
def make_model() -> MakeModel:
    """Give the maker of tiny models."""
    return _make_model


@pytest.fixture(scope="session")
def skimage_photos() -> tuple[Path, ...]:
    """Give eight real photos."""
    data = pytest.importorskip("skimage", reason="NOT TESTED on photos: scikit-image is not installed")
    folder = Path(data.__file__).parent / "data"
    names = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "motorcycle_left")
    return tuple(folder / f"{name}.png" for name in names)
