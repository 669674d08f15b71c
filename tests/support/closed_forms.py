"""What networks cost in closed form, worked out from the papers' tables alone.

For each convolution its kernel, inputs, outputs, stride, and whether it is depthwise. With batch normalization folded
each output channel has one bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

Convolution = tuple[int, int, int, int, bool]


def mobilenet_v1(alpha: float) -> Iterator[Convolution]:
    """Table 1 of arXiv 1704.04861."""
    channels = int(32 * alpha)
    yield 3, 3, channels, 2, False
    for stride, wide in [
        (1, 64),
        (2, 128),
        (1, 128),
        (2, 256),
        (1, 256),
        (2, 512),
        *[(1, 512)] * 5,
        (2, 1024),
        (1, 1024),
    ]:
        outputs = int(wide * alpha)
        yield 3, channels, channels, stride, True
        yield 1, channels, outputs, 1, False
        channels = outputs


def inverted_residuals(stages: list[tuple[int, int, int, int, int]]) -> Iterator[Convolution]:
    """Stages of (expansion, kernel, outputs, blocks, stride) between a stem of 32 and a head of 1280 channels."""
    yield 3, 3, 32, 2, False
    channels = 32
    for expansion, kernel, outputs, blocks, stride in stages:
        for block in range(blocks):
            inside = expansion * channels
            if expansion > 1:
                yield 1, channels, inside, 1, False
            yield kernel, inside, inside, stride if block == 0 else 1, True
            yield 1, inside, outputs, 1, False
            channels = outputs
    yield 1, channels, 1280, 1, False


def mobilenet_v2() -> Iterator[Convolution]:
    """Table 2 of arXiv 1801.04381."""
    return inverted_residuals(
        [(1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 3, 32, 3, 2), (6, 3, 64, 4, 2), (6, 3, 96, 3, 1), (6, 3, 160, 3, 2),
         (6, 3, 320, 1, 1)]
    )  # fmt: skip


def efficientnet_lite0() -> Iterator[Convolution]:
    """Table 1 of arXiv 1905.11946."""
    return inverted_residuals(
        [(1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1), (6, 5, 192, 4, 2),
         (6, 3, 320, 1, 1)]
    )  # fmt: skip


def closed_form(convolutions: Iterator[Convolution], resolution: int, classes: int | None) -> tuple[int, int]:
    """Give the parameters and the multiply-adds of a network and its one fully connected layer."""
    parameters = multiply_adds = outputs = 0
    for kernel, inputs, outputs, stride, depthwise in convolutions:
        resolution = ceil(resolution / stride)
        weights = kernel**2 * outputs * (1 if depthwise else inputs)
        parameters += weights + outputs
        multiply_adds += weights * resolution**2
    if classes:
        parameters += (outputs + 1) * classes
        multiply_adds += outputs * classes
    return parameters, multiply_adds
