"""The layers of a model as a table: shape and cost of each, then the totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass.cli.model_facts import Fact, facts_text
from mobiclass.cli.terminal.text import fit_text, safe_text, text_width

if TYPE_CHECKING:
    from mobiclass.inspection import Cost, Inspection, Layer, LayerTensor, SeparablePair

_MAX_CELLS: Final = 40  # an operator's name can be anybody's
_FEW: Final = 6


class _Column(NamedTuple):
    """A column of a table; those of a higher `rank` are left out where the terminal is too narrow."""

    title: str
    cells: list[str]
    right: bool = False
    rank: int = 0


def layers_text(inspection: Inspection, width: int) -> str:
    """Lay out what `inspection` found, for a terminal of `width` cells."""
    blocks = [_table(_layer_columns(inspection), width)]
    if inspection.pairs:
        title = "depthwise-separable convolutions, compared with standard ones"
        blocks.append(f"{title}\n{_table(_pair_columns(inspection.pairs), width)}")
    blocks.append(facts_text(_summary(inspection)))
    return "\n\n".join(blocks)


def _layer_columns(inspection: Inspection) -> list[_Column]:
    layers, costs = inspection.layers, inspection.costs
    outputs = [layer.outputs[0] if layer.outputs else None for layer in layers]
    columns = [
        _Column("#", [str(place) for place in range(len(layers))], right=True),
        _Column("operator", [_operator(layer) for layer in layers]),
        _Column("fused", [layer.options.activation for layer in layers], rank=3),
        _Column("output", [_shape(tensor) for tensor in outputs]),
        _Column("params", [_number(cost.parameters) for cost in costs], right=True),
        _Column("mult-adds", [_number(cost.multiply_adds) for cost in costs], right=True),
        _Column("bytes", [_number(cost.stored_bytes) for cost in costs], right=True),
        _Column("weights", [_weights(cost) for cost in costs], rank=1),
        _Column("output type", [_values(tensor) for tensor in outputs], rank=4),
    ]
    if any(inspection.unsupported_reasons) and not inspection.edgetpu_compiled:
        columns.append(_Column("TPU", ["no" if reason else "yes" for reason in inspection.unsupported_reasons], rank=2))
    return columns


def _pair_columns(pairs: Sequence[SeparablePair]) -> list[_Column]:
    return [
        _Column("#", [f"{pair.depthwise}, {pair.pointwise}" for pair in pairs], right=True),
        _Column("kernel", [f"{pair.kernel_height}×{pair.kernel_width}" for pair in pairs]),
        _Column("N", [str(pair.outputs) for pair in pairs], right=True),
        _Column("mult-adds", [_number(pair.multiply_adds) for pair in pairs], right=True),
        _Column("standard", [_number(pair.standard_multiply_adds) for pair in pairs], right=True),
        _Column("ratio", [_percent(pair.ratio) for pair in pairs], right=True),
        _Column("1/N + 1/D²", [_percent(pair.formula) for pair in pairs], right=True),
    ]


def _summary(inspection: Inspection) -> list[Fact]:
    facts = [Fact("layers", _count(len(inspection.layers), "operator"), "")]
    if inspection.other_subgraphs:
        facts.append(
            Fact("", f"plus those of {_count(inspection.other_subgraphs, 'subgraph')} run by control flow", "")
        )
    facts += _totals(inspection)
    if inspection.pairs:
        spent = sum(pair.multiply_adds for pair in inspection.pairs)
        standard = sum(pair.standard_multiply_adds for pair in inspection.pairs)
        text = f"{_count(len(inspection.pairs), 'pair')}: {spent:,} multiply-adds instead of {standard:,}"
        facts.append(Fact("separable", f"{text} for standard convolutions ({_percent(spent / standard)})", ""))
    facts.append(Fact("float layers", _named(inspection.layers, inspection.float_layers) or "none", ""))
    return facts + _edgetpu(inspection)


def _totals(inspection: Inspection) -> list[Fact]:
    totals, published = inspection.totals, inspection.published
    uncounted = ", ".join(map(_cut, totals.uncounted[:_FEW]))
    parameters, multiply_adds = (
        count
        if not uncounted
        else f"{count}, plus those inside {uncounted}"
        if number
        else f"unknown, inside {uncounted}"
        for number in (totals.parameters, totals.multiply_adds)
        for count in [f"{number:,}"]
    )
    if published:
        parameters += f"; published: {_millions(published.parameters)}"
        multiply_adds += f"; published: {_millions(published.multiply_adds)}"
    facts = [
        Fact("parameters", parameters, ""),
        Fact("multiply-adds", multiply_adds, ""),
        Fact("weights", f"{totals.stored_bytes:,} bytes", ""),
    ]
    if totals.uncounted and (entry := inspection.entry):
        counted = f"{entry.parameters:,} parameters, {entry.multiply_adds:,} multiply-adds"
        facts.append(Fact("catalogue", counted, entry.counts_source))
    if published:
        facts.append(Fact("published", f"{published.of}, with ImageNet's classes", published.source))
    elif inspection.architecture:
        facts.append(Fact("published", "nothing for this alpha and resolution", ""))
    return facts


def _edgetpu(inspection: Inspection) -> list[Fact]:
    left = inspection.cpu_layers
    if inspection.edgetpu_compiled:
        runtime = inspection.edgetpu_runtime
        needs = f"; needs its runtime {runtime} or newer" if runtime else ""
        facts = [Fact("Edge TPU", f"compiled{needs}", "")]
        facts.append(Fact("on the CPU", _named(inspection.layers, left) or "nothing", ""))
        if (entry := inspection.entry) and entry.cpu:
            facts.append(Fact("compiled from", f"{entry.cpu}, whose layers can be listed", "catalogue"))
        return facts
    if not left:
        return [Fact("Edge TPU", "supports every layer; edgetpu_compiler has the last word", "")]
    able = len(inspection.layers) - len(left)
    facts = [Fact("Edge TPU", f"supports {able} of {_count(len(inspection.layers), 'layer')}; not:", "")]
    reasons: dict[str, list[int]] = {}
    for place in left:
        reasons.setdefault(inspection.unsupported_reasons[place] or "", []).append(place)
    return facts + [Fact("", f"{_named(inspection.layers, places)}: {why}", "") for why, places in reasons.items()]


def _named(layers: Sequence[Layer], places: Sequence[int]) -> str:
    """Name the operators at `places`, each with the first few of its places: ``EXP (3, 5), MUL (7 and 12 more)``."""
    if len(places) == len(layers) > _FEW:
        return f"all {len(places):,}"
    by_name: dict[str, list[int]] = {}
    for place in places:
        by_name.setdefault(layers[place].name, []).append(place)
    texts = []
    for name, at in by_name.items():
        more = f" and {len(at) - _FEW} more" if len(at) > _FEW else ""
        texts.append(f"{_cut(name)} (#{', #'.join(map(str, at[:_FEW]))}{more})")
    return ", ".join(texts)


def _table(columns: list[_Column], width: int) -> str:
    """Lay out `columns`, with as many of those that may be left out, and as much space between them, as fit."""
    kept = [column for column in columns if any(column.cells) or not column.rank]
    while _table_width(kept, gap=1) > width and any(column.rank for column in kept):
        kept.remove(max(kept, key=lambda column: column.rank))
    gap = 2 if _table_width(kept, gap=2) <= width else 1
    padded = [_padded(column) for column in kept]
    return "\n".join((" " * gap).join(cells).rstrip() for cells in zip(*padded, strict=True))


def _padded(column: _Column) -> Iterable[str]:
    width = _column_width(column)
    for cell in (column.title, *column.cells):
        yield cell.rjust(width) if column.right else fit_text(cell, width)


def _table_width(columns: list[_Column], *, gap: int) -> int:
    return sum(map(_column_width, columns)) + gap * (len(columns) - 1)


def _column_width(column: _Column) -> int:
    return max(map(text_width, (column.title, *column.cells)))


def _operator(layer: Layer) -> str:
    options, text = layer.options, _cut(layer.name)
    if layer.kernel:
        text += " {}×{}".format(*layer.kernel)
    if options.stride_height != options.stride_width:
        text += f"/{options.stride_height}×{options.stride_width}"
    elif options.stride_height != 1:
        text += f"/{options.stride_height}"
    if (options.dilation_height, options.dilation_width) != (1, 1):
        text += f" dilated {options.dilation_height}×{options.dilation_width}"
    return text


def _cut(name: str) -> str:
    return fit_text(safe_text(name), min(text_width(safe_text(name)), _MAX_CELLS))


def _shape(tensor: LayerTensor | None) -> str:
    """Write a shape without its batch of one."""
    if tensor is None:
        return ""
    shape = tensor.shape[1:] if tensor.shape[:1] == (1,) and len(tensor.shape) > 1 else tensor.shape
    return "×".join("?" if side < 0 else str(side) for side in shape)


def _weights(cost: Cost) -> str:
    """Write the type of a layer's weights, and whether they are quantized per channel or per tensor."""
    if not cost.weights:
        return ""
    weights = max(cost.weights, key=lambda tensor: tensor.stored_bytes)
    if not weights.scales:
        return weights.dtype
    return f"{weights.dtype}/{'ch' if weights.per_channel else 't'}"


def _values(tensor: LayerTensor | None) -> str:
    """Write a tensor's type, and what its quantized values mean."""
    if tensor is None:
        return ""
    if tensor.per_channel:
        return f"{tensor.dtype}, {len(tensor.scales)} scales"
    if not tensor.scales or "float" in tensor.dtype:
        return tensor.dtype
    zero_point = tensor.zero_points[0] if tensor.zero_points else 0
    return f"{tensor.dtype} (q {'+' if zero_point < 0 else '−'} {abs(zero_point)}) · {tensor.scales[0]:.4g}"


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}" if count else "–"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.2f} %"


def _millions(count: int) -> str:
    return f"{count / 1e6:.3g} M"
