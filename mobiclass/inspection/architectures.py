"""The convolutions that the MobileNets are made of, and finding out whose a given sequence of them is.

The sequences are worked out from the papers' tables (arXiv 1704.04861, 1801.04381, 1905.02244); no Keras is needed to
compare a file's layers with them, and names play no part. It knows neither weights nor heads' class counts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

BackboneName = str
"""``mobilenet_v1``, ``mobilenet_v2``, ``mobilenet_v3_small`` or ``mobilenet_v3_large``."""


class Convolution(NamedTuple):
    """One convolution.

    Attributes:
        depthwise: whether each channel has a filter of its own.
        kernel: the side of its filter.
        stride: 1 or 2.
        filters: output channels.
        pooled: whether it sees one pixel, the mean of all (squeeze and excite).
    """

    depthwise: bool
    kernel: int
    stride: int
    filters: int
    pooled: bool = False


class BackboneMatch(NamedTuple):
    """The architecture that a sequence of convolutions begins with."""

    name: BackboneName
    alpha: float
    minimalistic: bool


_V1: Final = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))

# expansion, output channels, repetitions, stride of the first: table 2 of the paper
_V2: Final = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class _V3Block(NamedTuple):
    kernel: int
    expanded: int
    filters: int
    squeeze: bool
    stride: int


# The expanded widths at alpha 1: tables 1 and 2 of the paper.
_V3: Final = {
    "mobilenet_v3_large": (
        _V3Block(3, 16, 16, False, 1),
        _V3Block(3, 64, 24, False, 2),
        _V3Block(3, 72, 24, False, 1),
        _V3Block(5, 72, 40, True, 2),
        _V3Block(5, 120, 40, True, 1),
        _V3Block(5, 120, 40, True, 1),
        _V3Block(3, 240, 80, False, 2),
        _V3Block(3, 200, 80, False, 1),
        _V3Block(3, 184, 80, False, 1),
        _V3Block(3, 184, 80, False, 1),
        _V3Block(3, 480, 112, True, 1),
        _V3Block(3, 672, 112, True, 1),
        _V3Block(5, 672, 160, True, 2),
        _V3Block(5, 960, 160, True, 1),
        _V3Block(5, 960, 160, True, 1),
    ),
    "mobilenet_v3_small": (
        _V3Block(3, 16, 16, True, 2),
        _V3Block(3, 72, 24, False, 2),
        _V3Block(3, 88, 24, False, 1),
        _V3Block(5, 96, 40, True, 2),
        _V3Block(5, 240, 40, True, 1),
        _V3Block(5, 240, 40, True, 1),
        _V3Block(5, 120, 48, True, 1),
        _V3Block(5, 144, 48, True, 1),
        _V3Block(5, 288, 96, True, 2),
        _V3Block(5, 576, 96, True, 1),
        _V3Block(5, 576, 96, True, 1),
    ),
}
# Keras multiplies the narrow width by a rounded ratio, so that these few differ from width × alpha.
_V3_RATIOS: Final = {
    "mobilenet_v3_large": (1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6),
    "mobilenet_v3_small": (1, 72 / 16, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6),
}
_V3_LAST: Final = {"mobilenet_v3_large": 1280, "mobilenet_v3_small": 1024}

NAMES: Final = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
_GRID: Final = (1.0, 0.75, 0.5, 0.25, 0.35, 1.3, 1.4, *(step / 20 for step in range(1, 41)))


def backbone(name: BackboneName, alpha: float, *, minimalistic: bool = False) -> tuple[Convolution, ...]:
    """List the convolutions of the architecture `name` before its pooling, first to last."""
    if name == "mobilenet_v1":
        return tuple(_v1(alpha))
    if name == "mobilenet_v2":
        return tuple(_v2(alpha))
    return tuple(_v3(name, alpha, minimalistic))


def match_backbone(convolutions: Sequence[Convolution]) -> BackboneMatch | None:
    """Find the architecture whose convolutions `convolutions` begins with; ``None`` where it is another's.

    A depthwise convolution is compared without its filters: files do not state them.
    """
    given = tuple(_comparable(convolution) for convolution in convolutions)
    for name in NAMES:
        for minimalistic in (False, True) if name in _V3 else (False,):
            for alpha in _GRID:
                wanted = _comparables(name, alpha, minimalistic)
                if given[: len(wanted)] == wanted:
                    return BackboneMatch(name, alpha, minimalistic)
    return None


def count_multiply_adds(
    name: BackboneName, alpha: float, resolution: int, classes: int = 1000, *, minimalistic: bool = False
) -> int:
    """Count the multiplications of one image with their additions: convolutions and the stock head."""
    side, channels, total = resolution, 3, 0
    for convolution in backbone(name, alpha, minimalistic=minimalistic):
        side = -(-side // convolution.stride)
        pixels = 1 if convolution.pooled else side * side
        inputs = 1 if convolution.depthwise else channels
        total += pixels * convolution.kernel**2 * inputs * convolution.filters
        channels = convolution.filters
    for width in (*_hidden_head(name, alpha), classes):
        total += channels * width
        channels = width
    return total


@functools.cache
def _comparables(name: BackboneName, alpha: float, minimalistic: bool) -> tuple[tuple[bool, int, int, int], ...]:
    return tuple(_comparable(convolution) for convolution in backbone(name, alpha, minimalistic=minimalistic))


def _comparable(convolution: Convolution) -> tuple[bool, int, int, int]:
    filters = 0 if convolution.depthwise else convolution.filters
    return convolution.depthwise, convolution.kernel, convolution.stride, filters


def _hidden_head(name: BackboneName, alpha: float) -> tuple[int, ...]:
    return (_divisible(_V3_LAST[name] * max(alpha, 1.0)),) if name in _V3 else ()


def _v1(alpha: float) -> Iterator[Convolution]:
    channels = int(32 * alpha)
    yield Convolution(False, 3, 2, channels)
    for filters, stride in _V1:
        yield Convolution(True, 3, stride, channels)
        channels = int(filters * alpha)
        yield Convolution(False, 1, 1, channels)


def _v2(alpha: float) -> Iterator[Convolution]:
    channels = _divisible(32 * alpha)
    yield Convolution(False, 3, 2, channels)
    for expansion, filters, repetitions, first_stride in _V2:
        for repetition in range(repetitions):
            expanded = channels * expansion
            if expansion > 1:
                yield Convolution(False, 1, 1, expanded)
            yield Convolution(True, 3, first_stride if repetition == 0 else 1, expanded)
            channels = _divisible(int(filters * alpha))
            yield Convolution(False, 1, 1, channels)
    yield Convolution(False, 1, 1, _divisible(1280 * max(alpha, 1.0)))


def _v3(name: BackboneName, alpha: float, minimalistic: bool) -> Iterator[Convolution]:
    channels = 16
    yield Convolution(False, 3, 2, channels)
    for index, (block, ratio) in enumerate(zip(_V3[name], _V3_RATIOS[name], strict=True)):
        expanded = _divisible(channels * ratio) if index else channels
        if index:
            yield Convolution(False, 1, 1, expanded)
        yield Convolution(True, 3 if minimalistic else block.kernel, block.stride, expanded)
        if block.squeeze and not minimalistic:
            yield Convolution(False, 1, 1, _divisible(expanded * 0.25), pooled=True)
            yield Convolution(False, 1, 1, expanded, pooled=True)
        channels = _divisible(block.filters * alpha)
        yield Convolution(False, 1, 1, channels)
    yield Convolution(False, 1, 1, _divisible(channels * 6))


def _divisible(width: float) -> int:
    """Round to a multiple of 8 that is no more than a tenth smaller: the papers' rule."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded
