"""An EfficientNet-Lite as a TensorFlow function, built from the weights of a torch state dict.

It builds the float inference graph, with batch normalization folded into the convolutions and a softmax at the end. It
does not train, and it knows only these architectures.

An EfficientNet-Lite consists of MobileNetV2's inverted residual blocks: a 1×1 convolution expands, a depthwise one
filters each channel, a 1×1 convolution without activation projects, and the input is added where the shapes match.
Unlike EfficientNet it has ReLU6 instead of swish, and no squeeze-and-excite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.build_builtin_model.variants import Stage, Variant
from tools.errors import CheckpointError

if TYPE_CHECKING:
    import tensorflow as tf

MEAN: Final = 127.0
STD: Final = 128.0
NUM_CLASSES: Final = 1000

_BATCH_NORM_EPSILON: Final = 1e-3
_STEM_CHANNELS: Final = 32
_HEAD_CHANNELS: Final = 1280

FloatArray = npt.NDArray[np.float32]


class _Convolution(NamedTuple):
    """A convolution with its batch normalization folded in.

    Attributes:
        kernel: float32 (height, width, in, out), or (height, width, channels, 1) if depthwise.
        bias: float32 (out,).
    """

    kernel: FloatArray
    bias: FloatArray
    stride: int
    depthwise: bool


class _Block(NamedTuple):
    expand: _Convolution | None
    depthwise: _Convolution
    project: _Convolution
    residual: bool


class Weights(NamedTuple):
    """The weights of the graph, in TensorFlow's layouts."""

    stem: _Convolution
    blocks: tuple[_Block, ...]
    head: _Convolution
    dense_kernel: FloatArray
    dense_bias: FloatArray


def weights_from_state_dict(state_dict: Mapping[str, npt.NDArray[Any]], variant: Variant) -> Weights:
    """Convert the weights of a torch `state_dict` of `variant`, using each exactly once.

    Raises:
        CheckpointError: a weight is missing, has another shape, is not finite, or is unused.
    """
    taker = _Taker(state_dict, variant.title)
    stages = variant.stages
    stem = taker.convolution("_conv_stem", "_bn0", kernel=3, inputs=3, outputs=_STEM_CHANNELS, stride=2)
    blocks = tuple(_blocks(taker, stages))
    head = taker.convolution(
        "_conv_head", "_bn1", kernel=1, inputs=stages[-1].channels, outputs=_HEAD_CHANNELS, stride=1
    )
    kernel = taker.take("_fc.weight", (NUM_CLASSES, _HEAD_CHANNELS)).T
    bias = taker.take("_fc.bias", (NUM_CLASSES,))
    taker.finish()
    return Weights(stem, blocks, head, np.ascontiguousarray(kernel), bias)


def _blocks(taker: _Taker, stages: tuple[Stage, ...]) -> Iterator[_Block]:
    inputs, index = _STEM_CHANNELS, 0
    for stage in stages:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            yield _block(taker, f"_blocks.{index}", stage, inputs, stride)
            inputs, index = stage.channels, index + 1


def _block(taker: _Taker, name: str, stage: Stage, inputs: int, stride: int) -> _Block:
    wide = inputs * stage.expansion
    expand = None
    if stage.expansion != 1:
        expand = taker.convolution(
            f"{name}._expand_conv", f"{name}._bn0", kernel=1, inputs=inputs, outputs=wide, stride=1
        )
    depthwise = taker.convolution(
        f"{name}._depthwise_conv", f"{name}._bn1", kernel=stage.kernel, inputs=1, outputs=wide, stride=stride
    )
    project = taker.convolution(
        f"{name}._project_conv", f"{name}._bn2", kernel=1, inputs=wide, outputs=stage.channels, stride=1
    )
    return _Block(expand, depthwise, project, residual=stride == 1 and inputs == stage.channels)


