"""A look into a model: its layers, what they cost, and which published network it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.inspection.architectures import BackboneMatch, Convolution, count_multiply_adds, match_backbone
    from mobiclass.inspection.costs import Cost, SeparablePair, float_layers
    from mobiclass.inspection.edgetpu import SUPPORTED
    from mobiclass.inspection.layers import Layer, LayerTensor, read_subgraphs
    from mobiclass.inspection.published import PUBLISHED, Published
    from mobiclass.inspection.summary import Inspection, inspect_model

open_door(
    __name__,
    {
        "architectures": ("BackboneMatch", "Convolution", "count_multiply_adds", "match_backbone"),
        "costs": ("Cost", "SeparablePair", "float_layers"),
        "edgetpu": ("SUPPORTED",),
        "layers": ("Layer", "LayerTensor", "read_subgraphs"),
        "published": ("PUBLISHED", "Published"),
        "summary": ("Inspection", "inspect_model"),
    },
)
