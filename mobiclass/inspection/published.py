"""What the authors of the MobileNets published of them, for ImageNet: accuracy, multiply-adds, parameters.

Rounded figures of the float models, counted by their authors: what stands in a .tflite is counted by
`mobiclass.inspection.costs`. Of single files `mobiclass.hub.catalog` knows more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mobiclass.inspection.architectures import BackboneName

_SLIM: Final = "https://github.com/tensorflow/models/blob/master/research/slim/nets"
_V2_PAGE: Final = f"{_SLIM}/mobilenet/README.md"


class Published(NamedTuple):
    """One published model: top-1 in percent, multiply-adds and parameters in millions."""

    alpha: float
    resolution: int
    top1: float
    multiply_adds: float
    parameters: float
    minimalistic: bool = False


class Family(NamedTuple):
    """What was published of one architecture, the widest and largest first, and where it stands."""

    title: str
    figures: tuple[Published, ...]
    source: str


_V1: Final = (
    Published(1.0, 224, 70.9, 569, 4.24),
    Published(1.0, 192, 70.0, 418, 4.24),
    Published(1.0, 160, 68.0, 291, 4.24),
    Published(1.0, 128, 65.2, 186, 4.24),
    Published(0.75, 224, 68.4, 317, 2.59),
    Published(0.75, 192, 67.2, 233, 2.59),
    Published(0.75, 160, 65.3, 162, 2.59),
    Published(0.75, 128, 62.1, 104, 2.59),
    Published(0.5, 224, 63.3, 150, 1.34),
    Published(0.5, 192, 61.7, 110, 1.34),
    Published(0.5, 160, 59.1, 77, 1.34),
    Published(0.5, 128, 56.3, 49, 1.34),
    Published(0.25, 224, 49.8, 41, 0.47),
    Published(0.25, 192, 47.7, 34, 0.47),
    Published(0.25, 160, 45.5, 21, 0.47),
    Published(0.25, 128, 41.5, 14, 0.47),
)
_V2: Final = (
    Published(1.4, 224, 75.0, 582, 6.06),
    Published(1.3, 224, 74.4, 509, 5.34),
    Published(1.0, 224, 71.8, 300, 3.47),
    Published(1.0, 192, 70.7, 221, 3.47),
    Published(1.0, 160, 68.8, 154, 3.47),
    Published(1.0, 128, 65.3, 99, 3.47),
    Published(1.0, 96, 60.3, 56, 3.47),
    Published(0.75, 224, 69.8, 209, 2.61),
    Published(0.75, 192, 68.7, 153, 2.61),
    Published(0.75, 160, 66.4, 107, 2.61),
    Published(0.75, 128, 63.2, 69, 2.61),
    Published(0.75, 96, 58.8, 39, 2.61),
    Published(0.5, 224, 65.4, 97, 1.95),
    Published(0.5, 192, 63.9, 71, 1.95),
    Published(0.5, 160, 61.0, 50, 1.95),
    Published(0.5, 128, 57.7, 32, 1.95),
    Published(0.5, 96, 51.2, 18, 1.95),
    Published(0.35, 224, 60.3, 59, 1.66),
    Published(0.35, 192, 58.2, 43, 1.66),
    Published(0.35, 160, 55.7, 30, 1.66),
    Published(0.35, 128, 50.8, 20, 1.66),
    Published(0.35, 96, 45.5, 11, 1.66),
)
# The paper's table 3; its authors' page has figures of another head for the small ones.
_V3_SMALL: Final = (
    Published(1.0, 224, 67.4, 56, 2.5),
    Published(0.75, 224, 65.4, 44, 2.0),
    Published(1.0, 224, 61.9, 65, 2.0, minimalistic=True),
)
_V3_LARGE: Final = (
    Published(1.0, 224, 75.2, 217, 5.4),
    Published(0.75, 224, 73.3, 155, 4.0),
    Published(1.0, 224, 72.3, 209, 3.9, minimalistic=True),
)

PUBLISHED: Final[dict[BackboneName, Family]] = {
    "mobilenet_v1": Family("MobileNet V1", _V1, f"{_SLIM}/mobilenet_v1.md"),
    "mobilenet_v2": Family("MobileNet V2", _V2, _V2_PAGE),
    "mobilenet_v3_small": Family("MobileNet V3 Small", _V3_SMALL, "https://arxiv.org/abs/1905.02244"),
    "mobilenet_v3_large": Family("MobileNet V3 Large", _V3_LARGE, _V2_PAGE),
}
