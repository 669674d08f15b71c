"""Reads the weights of a torch checkpoint of the legacy format (before torch 1.6) without torch.

It reads a state dict: names and dense CPU tensors. It never runs code from the file (a hostile file can still waste
time: check the hash of files you do not trust). It supports neither pickled modules nor the zip format of later torch
versions.

A legacy file is five pickles (magic number, protocol version, system info, the state dict with references to
storages, the list of storage keys), then for every key an int64 element count and the raw elements.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import warnings
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.errors import CheckpointError

_MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION: Final = 1001
_COUNT_BYTES: Final = 8
_MAX_DIMENSIONS: Final = 8


class _StorageType(NamedTuple):
    dtype: np.dtype[Any]


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    elements: int


class _TensorReference(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _StateDict(dict[Any, Any]):
    """Replaces `collections.OrderedDict`; the attributes that torch sets on it are dropped."""

    def __setstate__(self, state: object) -> None:
        """Ignore the pickled attributes, which could shadow methods of this object."""


class _NewStateDict:
    """Creates a `_StateDict`. An instance without attributes, so that no pickle can modify it for the next one."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _StateDict:
        return _StateDict(*arguments)


class _NewTensorReference:
    """Replaces `torch._utils._rebuild_tensor_v2`, and only records what the tensor should be."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _TensorReference:
        if len(arguments) not in (6, 7) or not isinstance(arguments[0], _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        storage, offset, shape, strides = arguments[:4]
        if not (_are_counts((offset,)) and _are_counts(shape) and _are_counts(strides)):
            raise pickle.UnpicklingError("a tensor whose offset, shape or strides are not counts")
        return _TensorReference(storage, offset, shape, strides)


_ALLOWED_GLOBALS: Final[dict[tuple[str, str], object]] = {
    ("collections", "OrderedDict"): _NewStateDict(),
    ("torch._utils", "_rebuild_tensor_v2"): _NewTensorReference(),
    ("torch", "DoubleStorage"): _StorageType(np.dtype("<f8")),
    ("torch", "FloatStorage"): _StorageType(np.dtype("<f4")),
    ("torch", "HalfStorage"): _StorageType(np.dtype("<f2")),
    ("torch", "LongStorage"): _StorageType(np.dtype("<i8")),
    ("torch", "IntStorage"): _StorageType(np.dtype("<i4")),
    ("torch", "ShortStorage"): _StorageType(np.dtype("<i2")),
    ("torch", "CharStorage"): _StorageType(np.dtype("i1")),
    ("torch", "ByteStorage"): _StorageType(np.dtype("u1")),
    ("torch", "BoolStorage"): _StorageType(np.dtype("?")),
}

# The opcodes of state dicts in pickle protocols 2 to 5. Excluded are those that instantiate classes (INST, OBJ,
# NEWOBJ), those that use copyreg (EXT), and the text forms of protocol 0.
_ALLOWED_OPCODES: Final = frozenset(
    (
        "PROTO", "FRAME", "STOP", "MARK", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID",
        "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE",
        "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS",
        "EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET",
    )
)  # fmt: skip

# The exceptions that unpickling a damaged stream may raise.
_UNPICKLING_ERRORS: Final = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class _AllowListUnpickler(pickle.Unpickler):
    """Resolves the globals of `_ALLOWED_GLOBALS` to inert replacements, and rejects all others."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED_GLOBALS[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it requests {module_name}.{global_name}, which no checkpoint of plain weights needs"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) == 6 and pid[0] == "storage"):
            raise pickle.UnpicklingError("a reference to something other than a storage")
        _, storage_type, key, _location, elements, view = pid
        if not (isinstance(storage_type, _StorageType) and isinstance(key, str) and _are_counts((elements,))):
            raise pickle.UnpicklingError("a storage without a known type, a key or a length")
        if view is not None:
            raise pickle.UnpicklingError(f"storage {key} is a view of another one, which is not supported")
        return _Storage(key, storage_type.dtype, elements)


def parse_checkpoint(content: bytes, *, name: str = "checkpoint") -> dict[str, npt.NDArray[Any]]:
    """Read the tensors of the checkpoint whose bytes are `content`, by name, in file order.

    Args:
        content: the bytes of the file.
        name: its name, for messages.

    Returns:
        An array for each name (C order, no shared memory), with the shape and dtype in the file.

    Raises:
        CheckpointError: the content is in another format, damaged, or would run code.
    """
    if content.startswith(b"PK\x03\x04"):
        raise CheckpointError(f"{name}: is in the zip format of torch 1.6 and later; only the older one is supported")
    stream = io.BytesIO(content)
    try:
        _read_header(stream)
        state = _unpickle(stream)
        keys = _unpickle(stream)
        references = _references(state)
        storages = _read_storages(stream, references, keys)
        return {tensor: _materialize(reference, storages) for tensor, reference in references.items()}
    except _UNPICKLING_ERRORS as error:
        reason = str(error) or type(error).__name__
        raise CheckpointError(f"{name}: is not a readable torch checkpoint: {reason}") from error


