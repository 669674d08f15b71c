"""The layers of a .tflite: its operators in execution order, with their options and tensors.

Read from the file alone, as `mobiclass.tflite` reads the graph from outside; slot numbers follow TFLite's schema. It
copies no weights, counts nothing and judges nothing: that is for `costs` and what stands above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from mobiclass.tflite import FlatbufferError, Table, item, open_model, operator_code_name, tensor_dtype

Activation: TypeAlias = Literal["", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit"]

_ACTIVATIONS: Final[tuple[Activation, ...]] = ("", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")
_CONVOLUTIONS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_MAX_PARTS: Final = 100_000  # real models have thousands; a hostile file may claim one for every four of its bytes
_MAX_RANK: Final = 16  # the runtimes stop at 8
_MAX_VALUES: Final = 2**63  # no tensor of any machine holds more

# For each table of options (by its number in BuiltinOptions) the slot of each option, its format and its default.
_SPATIAL: Final = {"stride_width": (1, "i", 1), "stride_height": (2, "i", 1)}
_OPTIONS: Final[dict[int, dict[str, tuple[int, str, int]]]] = {
    1: {**_SPATIAL, "activation": (3, "b", 0), "dilation_width": (4, "i", 1), "dilation_height": (5, "i", 1)},
    2: {
        **_SPATIAL, "depth_multiplier": (3, "i", 0), "activation": (4, "b", 0),
        "dilation_width": (5, "i", 1), "dilation_height": (6, "i", 1),
    },
    5: {**_SPATIAL, "filter_width": (3, "i", 0), "filter_height": (4, "i", 0), "activation": (5, "b", 0)},
    8: {"activation": (0, "b", 0), "weights_format": (1, "b", 0)},
    10: {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    11: {"activation": (0, "b", 0)},
    12: {"activation": (0, "b", 0)},
    21: {"activation": (0, "b", 0)},
    28: {"activation": (0, "b", 0)},
    29: {"activation": (0, "b", 0)},
    49: {**_SPATIAL, "activation": (3, "b", 0)},
    59: {"axis": (1, "i", 0)},
    101: {"adjoint_left": (0, "B", 0)},
}  # fmt: skip


class LayerTensor(NamedTuple):
    """A tensor as a layer reads or writes it.

    Attributes:
        number: its place among the subgraph's tensors.
        name: its name in the file.
        shape: its dimensions; −1 where one is not known before the model runs.
        dtype: NumPy's name of its type, or TFLite's.
        scales: of its quantization: none, one, or one per channel.
        zero_points: as many.
        buffer: the buffer that holds its values, if it is a constant; else ``None``.
        content: these bytes as they are stored; empty for what is no constant, or lies outside the FlatBuffers.
        stored_bytes: their number.
    """

    number: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    buffer: int | None
    content: memoryview
    stored_bytes: int

    @property
    def constant(self) -> bool:
        """Whether its values are stored in the file."""
        return self.buffer is not None

    @property
    def static(self) -> bool:
        """Whether its shape is known before the model runs."""
        return min(self.shape, default=0) >= 0

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return len(self.scales) > 1


class LayerOptions(NamedTuple):
    """What an operator's options say; the fields that its kind of operator does not have keep their defaults."""

    stride_height: int = 1
    stride_width: int = 1
    dilation_height: int = 1
    dilation_width: int = 1
    filter_height: int = 0
    filter_width: int = 0
    depth_multiplier: int = 0
    weights_format: int = 0
    axis: int = 0
    adjoint_left: bool = False
    activation: Activation = ""


class Layer(NamedTuple):
    """One operator.

    Attributes:
        operator: its name in the schema; of a custom one, ``CUSTOM``.
        custom_name: the name of a custom operator, else ``""``.
        inputs: the tensors that it reads; ``None`` for an optional one that is left out.
        outputs: the tensors that it writes.
        options: its options.
        custom_options: those of a custom operator, in a form of its own.
    """

    operator: str
    custom_name: str
    inputs: tuple[LayerTensor | None, ...]
    outputs: tuple[LayerTensor, ...]
    options: LayerOptions
    custom_options: memoryview

    @property
    def name(self) -> str:
        """The operator's own name, custom or not."""
        return self.custom_name or self.operator

    @property
    def kernel(self) -> tuple[int, int] | None:
        """Height and width of the window that slides over an image, if one does."""
        if self.options.filter_height:
            return self.options.filter_height, self.options.filter_width
        weights = self.input(1)
        if self.operator not in _CONVOLUTIONS or weights is None or len(weights.shape) != 4:
            return None
        return weights.shape[1], weights.shape[2]

    def input(self, place: int) -> LayerTensor | None:
        return self.inputs[place] if place < len(self.inputs) else None

    @property
    def tensors(self) -> tuple[LayerTensor, ...]:
        """All that it reads and writes."""
        return (*(tensor for tensor in self.inputs if tensor is not None), *self.outputs)