class _Taker:
    """Hands out the arrays of a state dict by name, and reports unused ones at the end."""

    def __init__(self, state_dict: Mapping[str, npt.NDArray[Any]], title: str) -> None:
        self._left = dict(state_dict)
        self._title = title

    def take(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        try:
            array = self._left.pop(name)
        except KeyError:
            raise CheckpointError(f"the weights have no {name} (or it is used twice)") from None
        if array.shape != shape or array.dtype.kind != "f":
            raise CheckpointError(f"{name} is {array.dtype} {array.shape}, expected float {shape}")
        if not np.isfinite(array).all():
            raise CheckpointError(f"{name} contains values that are not finite")
        return array.astype(np.float32)

    def convolution(self, conv: str, norm: str, *, kernel: int, inputs: int, outputs: int, stride: int) -> _Convolution:
        """Take a convolution and fold its batch normalization into it.

        γ·(w∗x − μ)/√(σ²+ε) + β = (w·s)∗x + (β − μ·s) with s = γ/√(σ²+ε), computed in float64.
        One input channel per filter means depthwise: (out, 1, h, w) in torch, (h, w, out, 1) in TensorFlow.
        """
        weight = self.take(f"{conv}.weight", (outputs, inputs, kernel, kernel)).astype(np.float64)
        gamma, beta, mean, variance = (
            self.take(f"{norm}.{field}", (outputs,)).astype(np.float64)
            for field in ("weight", "bias", "running_mean", "running_var")
        )
        if (variance < 0).any():
            raise CheckpointError(f"{norm}.running_var contains negative values")
        self._left.pop(f"{norm}.num_batches_tracked", None)  # a training counter, not a weight
        scale = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
        depthwise = inputs == 1
        folded = (weight * scale[:, None, None, None]).transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        return _Convolution(
            np.ascontiguousarray(folded, dtype=np.float32),
            (beta - mean * scale).astype(np.float32),
            stride,
            depthwise,
        )

    def finish(self) -> None:
        if self._left:
            names = ", ".join(sorted(self._left)[:5])
            raise CheckpointError(f"{len(self._left)} weights do not belong to {self._title}: {names}")


def inference_function(weights: Weights, variant: Variant) -> tf.types.experimental.ConcreteFunction:
    """Trace the graph: float32 (1, side, side, 3), RGB, (pixel − 127)/128 → float32 (1, 1000), probabilities.

    The weights are constants and the batch size is fixed, which the converter handles best.
    """
    import tensorflow as tf

    def efficientnet_lite(image: tf.Tensor) -> tf.Tensor:
        features = tf.nn.relu6(_convolve(weights.stem, image))
        for block in weights.blocks:
            features = _apply_block(block, features)
        features = tf.nn.relu6(_convolve(weights.head, features))
        pooled = tf.reduce_mean(features, axis=(1, 2))
        logits = tf.nn.bias_add(tf.linalg.matmul(pooled, weights.dense_kernel), weights.dense_bias)
        return tf.nn.softmax(logits, name="probability")

    signature = [tf.TensorSpec(variant.input_shape, tf.float32, name="image")]
    return tf.function(efficientnet_lite, input_signature=signature, autograph=False).get_concrete_function()


def _apply_block(block: _Block, features: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    hidden = features if block.expand is None else tf.nn.relu6(_convolve(block.expand, features))
    hidden = tf.nn.relu6(_convolve(block.depthwise, hidden))
    projected = _convolve(block.project, hidden)
    return projected + features if block.residual else projected


def _convolve(convolution: _Convolution, features: tf.Tensor) -> tf.Tensor:
    """Convolve with TensorFlow's own SAME padding, which puts the odd pixel at the bottom right."""
    import tensorflow as tf

    function: Callable[..., tf.Tensor] = tf.nn.depthwise_conv2d if convolution.depthwise else tf.nn.conv2d
    strides = [1, convolution.stride, convolution.stride, 1]
    result = function(features, convolution.kernel, strides=strides, padding="SAME")
    return tf.nn.bias_add(result, convolution.bias)
