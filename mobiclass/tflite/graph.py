"""What stands in a .tflite file, read straight from its FlatBuffers: graph, TFLite Metadata, appended zip.

It loads no runtime; what the facts mean for a classifier is `mobiclass.tflite.info`'s business. Slot numbers follow the
schema of TFLite (identifier ``TFL3``).
"""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass.errors import ModelError
from mobiclass.tflite.flatbuffer import FlatbufferError, Table
from mobiclass.tflite.metadata import Metadata, read_metadata
from mobiclass.tflite.network import KEEPS_VALUES, Folded, Head, Network, Operator, TensorSpec

if TYPE_CHECKING:
    import zipfile

EDGETPU_CUSTOM_OP: Final = "edgetpu-custom-op"
METADATA_NAME: Final = "TFLITE_METADATA"

_MAX_WEIGHTS: Final = 1 << 16  # 64 filters of 7×7 have 9,408
_LAYERS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MEAN", "CUSTOM")
_BEFORE_ARITHMETIC: Final = KEEPS_VALUES | {
    "CAST", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "STRIDED_SLICE",
}  # fmt: skip
_IMAGE_RANK: Final = 4
_ROW_RANK: Final = 2
_MAX_OUTPUTS: Final = 256  # to look at; detectors have four, and a hostile file a million
_MAX_TEXT_BYTES: Final = 4 << 20
_ZIP_BEGINS: Final = (b"PK\x03\x04\x14\0", b"PK\x03\x04\x0a\0")  # with the version, too long to be there by chance
_MAX_MEMBER_BYTES: Final = 16 << 20  # a label list is some kilobytes; a zip bomb is not


class Output(NamedTuple):
    """A tensor that the graph gives.

    Attributes:
        tensor: its description.
        names: the names that it goes by: its own, and those of the signatures.
        head: what computes its values, as far as the graph tells.
    """

    tensor: TensorSpec
    names: tuple[str, ...]
    head: Head


class Graph(NamedTuple):
    """The main subgraph from outside.

    Attributes:
        inputs: the tensors that it takes.
        unflattened: an only input of one row of values, as the graph reshapes it first.
        outputs: the tensors that it gives.
        custom_ops: the names of the custom operators in it, each once.
        folded: the arithmetic with constants that an only input of four dimensions goes through first, by the
            dimension that its channels are taken to be.
        first_gain: the most that most filters of the first convolution can make of floats from −1 to 1.
        metadata: the TFLite Metadata.
        descriptions: texts that describe the model in the file itself, with the name of the place.
    """

    inputs: tuple[TensorSpec, ...]
    unflattened: TensorSpec | None
    outputs: tuple[Output, ...]
    custom_ops: tuple[str, ...]
    folded: Mapping[int, Folded | None]
    first_gain: float | None
    metadata: Metadata
    descriptions: tuple[tuple[str, str], ...]


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


def read_zip_members(
    content: bytes, file: str, names: Collection[str] | None = None, *, most_bytes: int = _MAX_MEMBER_BYTES
) -> dict[str, bytes]:
    """Read those of `names` that the zip appended to the model holds, or all; ``{}`` where there is no zip.

    Together they may be no more than `most_bytes` longer than the file is: a zip bomb is.

    Raises:
        ModelError: the zip is damaged, encrypted, or a member is unreasonably large.
    """
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            members = {info.filename: info for info in listed if names is None or info.filename in names}
            left = len(content) + most_bytes
            for name, info in members.items():
                left -= info.file_size
                if left < 0:
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
        return member.read(info.file_size)


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
    network = Network(model)
    for operator in network.operators:
        if operator.name == "QUANTIZE":
            for tensor in (*operator.inputs, *operator.outputs):
                network.spec(tensor)  # which checks it: of an impossible zero point here, LiteRT crashes
    inputs = tuple(map(network.spec, network.inputs))
    rows = max(1, inputs[0].shape[0]) if inputs and len(inputs[0].shape) == _IMAGE_RANK else 1
    names = _signature_names(model)
    metadata, descriptions = _read_metadata(model, network)
    return Graph(
        inputs=inputs,
        unflattened=_unflattened(network),
        outputs=tuple(_output(network, tensor, rows, names) for tensor in network.outputs[:_MAX_OUTPUTS]),
        custom_ops=network.custom_ops,
        folded=_folded(network),
        first_gain=_first_gain(network),
        metadata=metadata,
        descriptions=descriptions,
    )


