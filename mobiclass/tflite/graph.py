"""What stands in a .tflite file, read straight from its FlatBuffers: graph, TFLite Metadata, appended zip.

It loads no runtime and interprets nothing: what the facts mean for a classifier is `mobiclass.tflite.info`'s business.
Slot numbers follow the schemas of TFLite (identifier ``TFL3``) and of TFLite Metadata (``M001``).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass.errors import ModelError
from mobiclass.tflite.flatbuffer import FlatbufferError, Table, item
from mobiclass.tflite.operators import operator_name

if TYPE_CHECKING:
    import zipfile

EDGETPU_CUSTOM_OP: Final = "edgetpu-custom-op"
METADATA_NAME: Final = "TFLITE_METADATA"

_TENSOR_TYPES: Final = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
)  # fmt: skip
_INTEGERS: Final = {"uint8", "int8", "int16", "int32", "int64"}
_KEEPS_VALUES: Final = {"DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE"}
_ZIP_BEGINS: Final = (b"PK\x03\x04\x14\0", b"PK\x03\x04\x0a\0")  # with the version, too long to be there by chance
_AXIS_LABELS: Final = 2  # AssociatedFileType.TENSOR_AXIS_LABELS
_NORMALIZATION: Final = 1  # ProcessUnitOptions.NormalizationOptions
_MAX_MEMBER_BYTES: Final = 16 << 20  # a label list is some kilobytes; a zip bomb is not


class Quantization(NamedTuple):
    """The affine mapping ``real = (quantized − zero_point) · scale`` of one tensor."""

    scale: float
    zero_point: int


class TensorSpec(NamedTuple):
    """A tensor's name, static shape, dtype (NumPy's name) and quantization (``None``: the values are real)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None


class Normalization(NamedTuple):
    """``real = (pixel − mean) / std`` with pixels of 0–255; one value, or one a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Metadata(NamedTuple):
    """What the TFLite Metadata say; ``None`` or empty where they are silent."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    author: str | None = None
    license: str | None = None
    normalization: Normalization | None = None
    labels_file: str | None = None


class Graph(NamedTuple):
    """The main subgraph from outside.

    Attributes:
        inputs: the tensors that it takes.
        outputs: the tensors that it gives.
        custom_ops: the names of the custom operators in it, each once.
        head: the operator that computes the values of the first output (reshaping and requantizing aside),
            e.g. ``SOFTMAX``; ``""`` where none does.
        metadata: the TFLite Metadata.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    custom_ops: tuple[str, ...]
    head: str
    metadata: Metadata


class _Operator(NamedTuple):
    """An operator's name and the indices of the tensors that it reads and writes."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(content: bytes, file: str) -> Graph:
    """Read the main subgraph and the metadata of the model `content`; `file` names it in messages.

    Raises:
        ModelError: the bytes are no TFLite model, or a damaged one.
    """
    with open_model(content, file) as model:
        return _read_graph(model)


@contextmanager
def open_model(content: bytes, file: str) -> Iterator[Table]:
    """Open the root table of the model `content`; `file` names it in messages.

    Raises:
        ModelError: the bytes are no TFLite model, or one that proves to be damaged while it is read.
    """
    if len(content) < 8 or content[4:8] != b"TFL3":
        raise ModelError(f"{file}: {_what_it_is_instead(content)}")
    try:
        yield Table.root(content, b"TFL3")
    except FlatbufferError as error:
        raise ModelError(
            f"{file}: the model is damaged or was cut short ({error}); copy or download it again"
        ) from error


def read_zip_members(content: bytes, file: str, names: frozenset[str]) -> dict[str, bytes]:
    """Read those of `names` that the zip appended to the model holds; ``{}`` where there is no zip.

    Raises:
        ModelError: the zip is damaged, encrypted, or a member is unreasonably large.
    """
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: info for info in archive.infolist() if info.filename in names}
            for name, info in members.items():
                if info.file_size > _MAX_MEMBER_BYTES:
                    raise ModelError(f"{file}: {name!r} in the appended zip would be {info.file_size} bytes long")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise NotImplementedError(f"{name!r} is compressed by method {info.compress_type}")
            return {name: _read_member(archive, info) for name, info in members.items()}
    except zipfile.BadZipFile as error:
        # Most models carry no zip at all. Where one ends, or only begins, it is damaged or was cut short.
        if b"PK\x05\x06" in content[-66_000:] or any(begin in content for begin in _ZIP_BEGINS):
            raise ModelError(
                f"{file}: the zip appended to the model is damaged or was cut short ({error}); copy or download the "
                "model again"
            ) from error
        return {}
    except (EOFError, NotImplementedError, OSError, RuntimeError, ValueError, struct.error, zlib.error) as error:
        raise ModelError(f"{file}: the zip appended to the model cannot be read ({error})") from error


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # With a length to keep to: read() alone inflates all that is there, whatever length the zip claims.
    with archive.open(info) as member:
        return member.read(_MAX_MEMBER_BYTES)