def _read_header(stream: io.BytesIO) -> None:
    magic_number = _unpickle(stream)
    if magic_number != _MAGIC_NUMBER:
        raise pickle.UnpicklingError("it does not start with torch's magic number")
    version = _unpickle(stream)
    if version != _PROTOCOL_VERSION:
        raise pickle.UnpicklingError(f"protocol version {version!r} instead of {_PROTOCOL_VERSION}")
    system = _unpickle(stream)
    if not (isinstance(system, dict) and system.get("little_endian") is True):
        raise pickle.UnpicklingError("it was not written on a little-endian machine")


def _unpickle(stream: io.BytesIO) -> Any:
    """Unpickle the next object after checking every opcode."""
    start = stream.tell()
    memo_limit = stream.getbuffer().nbytes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in strings that will be rejected anyway
        for opcode, argument, position in pickletools.genops(stream):
            if opcode.name not in _ALLOWED_OPCODES:
                raise pickle.UnpicklingError(f"pickle opcode {opcode.name} at byte {position}")
            # The unpickler's memo is an array: a huge index would make it allocate gigabytes.
            if opcode.name in ("BINPUT", "LONG_BINPUT") and (argument or 0) > memo_limit:
                raise pickle.UnpicklingError(f"pickle memo index {argument} at byte {position}")
    end = stream.tell()
    return _AllowListUnpickler(io.BytesIO(stream.getvalue()[start:end])).load()


def _references(state: object) -> dict[str, _TensorReference]:
    if not isinstance(state, dict):
        raise pickle.UnpicklingError(f"it contains a {type(state).__name__}, not a state dict")
    for name, value in state.items():
        if not (isinstance(name, str) and isinstance(value, _TensorReference)):
            raise pickle.UnpicklingError(f"its entry {str(name)[:80]!r} is not a tensor")
    return dict(state)


def _read_storages(
    stream: io.BytesIO, references: dict[str, _TensorReference], keys: object
) -> dict[str, npt.NDArray[Any]]:
    """Read the raw storages in the order of `keys`; their lengths must match the state dict."""
    expected: dict[str, _Storage] = {}
    for reference in references.values():
        storage = reference.storage
        if expected.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError(f"storage {storage.key} is described in two ways")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise pickle.UnpicklingError("its list of storage keys is not a list of strings")
    if len(keys) != len(expected) or set(keys) != set(expected):
        raise pickle.UnpicklingError("its list of storage keys is not that of the state dict")
    storages = {key: _read_storage(stream, expected[key]) for key in keys}
    if stream.read(1):
        raise pickle.UnpicklingError("there are bytes after the last storage")
    return storages


def _read_storage(stream: io.BytesIO, storage: _Storage) -> npt.NDArray[Any]:
    count = stream.read(_COUNT_BYTES)
    if len(count) < _COUNT_BYTES:
        raise pickle.UnpicklingError(f"it ends before storage {storage.key}")
    elements = int.from_bytes(count, "little", signed=True)
    if elements != storage.elements:
        raise pickle.UnpicklingError(f"storage {storage.key} has {elements} elements, not {storage.elements}")
    # BytesIO returns at most what is left, so a huge length costs nothing before the comparison.
    raw = stream.read(elements * storage.dtype.itemsize)
    if len(raw) != elements * storage.dtype.itemsize:
        raise pickle.UnpicklingError(f"it ends inside storage {storage.key}")
    return np.frombuffer(raw, dtype=storage.dtype)


def _materialize(reference: _TensorReference, storages: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Copy a tensor out of its storage after checking its bounds."""
    storage = storages[reference.storage.key]
    shape, strides = reference.shape, reference.strides
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise pickle.UnpicklingError(f"a tensor of shape {shape!r} with strides {strides!r}")
    elements = math.prod(shape)
    last = reference.offset + sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
    # A tensor may not be larger than its storage: strides of 0 would expand a byte to any size.
    if elements > storage.size or reference.offset > storage.size or (elements and last >= storage.size):
        raise pickle.UnpicklingError(f"a tensor of shape {shape!r} reaches outside its {storage.size} elements")
    byte_strides = [stride * storage.itemsize for stride in strides]
    if not elements:
        return np.empty(shape, dtype=storage.dtype)
    view = np.lib.stride_tricks.as_strided(storage[reference.offset :], shape=shape, strides=byte_strides)
    return np.array(view, order="C", copy=True)


def _are_counts(values: object) -> bool:
    return isinstance(values, tuple) and all(type(value) is int and value >= 0 for value in values)
