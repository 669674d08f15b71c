"""The registry of the MobileNets that Keras can build: what was published of each, and how to build it.

Figures are those that their authors published for ImageNet, at the address in `Architecture.source`. It loads no files
and downloads nothing by itself (Keras does, for ``imagenet`` weights; `weights_file` says which file).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

_SLIM: Final = "https://github.com/tensorflow/models/blob/master/research/slim/nets"


class Published(NamedTuple):
    """One published model: top-1 in percent, multiply-adds and parameters in millions."""

    alpha: float
    resolution: int
    top1: float
    multiply_adds: float
    parameters: float
    minimalistic: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture.

    Attributes:
        name: as ``--arch`` has it.
        constructor: its function in ``keras.applications``.
        published: what was published of it, the widest and largest first.
        rescales: whether its Keras graph normalizes pixels by itself.
        source: where the figures stand.
    """

    name: str
    constructor: str
    published: tuple[Published, ...]
    rescales: bool
    source: str

    @property
    def alphas(self) -> tuple[float, ...]:
        """The published width multipliers, narrow to wide."""
        return tuple(sorted({entry.alpha for entry in self.published}))

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The published resolutions, small to large."""
        return tuple(sorted({entry.resolution for entry in self.published}))

    def figures(self, alpha: float, resolution: int, *, minimalistic: bool = False) -> Published | None:
        """Find what was published for these settings; ``None`` where nothing was."""
        wanted = (alpha, resolution, minimalistic)
        return next((p for p in self.published if (p.alpha, p.resolution, p.minimalistic) == wanted), None)


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
_V2_PAGE: Final = f"{_SLIM}/mobilenet/README.md"

ARCHITECTURES: Final = {
    architecture.name: architecture
    for architecture in (
        Architecture("mobilenet_v1", "MobileNet", _V1, False, f"{_SLIM}/mobilenet_v1.md"),
        Architecture("mobilenet_v2", "MobileNetV2", _V2, False, _V2_PAGE),
        Architecture("mobilenet_v3_small", "MobileNetV3Small", _V3_SMALL, True, "https://arxiv.org/abs/1905.02244"),
        Architecture("mobilenet_v3_large", "MobileNetV3Large", _V3_LARGE, True, _V2_PAGE),
    )
}

MEAN: Final = 127.5
"""What `preprocess_input` of every MobileNet subtracts from a pixel, and then divides it by."""


def build_keras(
    name: str,
    *,
    alpha: float,
    resolution: int,
    minimalistic: bool = False,
    classes: int = 1000,
    weights: str | None = None,
    activation: str | None = "softmax",
    rescale: bool = True,
) -> Any:
    """Build the architecture `name` in Keras; `weights` is ``imagenet`` (which Keras may download) or ``None``."""
    import keras

    options: dict[str, Any] = {}
    if ARCHITECTURES[name].rescales:
        options = {"minimalistic": minimalistic, "include_preprocessing": rescale}
    constructor = getattr(keras.applications, ARCHITECTURES[name].constructor)
    return constructor(
        input_shape=(resolution, resolution, 3),
        alpha=alpha,
        classes=classes,
        weights=weights,
        classifier_activation=activation,
        **options,
    )


def weights_file(name: str, *, alpha: float, resolution: int, minimalistic: bool = False) -> str:
    """Name the file that Keras downloads for ``imagenet`` weights, into ``KERAS_HOME/models``."""
    if name == "mobilenet_v1":
        width = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[alpha]
        return f"mobilenet_{width}_{resolution}_tf.h5"
    if name == "mobilenet_v2":
        return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{resolution}.h5"
    kind = name.removeprefix("mobilenet_v3_") + ("_minimalistic" if minimalistic else "")
    return f"weights_mobilenet_v3_{kind}_224_{float(alpha)}_float.h5"


def architecture_table() -> str:
    """Write the registry as a table, a line a published model."""
    header = ("architecture", "alpha", "resolution", "top-1 %", "M parameters", "M multiply-adds")
    rows = [header]
    for architecture in ARCHITECTURES.values():
        for entry in architecture.published:
            name = architecture.name + (" --minimalistic" if entry.minimalistic else "")
            figures = (f"{entry.top1:.1f}", f"{entry.parameters:.2f}", f"{entry.multiply_adds:.0f}")
            rows.append((name, f"{entry.alpha:g}", str(entry.resolution), *figures))
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells))
    sources = sorted({architecture.source for architecture in ARCHITECTURES.values()})
    return "\n".join([*lines, "", "As published by their authors, float32, ImageNet:", *sources])
