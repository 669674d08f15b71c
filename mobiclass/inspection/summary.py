"""The layers of a model with their costs, the published figures of its architecture, and the Edge TPU's support.

It combines the other modules of this room; it neither runs models nor prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mobiclass.hub import CatalogEntry, entry_of
from mobiclass.inspection.architectures import BackboneMatch, match_backbone
from mobiclass.inspection.costs import (
    Cost,
    SeparablePair,
    Totals,
    convolutions,
    count_costs,
    float_layers,
    separable_pairs,
    total_costs,
)
from mobiclass.inspection.edgetpu import required_runtime, unsupported_reason
from mobiclass.inspection.layers import Layer, read_subgraphs
from mobiclass.inspection.published import PUBLISHED
from mobiclass.tflite import EDGETPU_CUSTOM_OP

_MILLION = 1_000_000


class PublishedCounts(NamedTuple):
    """The published figures of a model or of its architecture: rounded, and counted in their authors' way.

    Attributes:
        of: the model that they are of, e.g. ``MobileNet V1, alpha 1, resolution 224``.
        parameters: for ImageNet's 1000 classes (or 1001 with a background).
        multiply_adds: likewise.
        source: the URL of the publication.
    """

    of: str
    parameters: int
    multiply_adds: int
    source: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of the layers of a model; places are indices into `layers`.

    Attributes:
        layers: the model's operators, in execution order.
        costs: the cost of each layer.
        totals: the cost of the model.
        pairs: the depthwise-separable convolutions.
        float_layers: the places of the layers that compute in floating point.
        unsupported_reasons: for each layer, why the Edge TPU cannot run it, or ``None``.
        edgetpu_runtime: the oldest version of the Edge TPU's runtime that a compiled model runs on, if it says so.
        other_subgraphs: the number of further subgraphs, run by control flow; `layers` does not have theirs.
        architecture: the MobileNet whose convolutions it begins with, one by one; ``None`` where it is another.
        entry: the catalogue's, where the file is a known one.
        published: the published figures; ``None`` where there are none.
    """

    layers: tuple[Layer, ...]
    costs: tuple[Cost, ...]
    totals: Totals
    pairs: tuple[SeparablePair, ...]
    float_layers: tuple[int, ...]
    unsupported_reasons: tuple[str | None, ...]
    edgetpu_runtime: int | None
    other_subgraphs: int
    architecture: BackboneMatch | None
    entry: CatalogEntry | None
    published: PublishedCounts | None

    @property
    def edgetpu_compiled(self) -> bool:
        return any(layer.custom_name == EDGETPU_CUSTOM_OP for layer in self.layers)

    @property
    def cpu_layers(self) -> tuple[int, ...]:
        """The layers that an Edge TPU would leave to the CPU: of a compiled model, all that is not compiled."""
        if self.edgetpu_compiled:
            return tuple(at for at, layer in enumerate(self.layers) if layer.custom_name != EDGETPU_CUSTOM_OP)
        return tuple(at for at, reason in enumerate(self.unsupported_reasons) if reason)


def inspect_model(content: bytes, file: str) -> Inspection:
    """Inspect the model `content`; `file` names it in messages.

    Raises:
        ModelError: the bytes are no TFLite model, or a damaged one.
    """
    main, *others = read_subgraphs(content, file)
    costs = count_costs(main.layers)
    architecture = match_backbone(convolutions(main.layers))
    entry = entry_of(content)
    shape = main.inputs[0].shape if main.inputs else ()
    return Inspection(
        layers=main.layers,
        costs=costs,
        totals=total_costs(main.layers, costs),
        pairs=separable_pairs(main.layers, costs),
        float_layers=float_layers(main),
        unsupported_reasons=tuple(unsupported_reason(layer) for layer in main.layers),
        edgetpu_runtime=_edgetpu_runtime(main.layers),
        other_subgraphs=len(others),
        architecture=architecture,
        entry=entry,
        published=_published_of_file(entry) or _published_of_architecture(architecture, shape),
    )


def _edgetpu_runtime(layers: Sequence[Layer]) -> int | None:
    versions = [required_runtime(layer.custom_options) for layer in layers if layer.custom_name == EDGETPU_CUSTOM_OP]
    return max((version for version in versions if version is not None), default=None)


def _published_of_file(entry: CatalogEntry | None) -> PublishedCounts | None:
    if entry is None or not (
        entry.published_parameters and entry.published_multiply_adds and entry.published_counts_source
    ):
        return None
    return PublishedCounts(
        of=f"{entry.family} {entry.version}, alpha {entry.alpha:g}, resolution {entry.resolution}",
        parameters=entry.published_parameters,
        multiply_adds=entry.published_multiply_adds,
        source=entry.published_counts_source,
    )


def _published_of_architecture(match: BackboneMatch | None, shape: Sequence[int]) -> PublishedCounts | None:
    if match is None or len(shape) != 4 or shape[1] != shape[2]:
        return None
    family = PUBLISHED[match.name]
    settings = (match.alpha, shape[1], match.minimalistic)
    for figures in family.figures:
        if (figures.alpha, figures.resolution, figures.minimalistic) == settings:
            kind = f"{family.title} minimalistic" if match.minimalistic else family.title
            return PublishedCounts(
                of=f"{kind}, alpha {match.alpha:g}, resolution {shape[1]}",
                parameters=round(figures.parameters * _MILLION),
                multiply_adds=round(figures.multiply_adds * _MILLION),
                source=family.source,
            )
    return None
