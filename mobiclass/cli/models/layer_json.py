"""A model's layers as JSON: the part that ``--layers`` adds to ``models show --format json``."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mobiclass.inspection import Inspection, LayerTensor


def layers_json(inspection: Inspection) -> dict[str, Any]:
    """Make the fields that describe what `inspection` found."""
    totals, published, architecture = inspection.totals, inspection.published, inspection.architecture
    return {
        "layers": [_layer_json(inspection, place) for place in range(len(inspection.layers))],
        "other_subgraphs": inspection.other_subgraphs,
        "totals": {
            "parameters": totals.parameters,
            "multiply_adds": totals.multiply_adds,
            "weight_bytes": totals.stored_bytes,
            "uncounted": list(totals.uncounted),
        },
        "architecture": architecture._asdict() if architecture else None,
        "published": published._asdict() if published else None,
        "catalog": _catalog_json(inspection),
        "separable": [
            {**pair._asdict(), "ratio": pair.ratio, "formula": pair.formula} for pair in inspection.pairs
        ],
        "float_layers": list(inspection.float_layers),
        "edgetpu": {
            "compiled": inspection.edgetpu_compiled,
            "min_runtime": inspection.edgetpu_runtime,
            "cpu_layers": list(inspection.cpu_layers),
        },
    }  # fmt: skip


def _catalog_json(inspection: Inspection) -> dict[str, Any] | None:
    entry = inspection.entry
    if entry is None:
        return None
    return {
        "name": entry.name,
        "parameters": entry.parameters,
        "multiply_adds": entry.multiply_adds,
        "counts_source": entry.counts_source,
        "compiled_from": entry.cpu,
    }


def _layer_json(inspection: Inspection, place: int) -> dict[str, Any]:
    layer, cost = inspection.layers[place], inspection.costs[place]
    options = layer.options
    return {
        "index": place,
        "operator": layer.name,
        "kernel": list(layer.kernel) if layer.kernel else None,
        "stride": [options.stride_height, options.stride_width],
        "dilation": [options.dilation_height, options.dilation_width],
        "activation": options.activation or None,
        "inputs": [_tensor_json(tensor) for tensor in layer.inputs if tensor and not tensor.constant],
        "outputs": [_tensor_json(tensor) for tensor in layer.outputs],
        "weights": [{**_tensor_json(tensor), "bytes": tensor.stored_bytes} for tensor in cost.weights],
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        "bytes": cost.stored_bytes,
        "edgetpu_unsupported_reason": inspection.unsupported_reasons[place],
    }


def _tensor_json(tensor: LayerTensor) -> dict[str, Any]:
    """Describe a tensor; a dimension that is not known is −1, and per-channel scales are given as their range."""
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scales": len(tensor.scales),
        "scale": _bounds([scale if isfinite(scale) else None for scale in tensor.scales]),
        "zero_point": _bounds(list(tensor.zero_points)),
    }


def _bounds(values: list[Any]) -> Any:
    """Give the only value, or the smallest and the largest of several."""
    if None in values or not values:
        return None
    return values[0] if len(values) == 1 else [min(values), max(values)]
