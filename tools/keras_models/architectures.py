"""The registry of the MobileNets in Keras: how to build each one, and its published figures.

It loads no files and downloads nothing itself (Keras does, for ``imagenet`` weights; `weights_file` names the file).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mobiclass.inspection import PUBLISHED, Published


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture.

    Attributes:
        name: the value of ``--arch``.
        constructor: its function in ``keras.applications``.
        published: its published figures, the widest and largest first.
        rescales: whether its Keras graph includes the normalization of pixels.
        source: where the figures were published.
    """

    name: str
    constructor: str
    published: tuple[Published, ...]
    rescales: bool
    source: str

    @property
    def alphas(self) -> tuple[float, ...]:
        """The published width multipliers, ascending."""
        return tuple(sorted({entry.alpha for entry in self.published}))

    def figures(self, alpha: float, resolution: int, *, minimalistic: bool = False) -> Published | None:
        """Return the figures for these settings; ``None`` if none were published."""
        wanted = (alpha, resolution, minimalistic)
        return next((p for p in self.published if (p.alpha, p.resolution, p.minimalistic) == wanted), None)


ARCHITECTURES: Final = {
    name: Architecture(name, constructor, PUBLISHED[name].figures, rescales, PUBLISHED[name].source)
    for name, constructor, rescales in (
        ("mobilenet_v1", "MobileNet", False),
        ("mobilenet_v2", "MobileNetV2", False),
        ("mobilenet_v3_small", "MobileNetV3Small", True),
        ("mobilenet_v3_large", "MobileNetV3Large", True),
    )
}

MEAN: Final = 127.5
"""Both mean and std of `preprocess_input` of every MobileNet that does not rescale, in pixel units."""


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
    """Format the registry as a table with one line per published model."""
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
