"""The head of a classifier: the dense layer that makes a logit a class of the features, and what comes before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass.errors import ModelError
from mobiclass.tflite.flatbuffer import item
from mobiclass.tflite.graph import open_model
from mobiclass.tflite.network import KEEPS_VALUES, Network, Operator, Stored, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BEHIND_HEAD: Final = KEEPS_VALUES | {"SOFTMAX", "LOGISTIC", "LOG_SOFTMAX"}
_DENSE: Final = ("FULLY_CONNECTED", "CONV_2D")
_EDGETPU: Final = "edgetpu-custom-op"
_FEATURE_DTYPES: Final = ("float32", "uint8", "int8")
_WEIGHT_DTYPES: Final = ("float32", "float16", "uint8", "int8", "int16", "int32")
_MIN_FEATURES: Final = 2
_POOLED_RANK: Final = 4


class Head(NamedTuple):
    """What makes the scores of a model, and of what.

    Attributes:
        operator: ``FULLY_CONNECTED`` or ``CONV_2D``; ``none`` where the model ends in its features.
        features: the tensor of pooled features: D values.
        features_tensor: its index.
        classes: the number of classes; 0 where there is no head.
        pooled_from: the index of the map of features that is averaged over all of its places, (1, rows, columns, D) or
            (1, D, rows, columns); ``None`` where the features come about in another way.
        kept: the places of the operators that the features need.
        weights_tensor: the index of the weights; −1 where there is no head.
        bias_tensor: the index of the bias; −1 where there is none.
    """

    operator: str
    features: TensorSpec
    features_tensor: int
    classes: int
    pooled_from: int | None
    kept: tuple[int, ...]
    weights_tensor: int = -1
    bias_tensor: int = -1

    @property
    def width(self) -> int:
        """The number of features, D."""
        return self.features.values


def find_head(content: bytes, file: str, *, output_place: int = 0) -> Head:
    """Find the dense layer that the scores of the model `content` come from, or see that it ends in features.

    Args:
        content: the model.
        file: names it in messages.
        output_place: which output has the scores.

    Raises:
        ModelError: it is damaged, or has no such layer; the message says what it has instead.
    """
    with open_model(content, file) as model:
        network = Network(model)
        output = item(network.outputs, output_place)
        tensor, operator = _walk_back(network, output)
        if operator is not None and operator.name in _DENSE and _is_dense(network, operator):
            features = operator.inputs[0]
            bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
            return _head(network, file, operator.name, features, network.spec(tensor).values, operator.inputs[1], bias)
        if output == tensor or network.spec(output).values == network.spec(tensor).values:
            if operator is not None and operator.name in ("MEAN", "AVERAGE_POOL_2D"):
                return _head(network, file, "none", tensor, 0)
            if operator is not None and operator.name == "CUSTOM" and _EDGETPU in network.custom_ops:
                if _behind(network, output):
                    return _head(network, file, "none", tensor, 0)
                raise _no_head(file, "its classifier is compiled for the Edge TPU and cannot be taken apart")
        what = operator.name if operator else "nothing"
        raise _no_head(file, f"its scores come from {what}, not from a dense layer on pooled features")


def _no_head(file: str, why: str) -> ModelError:
    return ModelError(
        f"{file}: {why}; take a MobileNet or EfficientNet classifier that ends in pooling and a dense layer, or an "
        "embedding extractor"
    )


def _walk_back(network: Network, tensor: int) -> tuple[int, Operator | None]:
    """Go back from the scores to what computes them: the tensor that it writes, and the operator."""
    for _ in range(len(network.operators) + 1):  # a damaged graph may run in a circle
        operator = network.producer(tensor)
        if operator is None or not operator.inputs or operator.name not in _BEHIND_HEAD:
            return tensor, operator
        tensor = operator.inputs[0]
    return tensor, None


def _behind(network: Network, output: int) -> bool:
    """Whether a compiled model gives features: nothing follows its operator, and no softmax's scale is on its output.

    A probability of 8 bits has a scale of 1/256; features have any other.
    """
    spec = network.spec(output)
    return spec.quantization is None or abs(spec.quantization.scale - 1 / 256) > 1e-6


def _is_dense(network: Network, operator: Operator) -> bool:
    """Whether every logit depends on all features and on no place: a 1×1 convolution of 1×1 is a dense layer too."""
    if len(operator.inputs) < 2 or operator.activation:
        return False
    weights, features = network.spec(operator.inputs[1]).shape, network.spec(operator.inputs[0])
    if operator.name == "FULLY_CONNECTED":
        # Shuffled weights, which very old converters wrote for Arm, could only be read in the wrong order.
        return len(weights) == 2 and features.values == weights[1] and not operator.option(1, "b")
    return len(weights) == 4 and weights[1:3] == (1, 1) and features.values == weights[3]


def _head(
    network: Network, file: str, operator: str, features: int, classes: int, weights: int = -1, bias: int = -1
) -> Head:
    spec = network.spec(features)
    if spec.dtype not in _FEATURE_DTYPES or spec.values < _MIN_FEATURES:
        raise _no_head(file, f"its features are {spec.values} of {spec.dtype}")
    if spec.dtype != "float32" and spec.quantization is None:
        raise _no_head(file, "its features have no scale")
    kept = _needed(network, features)
    return Head(operator, spec, features, classes, _pooled_from(network, features), kept, weights, bias)


def _needed(network: Network, tensor: int) -> tuple[int, ...]:
    """List the places of the operators without which `tensor` would have no values."""
    wanted, kept = {tensor}, []
    for place in range(len(network.operators) - 1, -1, -1):
        operator = network.operators[place]
        if wanted & set(operator.outputs):
            kept.append(place)
            wanted |= set(operator.inputs)
    return tuple(reversed(kept))


def _pooled_from(network: Network, features: int) -> int | None:
    operator = network.maker(features)
    if operator is None or not operator.inputs:
        return None
    place = operator.inputs[0]
    shape = network.spec(place).shape
    if len(shape) != _POOLED_RANK:
        return None
    if operator.name == "MEAN" and len(operator.inputs) > 1:
        axes = network.constant(operator.inputs[1])
        over = {int(axis) % _POOLED_RANK for axis in axes or ()}
        return place if over in ({1, 2}, {2, 3}) else None
    if operator.name == "AVERAGE_POOL_2D" and not operator.activation:
        window = (operator.option(4, "i"), operator.option(3, "i"))
        return place if window == shape[1:3] else None
    return None


def head_weights(content: bytes, head: Head, file: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Read the weights of a head as real numbers.

    Returns:
        Weights float32 (C, D) and bias float32 (C,).

    Raises:
        ModelError: they are no constants of a known type.
    """
    with open_model(content, file) as model:
        network = Network(model)
        weights = _real(network.stored(head.weights_tensor), head.classes * head.width)
        bias = _real(network.stored(head.bias_tensor), head.classes) if head.bias_tensor >= 0 else None
    if weights is None or (bias is None and head.bias_tensor >= 0):
        raise ModelError(f"{file}: the weights of its head cannot be read: they are no constants of a known type")
    import numpy as np

    return weights.reshape(head.classes, head.width), np.zeros(head.classes, np.float32) if bias is None else bias


def _real(stored: Stored | None, values: int) -> npt.NDArray[np.float32] | None:
    """Give the real values (N,) of a constant whose first axis is that of the classes."""
    import numpy as np

    if stored is None or stored.dtype not in _WEIGHT_DTYPES:
        return None
    kept = np.frombuffer(stored.content, np.uint8)
    if kept.size != values * np.dtype(stored.dtype).itemsize:
        return None
    real = kept.view(stored.dtype).astype(np.float64)
    if stored.scales:
        scales = np.asarray(stored.scales)
        zero_points = np.asarray(stored.zero_points or [0.0] * len(scales))
        if len(scales) != len(zero_points) or real.size % len(scales) or stored.axis:
            return None
        real = ((real.reshape(len(scales), -1).T - zero_points) * scales).T.reshape(-1)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
        single = np.asarray(real, np.float32)
    return single if np.isfinite(single).all() else None
