"""Loads a Keras image classifier from a file of Keras 2 or 3 without running code from the file.

Keras 3 is tried first, then tf_keras (Keras 2), then a known architecture is rebuilt and given the file's weights.
`tools.keras_models.file_inspection` decides what may be loaded at all. It converts nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from mobiclass.inspection import BackboneMatch, match_backbone
from tools.errors import KerasFileError
from tools.keras_models.architectures import ARCHITECTURES, build_keras, weights_file
from tools.keras_models.file_inspection import KerasFile, inspect_keras_file

_ACTIVATIONS: Final = ("softmax", "sigmoid", "linear")


class KerasClassifier(NamedTuple):
    """A loaded classifier.

    Attributes:
        model: the Keras model, float32, to be called with ``training=False``.
        source: the name of its file or weights, for display.
        loader: the package that loaded it, with its version.
        match: its architecture; ``None`` for an unknown one.
        imagenet: whether it has the published ImageNet weights.
    """

    model: Any
    source: str
    loader: str
    match: BackboneMatch | None
    imagenet: bool

    @property
    def architecture(self) -> str:
        """The name of its architecture, for display."""
        return describe_architecture(self.match)


def load_keras_file(path: Path) -> KerasClassifier:
    """Load the classifier in the ``.keras`` or ``.h5`` file at `path`.

    Raises:
        KerasFileError: it cannot be loaded or is rejected; the message says why.
    """
    file = inspect_keras_file(path)
    if file.config is None:
        raise KerasFileError(
            f"{path}: contains weights without a model; name the model with --arch, --alpha and --resolution, and pass "
            "the file as --weights"
        )
    match = match_backbone(file.convolutions())
    reasons = []
    for load in (_load_keras3, _load_tf_keras, _rebuild):
        try:
            model, loader = load(file, match)
        except _CannotLoad as error:
            reasons.append(str(error))
        else:
            return KerasClassifier(model, path.name, loader, match, imagenet=False)
    hint = "; save it as .keras with the Keras version that made it" if file.format == "h5" else ""
    raise KerasFileError(f"{path}: cannot be loaded: {'; '.join(reasons)}{hint}")


def build_classifier(
    name: str, *, alpha: float, resolution: int, minimalistic: bool, weights: str, classes: int | None
) -> KerasClassifier:
    """Build the architecture `name` with ``imagenet`` weights or those of the file `weights`.

    Args:
        name: one of `ARCHITECTURES`.
        alpha: its width multiplier.
        resolution: height and width of its input.
        minimalistic: of V3, the variant without squeeze-excite and hard-swish.
        weights: ``imagenet``, or a file of weights or of a whole model.
        classes: the number of outputs, if the weights file does not tell.

    Raises:
        KerasFileError: there are no such weights, or they do not match.
    """
    match = BackboneMatch(name, alpha, minimalistic)
    settings: dict[str, Any] = {"alpha": alpha, "resolution": resolution, "minimalistic": minimalistic}
    if weights == "imagenet":
        model = _build_imagenet(name, settings)
        return KerasClassifier(model, f"{weights_file(name, **settings)} (Keras)", _keras_version(), match, True)
    path = Path(weights)
    if inspect_keras_file(path).config is not None:
        loaded = load_keras_file(path)
        if loaded.match != match:
            raise KerasFileError(f"{path}: contains {loaded.architecture}, not {describe_architecture(match)}")
        return loaded
    model = build_keras(name, **settings, classes=_classes_in(path) or classes or 1000)
    _load_weights(model, path, describe_architecture(match))
    return KerasClassifier(model, path.name, _keras_version(), match, imagenet=False)


class _CannotLoad(Exception):
    """One loader fails for this file; the next one may work."""


@contextlib.contextmanager
def _named(file: KerasFile) -> Iterator[Path]:
    """Yield a path whose suffix matches the format, which is what the loaders go by."""
    if file.path.suffix == f".{file.format}":
        yield file.path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copyfile(file.path, Path(folder) / f"model.{file.format}"))


def _load_keras3(file: KerasFile, match: BackboneMatch | None) -> tuple[Any, str]:
    import keras

    try:
        with _named(file) as path:
            return keras.saving.load_model(path, compile=False, safe_mode=True), _keras_version()
    except Exception as error:  # loading raises whatever a layer's constructor raises
        raise _CannotLoad(f"Keras {keras.__version__}: {_first_line(error)}") from error


def _load_tf_keras(file: KerasFile, match: BackboneMatch | None) -> tuple[Any, str]:
    try:
        import tf_keras
    except ImportError as error:
        hint = "pip install --no-deps tf_keras==2.21.0, which loads what Keras 2 saved"
        raise _CannotLoad(f"tf_keras is not installed ({hint})") from error
    try:
        with _named(file) as path:
            return tf_keras.models.load_model(path, compile=False), f"tf_keras {tf_keras.__version__}"
    except Exception as error:
        raise _CannotLoad(f"tf_keras {tf_keras.__version__}: {_first_line(error)}") from error


def _rebuild(file: KerasFile, match: BackboneMatch | None) -> tuple[Any, str]:
    """Rebuild the matched architecture and load the file's weights into it, layer by layer in order."""
    if match is None or file.format != "h5":
        raise _CannotLoad("it is not one of the architectures that can be rebuilt")
    layers = file.layers()
    side = _input_side(layers)
    heads = [layer["config"] for layer in layers if layer["class_name"] in ("Conv2D", "Dense")]
    classes = heads[-1].get("units") or heads[-1].get("filters")
    activation = next((a for layer in layers[::-1] if (a := layer["config"].get("activation")) in _ACTIVATIONS), None)
    rescale = any(layer["class_name"] in ("Rescaling", "TFOpLambda") for layer in layers[:4])
    model = build_keras(
        match.name,
        alpha=match.alpha,
        resolution=side,
        minimalistic=match.minimalistic,
        classes=classes,
        activation=activation,
        rescale=rescale,
    )
    try:
        with _named(file) as path:
            model.load_weights(path)
    except Exception as error:
        raise _CannotLoad(f"{describe_architecture(match)}, rebuilt: {_first_line(error)}") from error
    return model, f"{_keras_version()}, rebuilt"


