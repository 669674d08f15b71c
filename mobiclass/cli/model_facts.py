"""The metadata of a model as text and as JSON: each fact with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mobiclass.cli.terminal.text import safe_text
from mobiclass.labels import background_index
from mobiclass.results import printable_utf8

if TYPE_CHECKING:
    from mobiclass.tflite import Graph, ModelFile, ModelInfo, NearbyLabels, PerChannel, TensorSpec


class Fact(NamedTuple):
    """A line of the description; `source` is empty where the file itself is the source."""

    name: str
    text: str
    source: str


def model_facts(model: ModelInfo) -> list[Fact]:
    """List what is known of `model`, one fact per line."""
    preprocessing = model.preprocessing
    sources = preprocessing.sources
    facts = [
        *_file_facts(model),
    ]
    for name in ("description", "author", "license"):
        if text := getattr(model, name):
            facts.append(Fact(name, text, model.sources[name]))
    facts += [
        Fact("input", tensor_text(model.input), ""),
        Fact("output", f"{tensor_text(model.output)}, {model.output_kind}", ""),
        Fact("labels", _labels_text(model), model.sources["labels"] if model.labels else ""),
        Fact("resize", preprocessing.resize, sources["resize"]),
    ]
    if preprocessing.resize == "crop":
        facts.append(Fact("crop fraction", f"{preprocessing.crop_fraction:g}", sources["crop_fraction"]))
    facts += [
        Fact("interpolation", preprocessing.interpolation, sources["interpolation"]),
        Fact("mean", _channels_text(preprocessing.mean), sources["mean"]),
        Fact("std", _channels_text(preprocessing.std), sources["std"]),
    ]
    if model.custom_ops:
        facts.append(Fact("custom operators", ", ".join(model.custom_ops), ""))
    return facts


def graph_facts(model: ModelFile, graph: Graph, reason: str) -> list[Fact]:
    """List the facts of a model that is not a usable classifier, for `reason`."""
    return [
        *_file_facts(model),
        Fact("not a classifier", reason, ""),
        *(Fact("input", tensor_text(tensor), "") for tensor in graph.inputs),
        *(Fact("output", tensor_text(tensor), "") for tensor in graph.outputs),
    ]


def facts_text(facts: list[Fact]) -> str:
    """Lay `facts` out in aligned columns."""
    width = max(len(fact.name) for fact in facts)
    return "\n".join(
        f"{fact.name:<{width}}  {safe_text(fact.text)}" + (f"  [{safe_text(fact.source)}]" if fact.source else "")
        for fact in facts
    )


def model_json(model: ModelInfo) -> dict[str, Any]:
    """Make the JSON object of ``models show --format json``."""
    preprocessing = model.preprocessing
    values = {
        name: getattr(preprocessing, name) for name in ("mean", "std", "resize", "crop_fraction", "interpolation")
    }
    return {
        **_file_json(model),
        "description": model.description,
        "author": model.author,
        "license": model.license,
        "input": _tensor_json(model.input),
        "output": {**_tensor_json(model.output), "kind": model.output_kind},
        "labels": len(model.labels) if model.labels else 0,
        "background_index": background_index(model.labels) if model.labels else None,
        "preprocessing": {
            name: {"value": value, "source": preprocessing.sources[name]} for name, value in values.items()
        },
        "sources": dict(model.sources),
        "custom_ops": list(model.custom_ops),
        "edgetpu_compiled": model.edgetpu_compiled,
    }


def graph_json(model: ModelFile, graph: Graph, reason: str) -> dict[str, Any]:
    """Make the JSON object of a model that is not a usable classifier, for `reason`."""
    return {
        **_file_json(model),
        "no_classifier": reason,
        "inputs": [_tensor_json(tensor) for tensor in graph.inputs],
        "outputs": [_tensor_json(tensor) for tensor in graph.outputs],
    }


def tensor_text(tensor: TensorSpec) -> str:
    """Describe a tensor: ``uint8 1×224×224×3, real = (q − 127) · 0.0078125``."""
    text = f"{tensor.dtype} {'×'.join(map(str, tensor.shape))}"
    if tensor.quantization:
        text += f", real = (q − {tensor.quantization.zero_point}) · {tensor.quantization.scale:.9g}"
    return text


def _file_facts(model: ModelFile) -> list[Fact]:
    return [
        Fact("model", model.name, ""),
        Fact("file", f"{model.path} ({len(model.content):,} bytes)", ""),
        Fact("sha256", model.sha256, ""),
    ]


def _file_json(model: ModelFile) -> dict[str, Any]:
    return {
        "name": printable_utf8(model.name),
        "path": printable_utf8(str(model.path)),
        "bytes": len(model.content),
        "sha256": model.sha256,
    }


def _tensor_json(tensor: TensorSpec) -> dict[str, Any]:
    quantization = tensor.quantization
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": quantization.scale if quantization else None,
        "zero_point": quantization.zero_point if quantization else None,
    }


def nearby_labels_text(nearby: NearbyLabels) -> str:
    """Say whether the label file beside a model is used, and if not, why."""
    if nearby.unused_because is None:
        return f"using the labels in {nearby.path}; --labels FILE overrides them"
    return f"ignoring the labels in {nearby.path}: {nearby.unused_because}; choose a file with --labels FILE"


def _labels_text(model: ModelInfo) -> str:
    if not model.labels:
        text = "none: predictions have indices only"
        return f"{text}; {nearby_labels_text(model.nearby_labels)}" if model.nearby_labels else text
    background = background_index(model.labels)
    note = "" if background is None else f", index {background} is the background"
    return f"{len(model.labels)}{note}"


def _channels_text(values: PerChannel) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else ", ".join(f"{value:g}" for value in values)
