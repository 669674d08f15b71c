"""Inspects a Keras file without Keras: its format, its layers, and whether loading it would run code.

Layers and functions are checked against allow-lists of what image classifiers consist of; anything else (a Lambda, a
custom class, any other function that a file may name) is rejected. It builds and loads nothing.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from mobiclass.inspection import Convolution
from tools.errors import KerasFileError

_MAX_CONFIG_BYTES: Final = 64 << 20
_MAX_WEIGHT_BYTES: Final = 4 << 30
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"

_MODELS: Final = {"Functional", "Model", "Sequential"}
_LAYERS: Final = {
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "CenterCrop", "Concatenate", "Conv2D",
    "Convolution2D", "Cropping2D", "Dense", "DepthwiseConv2D", "Dropout", "ELU", "Flatten", "GaussianDropout",
    "GaussianNoise", "GlobalAveragePooling2D", "GlobalAvgPool2D", "GlobalMaxPooling2D", "Identity", "InputLayer",
    "LayerNormalization", "LeakyReLU", "MaxPooling2D", "Maximum", "Minimum", "Multiply", "Normalization", "PReLU",
    "Permute", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation",
    "RandomZoom", "ReLU", "Rescaling", "Reshape", "Resizing", "SeparableConv2D", "SlicingOpLambda", "Softmax",
    "SpatialDropout2D", "Subtract", "TFOpLambda", "ThresholdedReLU", "UpSampling2D", "ZeroPadding2D",
}  # fmt: skip
_OPERATIONS: Final = {"Divide", "GetItem", "Mean", "Power", "Relu", "Relu6", "Sigmoid", "TrueDivide"}
_VALUES: Final = {
    "Constant", "DTypePolicy", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "L1", "L1L2", "L2",
    "LecunNormal", "LecunUniform", "MaxNorm", "MinMaxNorm", "NonNeg", "Ones", "Policy", "RandomNormal",
    "RandomUniform", "TruncatedNormal", "UnitNorm", "VarianceScaling", "Zeros", "__keras_tensor__", "__tensor__",
    "__numpy__", "__slice__", "__ellipsis__", "TensorShape",
}  # fmt: skip
_FUNCTIONS: Final = {
    "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "leaky_relu", "linear", "log_softmax",
    "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh",
}  # fmt: skip
_TF_FUNCTIONS: Final = {
    "__operators__.add", "__operators__.getitem", "cast", "clip_by_value", "compat.v1.nn.relu6", "identity",
    "image.resize", "math.add", "math.divide", "math.multiply", "math.reduce_mean", "math.subtract", "math.truediv",
    "nn.relu", "nn.relu6", "nn.silu", "nn.softmax", "reshape", "split", "squeeze",
}  # fmt: skip
_PACKAGES: Final = {
    "activations", "constraints", "dtype_policies", "engine", "initializers", "layers", "mixed_precision", "models",
    "ops", "regularizers",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KerasFile:
    """The contents of a Keras file, without its weights.

    Attributes:
        path: its path.
        format: ``keras`` (a zip) or ``h5``.
        config: the serialized model; ``None`` if the file contains only weights.
    """

    path: Path
    format: Literal["keras", "h5"]
    config: dict[str, Any] | None

    def layers(self) -> list[dict[str, Any]]:
        """List the layers, including those of nested models."""
        return list(_flatten(self.config)) if self.config else []

    def convolutions(self) -> list[Convolution]:
        """List the convolutions in file order, for matching architectures."""
        return [found for layer in self.layers() if (found := _convolution(layer)) is not None]


def inspect_keras_file(path: Path) -> KerasFile:
    """Inspect the file at `path`, and require that loading it cannot run code.

    Raises:
        KerasFileError: it is missing, damaged, in another format, or could run code.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError as error:
        raise KerasFileError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise KerasFileError(f"{path}: a folder (a SavedModel?); save the model as .keras and use that") from error
    except OSError as error:
        raise KerasFileError(f"{path}: cannot be read ({error.strerror})") from error
    if head.startswith(b"PK\x03\x04"):
        found = _inspect_zip(path)
    elif head == b"\x89HDF\r\n\x1a\n":
        found = _inspect_h5(path)
    else:
        raise KerasFileError(f"{path}: {_describe_other_file(head)}")
    if found.config is not None:
        try:
            _refuse_code(found.config, path)
        except RecursionError as error:
            raise KerasFileError(f"{path}: its model config is nested too deeply") from error
    return found


def _describe_other_file(head: bytes) -> str:
    if head[:1] == b"\x80":
        return "a Python pickle, which runs code when loaded; it is never opened. Save the model as .keras"
    if head[4:8] == b"TFL3":
        return "already a TFLite model; use the Keras file that it was made from"
    if not head:
        return "the file is empty; copy it again"
    return "neither a .keras nor an .h5 file; save the model with model.save('model.keras')"


