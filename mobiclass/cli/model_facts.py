"""The metadata of a model as text and as JSON: each fact with its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mobiclass.cli.terminal.text import safe_text
from mobiclass.labels import background_index
from mobiclass.results import printable_utf8

if TYPE_CHECKING:
    from mobiclass.tflite import Graph, ModelFile, ModelInfo, NearbyLabels, PerChannel, TensorSpec


DEFAULT: Final = "default"
"""The source of what no other source says."""

WEIGHTS: Final = "weights of the first layer"
"""The source of a normalization that these speak for."""

OPEN: Final = "open"
"""The output kind of a model that is known only once it has been run."""

_TAUGHT_CLASSES: Final = 20

_KINDS: Final = {
    "probabilities": "probabilities",
    "logits": "logits, softmax applied",
    "multilabel": "multi-label probabilities",
    "multilabel-logits": "multi-label logits, sigmoid applied",
    None: "open: told by test images once the model is loaded",
}


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
        Fact("input", _input_text(model), ""),
        *_graph_normalization(model),
        Fact("output", _output_text(model), ""),
        Fact("output kind", _output_kind_text(model), model.sources["output_kind"]),
        Fact("labels", _labels_text(model), model.sources["labels"] if model.labels else ""),
        Fact("resize", preprocessing.resize, sources["resize"]),
    ]
    if preprocessing.resize == "crop":
        facts.append(Fact("crop fraction", f"{preprocessing.crop_fraction:g}", sources["crop_fraction"]))
    facts += [
        Fact("interpolation", preprocessing.interpolation, sources["interpolation"]),
        Fact("channels", "grey" if model.grey else preprocessing.channels, "" if model.grey else sources["channels"]),
        Fact("mean", _channels_text(preprocessing.mean), sources["mean"]),
        Fact("std", _channels_text(preprocessing.std), sources["std"]),
    ]
    if model.custom_ops:
        facts.append(Fact("custom operators", ", ".join(model.custom_ops), ""))
    if model.rules is not None:
        facts.append(Fact("rules", _rules_text(model), model.sources["rules"]))
    if model.taught:
        facts += _taught_facts(model.taught, model.sources["taught"])
    return facts


def _rules_text(model: ModelInfo) -> str:
    """Say when a class, a group or ``unknown`` is answered, or why the rules cannot be used."""
    from mobiclass.decisions import parse_rules
    from mobiclass.errors import ModelError

    try:
        rules = parse_rules(model.rules or {}, str(model.path))
    except ModelError as error:
        return f"unusable: {error}"
    parts = [f"class from {rules.class_score:g}"]
    if rules.largest_group > 1:
        parts.append(f"group of up to {rules.largest_group} classes from {rules.group_score:g}")
    if rules.labels:
        parts.append(f"own thresholds for {len(rules.labels)} label{'s'[: len(rules.labels) > 1]}")
    if rules.unknown:
        parts.append(f"unknown below a cosine of {rules.unknown.threshold:g}")
    return ", ".join(parts) + (f"; fitted on {rules.fitted_on}" if rules.fitted_on else "")


def _taught_facts(taught: Mapping[str, Any], source: str) -> list[Fact]:
    """List what a model was taught, as far as its file says it; the file may be anybody's."""
    facts = []
    photos = taught.get("photos")
    if isinstance(photos, Mapping):
        shown = [f"{label} {count}" for label, count in photos.items()]
        more = f" and {len(shown) - _TAUGHT_CLASSES} more" if len(shown) > _TAUGHT_CLASSES else ""
        facts.append(Fact("taught", f"photos: {', '.join(shown[:_TAUGHT_CLASSES])}{more}", source))
    if base := taught.get("base"):
        facts.append(Fact("base", f"{base}, sha256 {str(taught.get('base_sha256', 'unknown'))[:16]}…", source))
    measured = taught.get("cross_validation")
    if isinstance(measured, Mapping) and isinstance(top1 := measured.get("top1"), (int, float)):
        text = f"{top1 * 100:.1f} % of {measured.get('photos', '?')} photos held out"
        interval = measured.get("interval")
        if isinstance(interval, list) and len(interval) == 2 and all(isinstance(end, (int, float)) for end in interval):
            text += f", 95 % interval {interval[0] * 100:.1f}–{interval[1] * 100:.1f}"
        facts.append(Fact("cross-validation", text, source))
    return facts


