"""Changes to a .tflite file, without the `flatbuffers` package: what is new is written in front of the old file.

The old file stays behind, byte for byte, and what nothing points to any more stays in it: a few megabytes of dead
weights at most. Slot numbers follow TFLite's schema.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Final

from mobiclass.errors import ModelError
from mobiclass.tflite.flatbuffer import FlatbufferError, Table
from mobiclass.tflite.flatbuffer_writer import (
    Data,
    NewTable,
    NewTables,
    Number,
    Numbers,
    Old,
    Target,
    Text,
    write_front,
)
from mobiclass.tflite.graph import METADATA_NAME, open_model
from mobiclass.tflite.network import Network, TensorSpec

IDENTIFIER: Final = b"TFL3"

_MODEL: Final = {0: "I", **dict.fromkeys(range(1, 8), "")}
_SUBGRAPH: Final = {**dict.fromkeys(range(5), ""), 5: "i"}
_TENSOR: Final = {0: "", 1: "b", 2: "I", 3: "", 4: "", 5: "B", 6: "", 7: "", 8: "B", 9: ""}
_FORMATS: Final[Mapping[str, Mapping[int, str]]] = {"model": _MODEL, "subgraph": _SUBGRAPH, "tensor": _TENSOR}
"""The fields of the tables that are written anew: the format of a number, or nothing where they point to something."""

_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA, _MODEL_SIGNATURES = 1, 2, 4, 6, 7
_TENSORS, _OUTPUTS, _OPERATORS = 0, 2, 3
_BUFFER_DATA, _BUFFER_OFFSET, _BUFFER_SIZE = 0, 1, 2
_LARGEST_BYTE_CODE: Final = 127
_TYPES: Final = {"float32": 0, "int32": 2, "uint8": 3, "int8": 9}


class ModelEdit:
    """One model that is being changed; `finish` gives the new file."""

    def __init__(self, content: bytes, file: str) -> None:
        """Open the model `content`; `file` names it in messages. A zip behind it is left out.

        Raises:
            ModelError: it is damaged, or has what cannot be carried over.
        """
        self._old = without_zip(content)
        self._file = file
        with open_model(self._old, file) as model:
            self._root = self._copy(model, "model")
            self._codes: list[NewTable | Old] = [Old(code.position) for code in model.tables(_MODEL_CODES)]
            self._buffers: list[NewTable | Old] = []
            for buffer in model.tables(_MODEL_BUFFERS):
                if buffer.scalar(_BUFFER_OFFSET, "Q") > 1 or buffer.scalar(_BUFFER_SIZE, "Q") > 1:
                    raise ModelError(f"{file}: its weights lie outside its graph, and what is moved would lose them")
                self._buffers.append(Old(buffer.position))
            self._metadata: list[NewTable | Old] = [
                Old(entry.position) for entry in model.tables(_MODEL_METADATA) if entry.string(0) != METADATA_NAME
            ]
            subgraphs = list(model.tables(_MODEL_SUBGRAPHS))
            if not subgraphs:
                raise FlatbufferError("no subgraph")
            self._other_subgraphs: list[NewTable | Old] = [Old(each.position) for each in subgraphs[1:]]
            self._subgraph = self._copy(subgraphs[0], "subgraph")
            self._tensors: list[NewTable | Old] = [Old(each.position) for each in subgraphs[0].tables(_TENSORS)]
            self._operators: list[NewTable | Old] = [Old(each.position) for each in subgraphs[0].tables(_OPERATORS)]

    def add_constant(self, name: str, shape: Sequence[int], dtype: str, content: bytes, **quantization: object) -> int:
        """Add a constant, and give its index; see `add_tensor`."""
        self._buffers.append(NewTable({_BUFFER_DATA: Data(content)}))
        return self.add_tensor(name, shape, dtype, buffer=len(self._buffers) - 1, **quantization)  # type: ignore[arg-type]

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        *,
        scales: Sequence[float] = (),
        zero_points: Sequence[int] = (),
        axis: int = 0,
        buffer: int = 0,
    ) -> int:
        """Add a tensor, and give its index.

        Args:
            name: its name.
            shape: its shape.
            dtype: ``float32``, ``int32``, ``uint8`` or ``int8``.
            scales: one, or one for each place along `axis`.
            zero_points: as many.
            axis: see `scales`.
            buffer: that of its constant; 0 for none.
        """
        fields: dict[int, Number | Target] = {0: Numbers("i", shape), 1: Number("b", _TYPES[dtype]), 3: Text(name)}
        if buffer:
            fields[2] = Number("I", buffer)
        if scales:
            parameters: dict[int, Number | Target] = {2: Numbers("f", scales), 3: Numbers("q", zero_points)}
            if len(scales) > 1:
                parameters[6] = Number("i", axis)
            fields[4] = NewTable(parameters)
        self._tensors.append(NewTable(fields))
        return len(self._tensors) - 1

    def add_operator(
        self, code: int, version: int, inputs: Sequence[int], output: int, options: tuple[int, NewTable] | None = None
    ) -> None:
        """Add a builtin operator at the end; `options` are the number of their type, and themselves."""
        self._codes.append(
            NewTable({
                0: Number("b", min(code, _LARGEST_BYTE_CODE)), 2: Number("i", version), 3: Number("i", code),
            })
        )  # fmt: skip
        fields: dict[int, Number | Target] = {
            0: Number("I", len(self._codes) - 1), 1: Numbers("i", inputs), 2: Numbers("i", [output]),
        }  # fmt: skip
        if options:
            fields[3], fields[4] = Number("B", options[0]), options[1]
        self._operators.append(NewTable(fields))

    def keep_operators(self, places: Sequence[int]) -> None:
        """Keep only the operators at `places`."""
        self._operators = [self._operators[place] for place in places]

    def set_outputs(self, tensors: Sequence[int]) -> None:
        """Let the model give the values of `tensors`; signatures, which name others, go."""
        self._subgraph.fields[_OUTPUTS] = Numbers("i", tensors)
        self._root.fields.pop(_MODEL_SIGNATURES, None)

    def set_metadata(self, content: bytes) -> None:
        """Give the model TFLite Metadata, instead of any that it has."""
        self._buffers.append(NewTable({_BUFFER_DATA: Data(content)}))
        self._metadata.append(NewTable({0: Text(METADATA_NAME), 1: Number("I", len(self._buffers) - 1)}))

    def set_description(self, text: str) -> None:
        """Describe the model in the file itself."""
        self._root.fields[3] = Text(text)

    def finish(self) -> bytes:
        """Write the model."""
        self._subgraph.fields[_TENSORS] = NewTables(self._tensors)
        self._subgraph.fields[_OPERATORS] = NewTables(self._operators)
        self._root.fields[_MODEL_CODES] = NewTables(self._codes)
        self._root.fields[_MODEL_BUFFERS] = NewTables(self._buffers)
        self._root.fields[_MODEL_SUBGRAPHS] = NewTables([self._subgraph, *self._other_subgraphs])
        self._root.fields.pop(_MODEL_METADATA, None)
        if self._metadata:
            self._root.fields[_MODEL_METADATA] = NewTables(self._metadata)
        return write_front(self._root, IDENTIFIER, self._old)

    def _copy(self, table: Table, kind: str) -> NewTable:
        """Copy a table's own fields; what they point to stays where it is."""
        formats = _FORMATS[kind]
        fields: dict[int, Number | Target] = {}
        for slot in table.slots:
            if slot not in formats:
                raise ModelError(
                    f"{self._file}: its {kind} has a field (slot {slot}) that is too new to be carried over"
                )
            if formats[slot]:
                fields[slot] = Number(formats[slot], table.scalar(slot, formats[slot]))
            elif (target := table.target(slot)) is not None:
                fields[slot] = Old(target)
        return NewTable(fields)


def with_extra_output(content: bytes, tensor: int, file: str = "model") -> bytes:
    """Give the same model with one more output, the tensor of that index; a zip behind it is left out.

    Raises:
        ModelError: the model is damaged, or has no such tensor.
    """
    with open_model(content, file) as model:
        subgraph = next(model.tables(_MODEL_SUBGRAPHS), None)
        if subgraph is None or not 0 <= tensor < len(list(subgraph.tables(_TENSORS))):
            raise ModelError(f"{file}: it has no tensor {tensor}")
        outputs = subgraph.integers(_OUTPUTS)
    edit = ModelEdit(content, file)
    edit.set_outputs([*outputs, tensor])
    return edit.finish()


def tensor_spec(content: bytes, tensor: int, file: str) -> TensorSpec:
    """Describe a tensor of the main subgraph.

    Raises:
        ModelError: the model is damaged, or has no such tensor.
    """
    with open_model(content, file) as model:
        return Network(model).spec(tensor)


def without_zip(content: bytes) -> bytes:
    """Give the model's own bytes, without a zip that is appended to it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return content[: min([archive.start_dir, *(info.header_offset for info in archive.infolist())])]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return content
