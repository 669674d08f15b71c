"""Keras files are inspected without running them: what is rejected, and that no code of theirs runs."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from mobiclass.inspection.architectures import Convolution
from tests.support.keras_models import write_keras_zip
from tools.errors import KerasFileError
from tools.keras_models.file_inspection import inspect_keras_file

CONV: dict[str, Any] = {"filters": 8, "kernel_size": [3, 3], "strides": [2, 2], "activation": "relu"}


def _model(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"layers": list(layers)}}


def _layer(name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def test_a_plain_model_is_read(tmp_path: Path) -> None:
    nested = {"module": "keras", "class_name": "Functional", "config": {"layers": [_layer("Conv2D", **CONV)]}}
    depthwise = _layer("DepthwiseConv2D", kernel_size=[3, 3], strides=[1, 1])
    file = inspect_keras_file(write_keras_zip(tmp_path / "a.keras", _model(nested, depthwise)))
    assert file.format == "keras"
    assert file.convolutions() == [Convolution(False, 3, 2, 8), Convolution(True, 3, 1, 0)]


@pytest.mark.parametrize(
    "layer",
    [
        _layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}),
        _layer("Activation", activation={"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}),
        {"class_name": "Lambda", "config": {}},
    ],
)
def test_a_lambda_is_refused(tmp_path: Path, layer: dict[str, Any]) -> None:
    path = write_keras_zip(tmp_path / "a.keras", _model(_layer("Conv2D", **CONV), layer))
    with pytest.raises(KerasFileError, match="Lambda layer, whose Python code would run"):
        inspect_keras_file(path)


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (_layer("MyLayer", "my_package"), "my_package.MyLayer"),
        (_layer("Conv2D", "os"), "os.Conv2D"),
        (_layer("Conv2D", "keras.utils"), "keras.utils.Conv2D"),
        (_layer("TextVectorization", vocabulary="/etc/passwd"), "TextVectorization"),
        (_layer("TFSMLayer", filepath="/tmp/evil"), "TFSMLayer"),
        (
            _layer("Activation", activation={"class_name": "function", "config": "get_file", "module": "keras.utils"}),
            "keras.utils.get_file",
        ),
        (
            _layer("Activation", activation={"class_name": "function", "config": "system", "module": "builtins"}),
            "builtins.system",
        ),
        (_layer("TFOpLambda", function="io.write_file"), "TFOpLambda"),
        ({"class_name": ["Conv2D"], "config": {}}, "Conv2D"),
        ({"class_name": "function", "config": {"relu": 1}}, "relu"),
        (dict(_layer("Conv2D", **CONV), registered_name="mine>Conv2D"), "Conv2D"),
    ],
)
def test_what_is_not_on_the_list_is_refused(tmp_path: Path, layer: dict[str, Any], named: str) -> None:
    path = write_keras_zip(tmp_path / "a.keras", _model(layer))
    with pytest.raises(KerasFileError, match=f"needs .*{named}.*, .*could run code"):
        inspect_keras_file(path)


def test_how_it_was_compiled_does_not_matter(tmp_path: Path) -> None:
    config = _model(_layer("Conv2D", **CONV))
    config["compile_config"] = {"loss": {"class_name": "MyLoss", "module": "mine", "config": {}}}
    assert inspect_keras_file(write_keras_zip(tmp_path / "a.keras", config)).config is not None


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("name", ["model.pkl", "model.keras", "model.h5"])
def test_a_pickle_is_never_opened(tmp_path: Path, name: str) -> None:
    path, trace = tmp_path / name, tmp_path / "was_here"
    path.write_bytes(pickle.dumps(_Evil(trace)))
    with pytest.raises(KerasFileError, match="a Python pickle, which runs code"):
        inspect_keras_file(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\x1c\0\0\0TFL3", "already a TFLite model"),
        (b"hello world", "neither a .keras nor an .h5 file"),
        (b"PK\x03\x04 and then nothing", "a damaged .keras file"),
        (b"\x89HDF\r\n\x1a\n and then nothing", "a damaged .h5 file"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    pytest.importorskip("h5py", reason="NOT TESTED: h5py is not installed")
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(KerasFileError, match=reason):
        inspect_keras_file(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(KerasFileError, match=r"nowhere\.keras: there is no such file"):
        inspect_keras_file(tmp_path / "nowhere.keras")
    with pytest.raises(KerasFileError, match="a folder"):
        inspect_keras_file(tmp_path)


@pytest.mark.parametrize("config", ["{", "[]", "[" * 100_000])
def test_a_damaged_description_is_refused(tmp_path: Path, config: str) -> None:
    with pytest.raises(KerasFileError, match="model config"):
        inspect_keras_file(write_keras_zip(tmp_path / "a.keras", config))


def test_a_description_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    layer = '{"config": {"layers": [' * 300 + "]}}" * 300
    for config in (deep, layer):
        try:
            inspect_keras_file(write_keras_zip(tmp_path / "a.keras", config)).layers()
        except KerasFileError as error:
            assert "model config" in str(error)


def test_a_flipped_bit_in_the_weights_is_found(tmp_path: Path) -> None:
    path = write_keras_zip(tmp_path / "a.keras", _model(), weights=bytes(10_000))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(KerasFileError, match="damaged"):
        inspect_keras_file(path)


def test_weights_alone_and_links_to_other_files(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="NOT TESTED: h5py is not installed")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = [1.0]
    assert inspect_keras_file(path).config is None
    with h5py.File(path, "a") as file:
        file["secret"] = h5py.ExternalLink("/etc/other.h5", "/data")
    with pytest.raises(KerasFileError, match="'secret' is a link"):
        inspect_keras_file(path)


def test_a_lambda_in_h5_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="NOT TESTED: h5py is not installed")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(_model({"class_name": "Lambda", "config": {"function": ["4wEA"]}}))
    with pytest.raises(KerasFileError, match="Lambda layer"):
        inspect_keras_file(path)