def _inspect_zip(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if _CONFIG not in names:
                pickled = "; it contains a pickle (torch?)" if any("pkl" in name for name in names) else ""
                raise KerasFileError(f"{path}: a zip without {_CONFIG}, not a .keras file{pickled}")
            if _WEIGHTS not in names:
                raise KerasFileError(f"{path}: has no {_WEIGHTS}; it is truncated, or was saved without weights")
            if archive.getinfo(_WEIGHTS).file_size > _MAX_WEIGHT_BYTES:
                raise KerasFileError(f"{path}: its weights are too large: {archive.getinfo(_WEIGHTS).file_size} bytes")
            if (damaged := archive.testzip()) is not None:
                raise KerasFileError(f"{path}: its member {damaged} is damaged; copy it again")
            config = _parse(_member(archive, _CONFIG, path), path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise KerasFileError(f"{path}: a damaged .keras file ({error}); copy it again") from error
    return KerasFile(path, "keras", config)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    with archive.open(name) as member:
        content = member.read(_MAX_CONFIG_BYTES + 1)
    if len(content) > _MAX_CONFIG_BYTES:
        raise KerasFileError(f"{path}: {name} is too large")
    return content


def _inspect_h5(path: Path) -> KerasFile:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            _refuse_links(file, path)
            config = file.attrs.get("model_config")
            parsed = _parse(_text(config).encode(), path) if config is not None else None
    except (OSError, RuntimeError, KeyError, ValueError, UnicodeDecodeError) as error:
        raise KerasFileError(f"{path}: a damaged .h5 file ({error}); copy it again") from error
    return KerasFile(path, "h5", parsed)


def _refuse_links(group: Any, path: Path) -> None:
    """Reject links and datasets that would read other files of this machine."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise KerasFileError(f"{path}: {name!r} is a link; a Keras file must contain its own weights")
        item = group[name]
        if isinstance(item, h5py.Group):
            _refuse_links(item, path)
        elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            raise KerasFileError(f"{path}: {name!r} is in another file; a Keras file must contain its own weights")


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise KerasFileError(f"{path}: its model config is damaged ({error})") from error
    if not isinstance(parsed, dict):
        raise KerasFileError(f"{path}: its model config is not a JSON object")
    return parsed


def _refuse_code(value: Any, path: Path) -> None:
    """Require that everything a loader would look up by name is on the allow-lists."""
    if isinstance(value, list):
        for item in value:
            _refuse_code(item, path)
    if not isinstance(value, dict):
        return
    if "class_name" in value:
        _check_class(value, path)
    for key, item in value.items():
        # The loaders ignore these: nothing is compiled.
        if key not in ("compile_config", "training_config"):
            _refuse_code(item, path)


def _check_class(value: dict[str, Any], path: Path) -> None:
    name, module, inner = value["class_name"], value.get("module"), value.get("config")
    if name in ("Lambda", "__lambda__"):
        raise KerasFileError(
            f"{path}: has a Lambda layer, whose Python code would run when loaded; it is rejected. Replace it with a "
            "layer such as Rescaling, and save the model again"
        )
    function = name == "function"
    known = _is_in(inner, _FUNCTIONS) if function else _is_in(name, _MODELS | _LAYERS | _OPERATIONS | _VALUES)
    if name == "TFOpLambda":
        known = isinstance(inner, dict) and _is_in(inner.get("function"), _TF_FUNCTIONS)
    registered = value.get("registered_name")
    if registered not in (None, name, inner if function else name):
        known = False
    if not known or not _is_keras(module):
        what = f"{module}.{inner if function else name}" if module else str(inner if function else name)
        raise KerasFileError(
            f"{path}: needs {what}, which is not a known layer of image classifiers; unknown objects are rejected, "
            "since they could run code. Build the model from Keras's own layers and save it again"
        )


def _is_in(name: object, names: set[str]) -> bool:
    return isinstance(name, str) and name in names


def _is_keras(module: object) -> bool:
    if module in (None, "builtins", "keras", "tf_keras"):
        return True
    if not isinstance(module, str):
        return False
    package, *parts = module.split(".")
    parts = parts[1:] if parts[:1] == ["src"] else parts
    return package in ("keras", "tf_keras") and bool(parts) and parts[0] in _PACKAGES


def _flatten(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    config = model.get("config")
    layers = config.get("layers", []) if isinstance(config, dict) else config if isinstance(config, list) else []
    for layer in layers:
        if isinstance(layer, dict):
            if layer.get("class_name") in _MODELS:
                yield from _flatten(layer)
            else:
                yield layer


def _convolution(layer: dict[str, Any]) -> Convolution | None:
    config = layer.get("config")
    if layer.get("class_name") not in ("Conv2D", "DepthwiseConv2D") or not isinstance(config, dict):
        return None
    depthwise = layer["class_name"] == "DepthwiseConv2D"
    kernel, stride = _side(config.get("kernel_size")), _side(config.get("strides", 1))
    return Convolution(depthwise, kernel, stride, 0 if depthwise else int(config.get("filters", 0)))


def _side(value: Any) -> int:
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, int) else 0
