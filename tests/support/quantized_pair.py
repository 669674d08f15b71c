"""A small network of every kind of layer with weights, in float32 and in int8, to refine."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests.support.keras_models import require_tensorflow

SIDE, CLASSES = 16, 10


class Pair(NamedTuple):
    """A float32 model and the int8 one made from it, with the samples that calibrated it."""

    float32: bytes
    int8: bytes
    samples: list[np.ndarray]


def widen(pair: Pair, factor: float) -> Pair:
    """Give the activations of the int8 model ranges that are `factor` times too wide, as a few outliers would."""
    from tools.quantization.activation_tensors import ActivationTensors

    tensors = ActivationTensors(pair.int8)
    for group in tensors.groups:
        low, high = tensors.range_of(group)
        tensors.set_range(group, low * factor, high * factor)
    return pair._replace(int8=bytes(tensors.model))


def convert_pair() -> Pair:
    """Convert the network, whose weights and samples are the same every time."""
    tf = require_tensorflow()
    from tools.quantization.tflite_converter import convert_float32, convert_int8

    generator = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return (generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)

    stem, depthwise, project, expand, dense = (
        weights(3, 3, 3, 16), weights(3, 3, 16, 1) * 2, weights(1, 1, 16, 24), weights(1, 1, 24, 48),
        weights(48, CLASSES),
    )  # fmt: skip
    biases = [generator.normal(scale=0.3, size=count).astype(np.float32) for count in (16, 16, 24, 48, CLASSES)]

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32)], autograph=False)
    def classify(image: Any) -> Any:
        features = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(image, stem, 2, "SAME"), biases[0]))
        features = tf.nn.depthwise_conv2d(features, depthwise, [1, 1, 1, 1], "SAME")
        features = tf.nn.relu6(tf.nn.bias_add(features, biases[1]))
        features = tf.nn.bias_add(tf.nn.conv2d(features, project, 1, "SAME"), biases[2])
        features = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(features, expand, 1, "SAME"), biases[3]))
        logits = tf.nn.bias_add(tf.linalg.matmul(tf.reduce_mean(features, axis=(1, 2)), dense), biases[4])
        return tf.nn.softmax(logits)

    function = classify.get_concrete_function()
    samples = [generator.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in range(32)]
    return Pair(convert_float32(function), convert_int8(function, samples), samples)
