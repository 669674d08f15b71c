"""What speaks against the normalization that was chosen for a model: its graph, where that says otherwise."""

from __future__ import annotations

from mobiclass.tflite.facts import PerChannel, facts_from_quantization
from mobiclass.tflite.model import ModelInfo
from mobiclass.tflite.normalization import expected_pixels, formula

_ALIKE = 0.05  # of a std, and of a mean in units of it: rounded constants and quantized ones differ by less


def normalization_doubt(model: ModelInfo) -> str | None:
    """Say what is odd about the mean and std of `model`; ``None`` where nothing is."""
    chosen = model.preprocessing.mean, model.preprocessing.std
    graph = model.graph_normalization
    expected = expected_pixels(graph) if graph else None
    if graph and expected:
        if _alike(chosen, expected):
            return None
        return (
            f"its graph normalizes by itself ({formula(*graph)}), which expects (pixel - {expected[0][0]:g}) / "
            f"{expected[1][0]:g}, and is fed something else: {_text(chosen)} ({model.preprocessing.sources['mean']})"
        )
    quantized = facts_from_quantization(model.input)
    fits = model.fits_raw_pixels and set(chosen[0]) == {0.0}
    if set(chosen[1]) != {1.0} or chosen == (quantized.mean, quantized.std) or graph or fits:
        return None
    values = "pixels of 0-255 as they are" if set(chosen[0]) == {0.0} else _text(chosen)
    return f"it is fed {values}, and no normalization was found in its graph"


def _alike(one: tuple[PerChannel, PerChannel], two: tuple[PerChannel, PerChannel]) -> bool:
    (means, stds), (other_means, other_stds) = one, two
    return all(abs(a - b) <= _ALIKE * b for a, b in zip(stds, other_stds, strict=True)) and all(
        abs(a - b) <= _ALIKE * std for a, b, std in zip(means, other_means, other_stds, strict=True)
    )


def _text(chosen: tuple[PerChannel, PerChannel]) -> str:
    mean, std = (f"{v[0]:g}" if len(set(v)) == 1 else f"({', '.join(f'{one:g}' for one in v)})" for v in chosen)
    return f"(pixel - {mean}) / {std}"