def _what_it_is_instead(content: bytes) -> str:
    if not content:
        return "the file is empty; copy or download the model again"
    if not any(content[:4096]):
        return "the file holds zeros, not a model; copy or download it again"
    for magic, description in (
        (b"\x89HDF", "a Keras HDF5 model"),
        (b"PK\x03\x04", "a zip archive (perhaps a .keras model)"),
        (b"version https://git-lfs", "a Git LFS pointer, not the model it points to"),
        (b"<", "a web page or XML"),
        (b"\xff\xd8\xff", "a JPEG image"),
    ):
        if content.startswith(magic):
            return f"not a TFLite model: this is {description}"
    return "not a TFLite model (no TFL3 identifier at byte 4)"


def _read_graph(model: Table) -> Graph:
    codes = list(model.tables(1))
    subgraph = next(model.tables(2), None)
    if subgraph is None:
        raise FlatbufferError("no subgraph")
    tensors = list(subgraph.tables(0))
    names = [operator_code_name(code) for code in codes]
    operators = [
        _Operator(item(names, operator.scalar(0, "I")), operator.integers(1), operator.integers(2))
        for operator in subgraph.tables(3)
    ]
    outputs = subgraph.integers(2)
    custom_ops = [code.string(1) or "" for code, name in zip(codes, names, strict=True) if name == "CUSTOM"]
    return Graph(
        inputs=tuple(_tensor_spec(item(tensors, index)) for index in subgraph.integers(1)),
        outputs=tuple(_tensor_spec(item(tensors, index)) for index in outputs),
        custom_ops=tuple(dict.fromkeys(custom_ops)),
        head=_head(operators, outputs[0]) if outputs else "",
        metadata=_read_metadata(model),
    )


def operator_code_name(code: Table) -> str:
    """Name the operator of an entry of the model's operator codes."""
    # Operators below 127 stand in the deprecated byte as well; old models have that one alone.
    return operator_name(max(code.scalar(0, "b"), code.scalar(3, "i")))


def tensor_dtype(tensor: Table) -> str:
    """Give NumPy's name of a tensor's type, or TFLite's where NumPy has none."""
    number = tensor.scalar(1, "b")
    return _TENSOR_TYPES[number] if 0 <= number < len(_TENSOR_TYPES) else f"type {number}"


def _head(operators: list[_Operator], output: int) -> str:
    producers = {index: operator for operator in operators for index in operator.outputs}
    for _ in operators:  # as many steps as there are operators: a damaged graph may run in a circle
        producer = producers.get(output)
        if producer is None or not producer.inputs:
            break
        if producer.name not in _KEEPS_VALUES:
            return producer.name
        output = producer.inputs[0]
    return ""


def _tensor_spec(tensor: Table) -> TensorSpec:
    dtype = tensor_dtype(tensor)
    # The floats of a model trained for quantization may carry a scale; the runtimes take them as they are.
    parameters = tensor.table(4) if dtype in _INTEGERS else None
    scales = parameters.numbers(2, "f") if parameters else ()
    zero_points = parameters.integers(3, "q") if parameters else ()
    quantization = None
    if len(scales) == 1:
        if not isfinite(scales[0]) or scales[0] <= 0:
            raise FlatbufferError(f"a quantization scale of {scales[0]}")
        zero_point = zero_points[0] if zero_points else 0
        if not -(2**31) <= zero_point < 2**31:
            raise FlatbufferError(f"a quantization zero point of {zero_point}")
        quantization = Quantization(scales[0], zero_point)
    # Where the batch is dynamic the signature says −1 and the shape says 1; height and width must be known.
    return TensorSpec(
        name=tensor.string(3) or "",
        shape=tensor.integers(0),
        dtype=dtype,
        quantization=quantization,
    )


def _read_metadata(model: Table) -> Metadata:
    buffers = list(model.tables(4))
    for entry in model.tables(6):
        if entry.string(0) == METADATA_NAME:
            content = item(buffers, entry.scalar(1, "I")).bytes(0)
            break
    else:
        return Metadata()
    root = Table.root(content, b"M001")
    subgraph = next(root.tables(3), None)
    image = next(subgraph.tables(2), None) if subgraph else None
    scores = next(subgraph.tables(3), None) if subgraph else None
    return Metadata(
        name=root.string(0),
        description=root.string(1),
        version=root.string(2),
        author=root.string(4),
        license=root.string(5),
        normalization=_read_normalization(image) if image else None,
        labels_file=_labels_file(scores) if scores else None,
    )


def _read_normalization(tensor: Table) -> Normalization | None:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.scalar(0, "B") == _NORMALIZATION and options:
            return Normalization(mean=options.numbers(0, "f"), std=options.numbers(1, "f"))
    return None


def _labels_file(tensor: Table) -> str | None:
    for file in tensor.tables(6):
        if file.scalar(2, "b") == _AXIS_LABELS:
            return file.string(0)
    return None