def graph_facts(model: ModelFile, graph: Graph, reason: str) -> list[Fact]:
    """List the facts of a model that is not a usable classifier, for `reason`."""
    return [
        *_file_facts(model),
        Fact("not a classifier", reason, ""),
        *(Fact("input", tensor_text(tensor), "") for tensor in graph.inputs),
        *(Fact("output", tensor_text(output.tensor), "") for output in graph.outputs),
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
    names = ("mean", "std", "resize", "crop_fraction", "interpolation", "channels")
    values = {name: getattr(preprocessing, name) for name in names}
    graph = model.graph_normalization
    return {
        **_file_json(model),
        "description": model.description,
        "author": model.author,
        "license": model.license,
        "input": {
            **_tensor_json(model.input),
            "shape": list(model.input_shape),
            "layout": preprocessing.layout,
            "height": model.height,
            "width": model.width,
        },
        "output": {
            **_tensor_json(model.output),
            "place": model.output_place,
            "kind": model.output_kind or OPEN,
            "kind_source": model.sources["output_kind"],
        },
        "classes": model.classes,
        "graph_normalization": {"mean": graph.mean, "std": graph.std} if graph else None,
        "labels": len(model.labels) if model.labels else 0,
        "background_index": background_index(model.labels) if model.labels else None,
        "preprocessing": {
            name: {"value": value, "source": preprocessing.sources[name]} for name, value in values.items()
        },
        "sources": dict(model.sources),
        "custom_ops": list(model.custom_ops),
        "edgetpu_compiled": model.edgetpu_compiled,
        **({"rules": model.rules} if model.rules is not None else {}),
        **({"taught": model.taught} if model.taught else {}),
    }


def graph_json(model: ModelFile, graph: Graph, reason: str) -> dict[str, Any]:
    """Make the JSON object of a model that is not a usable classifier, for `reason`."""
    return {
        **_file_json(model),
        "no_classifier": reason,
        "inputs": [_tensor_json(tensor) for tensor in graph.inputs],
        "outputs": [_tensor_json(output.tensor) for output in graph.outputs],
    }


def _input_text(model: ModelInfo) -> str:
    text = tensor_text(model.input._replace(shape=model.input_shape))
    wild = model.input.signature
    if len(wild) == len(model.input_shape) and any(side < 0 for side in wild[1:]):
        text += f", of {'×'.join('?' if side < 0 else str(side) for side in wild)}"
    return text + (", channels first" if model.preprocessing.layout == "nchw" else "")


def _output_text(model: ModelInfo) -> str:
    number = f", output {model.output_place} ({model.output.name})" if model.output_count > 1 else ""
    return tensor_text(model.output) + number


def _output_kind_text(model: ModelInfo) -> str:
    kind = _KINDS[model.output_kind]
    return f"{kind}, one score for two classes" if model.output_values == 1 else kind


def _graph_normalization(model: ModelInfo) -> list[Fact]:
    if model.graph_normalization is None:
        return []
    from mobiclass.tflite import formula

    return [Fact("in the graph", f"normalizes by itself: {formula(*model.graph_normalization)}", "")]


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


def guess_text(model: ModelInfo) -> str | None:
    """Say what was guessed of a model that does not say how its input is normalized, and how to say it."""
    preprocessing = model.preprocessing
    sources = preprocessing.sources
    guessed = [name for name in ("mean", "std") if sources[name] in (DEFAULT, WEIGHTS)]
    if not guessed:
        return None
    if WEIGHTS in (sources["mean"], sources["std"]):
        guesses = ["pixels of 0-255 as they are, which the weights of its first layer are made for"]
    else:
        guesses = ["(pixel - 127.5) / 127.5"] if len(guessed) == 2 else [f"a {guessed[0]} of 127.5"]
    options = [" and ".join(f"--{name}" for name in guessed)]
    if preprocessing.resize == "crop" and sources["crop_fraction"] == DEFAULT:
        guesses.append(f"a centre crop of {preprocessing.crop_fraction:g}")
        options.append("--crop-fraction or --resize" if sources["resize"] == DEFAULT else "--crop-fraction")
    if sources["interpolation"] == DEFAULT:
        guesses.append(f"{preprocessing.interpolation} resizing")
    if model.nearby_labels and model.nearby_labels.unused_because is None:
        guesses.append(f"the labels of {model.nearby_labels.path.name}")
        options.append("--labels")
    return (
        f"it does not say how its input is normalized; using {_series(guesses)}. If that is wrong, give "
        f"{', '.join(options)}"
    )


def _series(items: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def _labels_text(model: ModelInfo) -> str:
    if not model.labels:
        text = "none: predictions have indices only"
        return f"{text}; {nearby_labels_text(model.nearby_labels)}" if model.nearby_labels else text
    background = background_index(model.labels)
    note = "" if background is None else f", index {background} is the background"
    return f"{len(model.labels)}{note}"


def _channels_text(values: PerChannel) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else ", ".join(f"{value:g}" for value in values)