class Subgraph(NamedTuple):
    """Layers in execution order, and the input and output tensors."""

    layers: tuple[Layer, ...]
    inputs: tuple[LayerTensor, ...]
    outputs: tuple[LayerTensor, ...]


def read_subgraphs(content: bytes, file: str) -> tuple[Subgraph, ...]:
    """Read the model `content`; `file` names it in messages.

    Returns:
        The subgraphs, at least one. The first is the model; others are run by its control flow.

    Raises:
        ModelError: the bytes are no TFLite model, or a damaged one.
    """
    with open_model(content, file) as model:
        return _Reader(model, len(content)).subgraphs()


class _Buffer(NamedTuple):
    content: memoryview
    stored_bytes: int


class _Reader:
    """Reads the parts of one model that its subgraphs share."""

    def __init__(self, model: Table, file_bytes: int) -> None:
        codes = list(model.tables(1))
        self._names = [operator_code_name(code) for code in codes]
        self._custom_names = [code.string(1) or "" for code in codes]
        self._parts_left = _MAX_PARTS
        self._buffers = [self._buffer(table, file_bytes) for table in self._parts(model, 4)]
        self._model = model

    def subgraphs(self) -> tuple[Subgraph, ...]:
        subgraphs = tuple(self._subgraph(table) for table in self._parts(self._model, 2))
        if not subgraphs:
            raise FlatbufferError("no subgraph")
        return subgraphs

    def _parts(self, table: Table, slot: int) -> Iterator[Table]:
        for part in table.tables(slot):
            self._parts_left -= 1
            if self._parts_left < 0:
                raise FlatbufferError(f"more than {_MAX_PARTS} tensors and operators")
            yield part

    @staticmethod
    def _buffer(table: Table, file_bytes: int) -> _Buffer:
        content = table.bytes(0)
        # What does not fit into 2 GB of FlatBuffers stands behind them; offsets of 0 and 1 mean that nothing does.
        offset, size = table.scalar(1, "Q"), table.scalar(2, "Q")
        if offset > 1:
            if offset + size > file_bytes:
                raise FlatbufferError(f"a buffer of {size} bytes at byte {offset} runs past the end")
            return _Buffer(content, size)
        return _Buffer(content, len(content))

    def _subgraph(self, table: Table) -> Subgraph:
        tensors = [self._tensor(number, tensor) for number, tensor in enumerate(self._parts(table, 0))]
        return Subgraph(
            layers=tuple(self._layer(operator, tensors) for operator in self._parts(table, 3)),
            inputs=tuple(item(tensors, index) for index in table.integers(1)),
            outputs=tuple(item(tensors, index) for index in table.integers(2)),
        )

    def _tensor(self, number: int, table: Table) -> LayerTensor:
        shape = table.integers(0)
        # A dynamic batch alone is no hindrance: the runtimes take it as the 1 that the shape says.
        signature = table.integers(7)
        if len(signature) == len(shape):
            sides = [-1 if wild < 0 else side for side, wild in zip(shape, signature, strict=True)]
            shape = (*shape[:1], *sides[1:])
        if len(shape) > _MAX_RANK or abs(prod(shape)) > _MAX_VALUES:
            raise FlatbufferError(f"a tensor of {len(shape)} dimensions that no machine could hold")
        place = table.scalar(2, "I")  # that of the buffer; the first one is always empty
        buffer = item(self._buffers, place) if place else _Buffer(memoryview(b""), 0)
        quantization = table.table(4)
        return LayerTensor(
            number=number,
            name=table.string(3) or "",
            shape=shape,
            dtype=tensor_dtype(table),
            scales=quantization.numbers(2, "f") if quantization else (),
            zero_points=quantization.integers(3, "q") if quantization else (),
            buffer=place if buffer.stored_bytes else None,
            content=buffer.content,
            stored_bytes=buffer.stored_bytes,
        )

    def _layer(self, table: Table, tensors: Sequence[LayerTensor]) -> Layer:
        code = table.scalar(0, "I")
        name = item(self._names, code)
        return Layer(
            operator=name,
            custom_name=item(self._custom_names, code) if name == "CUSTOM" else "",
            inputs=tuple(None if index == -1 else item(tensors, index) for index in table.integers(1)),
            outputs=tuple(item(tensors, index) for index in table.integers(2)),
            options=_options(table),
            custom_options=table.bytes(5),
        )


def _options(operator: Table) -> LayerOptions:
    slots = _OPTIONS.get(operator.scalar(3, "B"), {})
    options = operator.table(4) if slots else None
    if options is None:
        return LayerOptions()
    values: dict[str, Any] = {name: options.scalar(slot, fmt, default) for name, (slot, fmt, default) in slots.items()}
    if (number := values.get("activation")) is not None:
        values["activation"] = item(_ACTIVATIONS, number)
    if "adjoint_left" in values:
        values["adjoint_left"] = bool(values["adjoint_left"])
    return LayerOptions(**values)
