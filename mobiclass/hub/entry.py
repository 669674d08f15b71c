"""One model of the catalogue, and the reader of the catalogue's file, wherever that is.

A module of its own, as the built-in model and models given by path are found without it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mobiclass.choices import Interpolation, Resize
from mobiclass.errors import ModelError


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """The catalogue's facts about one model; ``None`` where it has none.

    Attributes:
        name: the file's name without ``.tflite``.
        file: the file's name.
        bytes: the file's length.
        sha256: its SHA-256, in lower-case hexadecimal; nothing else is ever taken for this model.
        url: where to fetch it; ``None`` for the built-in model.
        family: the family of architectures, ``MobileNet`` or ``EfficientNet``.
        version: which of that family, e.g. ``V2``.
        alpha: the width multiplier.
        resolution: the side of the square input in pixels.
        classes: the number of outputs, a background class included; ``None`` for what is no classifier.
        license: the SPDX identifier of the licence of its weights.
        data_terms: further terms, of the photos that it was trained on.
        published_top1: its top-1 accuracy on ImageNet's validation set as it was published, a fraction of 1.
        published_top1_source: where that was published.
        parameters: the weights and one bias per channel, as stored in the file.
        multiply_adds: those of the convolutions and fully connected layers for one image.
        counts_source: where these two numbers come from.
        published_parameters: the number that was published: rounded, and counted in another way.
        published_multiply_adds: likewise.
        published_counts_source: where these two were published.
        edgetpu: the name of the same model compiled for the Edge TPU.
        cpu: the name of the model that this one was compiled from for the Edge TPU.
        mean: see `mobiclass.tflite.facts.Facts`, as are the following; only where the file does not say it.
        std: likewise.
        resize: likewise.
        crop_fraction: likewise.
        interpolation: likewise.
    """

    name: str
    file: str
    bytes: int
    sha256: str
    family: str
    version: str
    alpha: float
    resolution: int
    license: str
    parameters: int
    multiply_adds: int
    counts_source: str
    url: str | None = None
    classes: int | None = None
    data_terms: str | None = None
    published_top1: float | None = None
    published_top1_source: str | None = None
    published_parameters: int | None = None
    published_multiply_adds: int | None = None
    published_counts_source: str | None = None
    edgetpu: str | None = None
    cpu: str | None = None
    mean: float | None = None
    std: float | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None

    @property
    def edgetpu_compiled(self) -> bool:
        """Whether only an Edge TPU can run it."""
        return self.cpu is not None


@functools.cache
def read_catalog(path: Path) -> Mapping[str, CatalogEntry]:
    """Read the catalogue at `path`, once.

    Raises:
        ModelError: it is missing or damaged.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        with path.open("rb") as file:
            tables: list[dict[str, Any]] = tomllib.load(file)["model"]
        return MappingProxyType({table["name"]: CatalogEntry(**table) for table in tables})
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{path}: the catalogue cannot be read ({error}): reinstall mobiclass") from error
