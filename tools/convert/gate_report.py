"""Renders the gate's result as JSON or as a self-contained HTML page with a plot of the layers' errors.

It measures and decides nothing (`tools.convert.gate` does), and writes no files.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

from tools.convert.gate import GateResult
from tools.convert.metadata import encode_json
from tools.quantization import LayerError

_ROW_HEIGHT, _LABEL_WIDTH, _PLOT_WIDTH = 18, 290, 520
_FULL_DB: Final = 50.0  # length of the plot's axis; more than 8 bits can reach
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #ddd}"
    "td+td{font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif}"
    ".bad{color:#a40000;font-weight:600}.good{color:#0a6b2d;font-weight:600}"
)


def render_report(
    result: GateResult, path: Path, *, name: str, facts: dict[str, Any], advice: tuple[str, ...]
) -> bytes:
    """Render `result` in the format of the suffix of `path`.

    Args:
        result: the result of the gate.
        path: the file to be written.
        name: the name of the model.
        facts: its provenance.
        advice: what to try, if it was refused.
    """
    if path.suffix.lower() == ".json":
        content = {"model": name, **facts, **result.as_json(), "reasons": result.reasons, "advice": advice}
        return encode_json(content)
    return _page(result, name, facts, advice).encode()


def summary_rows(result: GateResult) -> list[tuple[str, str]]:
    """Return the figures as (name, value), for a table."""
    rows = [
        ("compared on", f"{result.crops} crops of {result.photos} held-out photos"),
        ("top-1 agreement", f"{result.top1_agreement:.1%}"),
        ("top-5 agreement", f"{result.top5_agreement:.1%}"),
        ("material disagreement", f"{result.material_disagreement:.1%} (at most {result.max_disagreement:.1%})"),
        ("float32 TFLite against Keras", f"{result.float_disagreement:.1%} material disagreement"),
        ("logit signal-to-noise", f"{result.logit_snr_db:.1f} dB"),
        ("score shift", f"{result.score_shift:+.3f}"),
        ("saturated channels", f"{result.saturated_channels} of {result.channels}"),
        ("float operators", ", ".join(result.float_operators) or "none"),
        ("size", f"{result.int8_bytes / 1e6:.2f} MB (float32 {result.float_bytes / 1e6:.2f} MB)"),
        ("latency here, 1 thread", f"{result.latency_ms:.1f} ms (float32 {result.float_latency_ms:.1f} ms)"),
    ]
    if result.accuracy is not None:
        rows.insert(1, ("top-1 accuracy", f"float {result.accuracy[0]:.1%}, int8 {result.accuracy[1]:.1%}"))
    return rows


def _page(result: GateResult, name: str, facts: dict[str, Any], advice: tuple[str, ...]) -> str:
    verdict = "good" if result.passed else "bad"
    words = "passed" if result.passed else f"refused: {'; '.join(result.reasons)}"
    rows = [*summary_rows(result), *((key.replace("_", " "), _in_words(value)) for key, value in facts.items())]
    worst = result.worst_layers()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{escape(name)}: int8 against float</title><style>{_STYLE}</style>",
        f"<h1>{escape(name)}</h1><p class={verdict}>{escape(words)}</p>",
        "<table>",
        *(f"<tr><th>{escape(key)}<td>{escape(value)}" for key, value in rows),
        "</table>",
        "<h2>What to try</h2><ul>" + "".join(f"<li>{escape(line)}" for line in advice) + "</ul>" if advice else "",
        "<h2>Layers with the largest loss</h2><table><tr><th>layer<th>operator<th>loss<th>signal-to-noise<th>saturated",
        *(_layer_row(layer) for layer in worst),
        "</table><h2>Signal-to-noise of every layer's output, dB</h2>",
        _plot(result.layers, {layer.name for layer in worst}),
    ]
    return "\n".join(parts) + "\n"


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {inner}" for key, inner in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _layer_row(layer: LayerError) -> str:
    cells = (
        layer.name,
        layer.operator,
        f"{layer.loss_db:.1f} dB",
        f"{layer.snr_db:.1f} dB",
        f"{layer.saturated} of {layer.channels}",
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)


def _plot(layers: tuple[LayerError, ...], worst: set[str]) -> str:
    height, width = (len(layers) + 1) * _ROW_HEIGHT, _LABEL_WIDTH + _PLOT_WIDTH + 50
    parts = [f"<svg viewBox='0 0 {width} {height}' role=img aria-label='signal-to-noise by layer'>"]
    for decibels in range(0, int(_FULL_DB) + 1, 10):
        x = _LABEL_WIDTH + decibels / _FULL_DB * _PLOT_WIDTH
        line = f"<line x1='{x:.0f}' x2='{x:.0f}' y1='12' y2='{height}' stroke='#ddd'/>"
        parts.append(f"{line}<text x='{x:.0f}' y='10'>{decibels}</text>")
    for row, layer in enumerate(layers, start=1):
        y = row * _ROW_HEIGHT
        length = max(1.0, min(1.0, max(0.0, layer.snr_db) / _FULL_DB) * _PLOT_WIDTH)
        colour = "#c0392b" if layer.name in worst else "#4a78b0"
        parts.append(
            f"<text x='{_LABEL_WIDTH - 6}' y='{y + 10}' text-anchor='end'>{escape(layer.name[-44:])}</text>"
            f"<rect x='{_LABEL_WIDTH}' y='{y}' width='{length:.1f}' height='{_ROW_HEIGHT - 5}' fill='{colour}'>"
            f"<title>{escape(layer.name)} ({escape(layer.operator)}): {layer.snr_db:.1f} dB</title></rect>"
            f"<text x='{_LABEL_WIDTH + length + 4:.0f}' y='{y + 10}'>{layer.snr_db:.1f}</text>"
        )
    return "\n".join([*parts, "</svg>"])