def _input_side(layers: list[dict[str, Any]]) -> int:
    for layer in layers:
        shape = layer["config"].get("batch_input_shape") or layer["config"].get("batch_shape")
        if shape and len(shape) == 4 and shape[1] and shape[1] == shape[2]:
            return int(shape[1])
    raise _CannotLoad("its input has no fixed resolution")


def _build_imagenet(name: str, settings: dict[str, Any]) -> Any:
    architecture = ARCHITECTURES[name]
    if architecture.figures(settings["alpha"], settings["resolution"], minimalistic=settings["minimalistic"]) is None:
        raise KerasFileError(
            f"there are no published weights of {name} with alpha {settings['alpha']:g} at {settings['resolution']} "
            "pixels: see --list"
        )
    try:
        return build_keras(name, **settings, weights="imagenet")
    except Exception as error:  # urllib's, those of the hash check, and h5py's
        file = weights_file(name, **settings)
        folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
        raise KerasFileError(
            f"{file}: the ImageNet weights cannot be downloaded ({_first_line(error)}); without a network, download "
            f"the file elsewhere and copy it to {folder}, where Keras looks for it"
        ) from error


def _classes_in(path: Path) -> int | None:
    """Read the number of outputs from a weights file: the length of the last layer's bias."""
    import h5py

    with h5py.File(path, "r") as file:
        names = file.attrs.get("layer_names")
        if names is not None:  # the format of Keras 1 and 2, with the layers in order
            biases = [_last_vector(file[name]) for name in names]
        else:
            layers = file.get("layers", {})
            heads = [name for name in layers if name.startswith(("dense", "conv2d"))]
            heads.sort(key=lambda name: (name.startswith("dense"), int(name.rpartition("_")[2]) if "_" in name else 0))
            biases = [_last_vector(layers[name]) for name in heads]
    return next((length for length in biases[::-1] if length), None)


def _last_vector(group: Any) -> int | None:
    import h5py

    lengths: list[int] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 1:
            lengths.append(item.shape[0])

    group.visititems(visit)
    return lengths[-1] if lengths else None


def _load_weights(model: Any, path: Path, what: str) -> None:
    try:
        model.load_weights(path)
    except Exception as error:  # loading raises whatever a layer raises
        raise KerasFileError(f"{path}: its weights do not match {what}: {_first_line(error)}") from error


def describe_architecture(match: BackboneMatch | None) -> str:
    """Name an architecture for display."""
    if match is None:
        return "an unknown architecture"
    return f"{match.name} alpha {match.alpha:g}{' minimalistic' if match.minimalistic else ''}"


def _keras_version() -> str:
    import keras

    return f"Keras {keras.__version__}"


def _first_line(error: BaseException) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= 200 else line[:199] + "…"