def _folded(network: Network) -> dict[int, Folded | None]:
    """Fold what an image goes through first; most models begin with a layer, and then nothing is loaded for it."""
    if len(network.inputs) != 1 or len(network.spec(network.inputs[0]).shape) != _IMAGE_RANK:
        return {}
    first = _first_operators(network)
    if not first or all(operator.name in _LAYERS for operator in first):
        return {}
    from mobiclass.tflite.normalization import fold_normalization

    return {axis: fold_normalization(network, network.inputs[0], axis) for axis in (3, 1)}


def _first_operators(network: Network) -> list[Operator]:
    """Find what reads the image, requantizing and the like aside."""
    consumers = network.consumers(network.inputs[0])
    for _ in network.operators:  # a damaged graph may run in a circle
        if len(consumers) != 1 or not consumers[0].outputs or consumers[0].name not in _BEFORE_ARITHMETIC:
            break
        consumers = network.consumers(consumers[0].outputs[0])
    return consumers


def _first_gain(network: Network) -> float | None:
    """Add up each filter's absolute weights in the convolutions that read an image of floats; a large sum of these."""
    if len(network.inputs) != 1 or not network.spec(network.inputs[0]).dtype.startswith("float"):
        return None
    first = _first_operators(network)
    if len(first) == 1 and first[0].name == "PAD" and first[0].outputs:
        first = network.consumers(first[0].outputs[0])
    sums: list[float] = []
    for operator in first:
        if operator.name != "CONV_2D" or len(operator.inputs) < 2:
            return None
        weights = network.constant(operator.inputs[1], _MAX_WEIGHTS)
        filters = network.spec(operator.inputs[1]).shape[:1]
        if not weights or not filters or filters[0] < 1 or len(weights) % filters[0]:
            return None
        size = len(weights) // filters[0]
        sums += [sum(map(abs, weights[start : start + size])) for start in range(0, len(weights), size)]
    # The third quartile: in trained networks some filters are dead, and a few are much larger than the others.
    return sorted(sums)[len(sums) * 3 // 4] if sums else None


def _unflattened(network: Network) -> TensorSpec | None:
    """Describe the image that a graph makes of one row of values."""
    if len(network.inputs) != 1 or len(network.spec(network.inputs[0]).shape) > _ROW_RANK:
        return None
    consumers = network.consumers(network.inputs[0])
    if len(consumers) != 1 or consumers[0].name != "RESHAPE" or len(consumers[0].outputs) != 1:
        return None
    row, image = network.spec(network.inputs[0]), network.spec(consumers[0].outputs[0])
    return image if len(image.shape) == _IMAGE_RANK and image.values == row.values else None


def _output(network: Network, tensor: int, rows: int, signatures: Mapping[int, list[str]]) -> Output:
    spec = network.spec(tensor)
    names = (spec.name, *signatures.get(tensor, ()))
    return Output(spec, tuple(dict.fromkeys(filter(None, names))), _head(network, tensor, rows))


def _head(network: Network, tensor: int, rows: int) -> Head:
    maker = network.maker(tensor)
    if rows == 1 and maker is not None and maker.name == "SOFTMAX":  # most models, which then need no tracer
        return Head("SOFTMAX", "probabilities", "graph: SOFTMAX")
    from mobiclass.tflite.tracing import trace_output

    return trace_output(network, tensor, rows)


def _signature_names(model: Table) -> Mapping[int, list[str]]:
    """Read what the signatures of the main subgraph call its outputs, by tensor."""
    names = defaultdict(list)
    for signature in model.tables(7):
        if signature.scalar(4, "I") == 0:
            for output in signature.tables(1):
                names[output.scalar(1, "I")].append(output.string(0) or "")
    return names


def _read_metadata(model: Table, network: Network) -> tuple[Metadata, tuple[tuple[str, str], ...]]:
    """Read the TFLite Metadata, and what else in the file describes it."""
    metadata, texts = Metadata(), [("description", model.string(3) or "")]
    for entry in model.tables(6):
        name, content = entry.string(0) or "", network.buffer(entry.scalar(1, "I"))
        if name == METADATA_NAME and metadata == Metadata():
            metadata = read_metadata(content)
            texts.append(("TFLite Metadata", metadata.description or ""))
        elif bytes(content[:1]) == b"{":
            texts.append((name, bytes(content[:_MAX_TEXT_BYTES]).decode("utf-8", errors="replace")))
    return metadata, tuple((name, text) for name, text in texts if text.lstrip().startswith("{"))
