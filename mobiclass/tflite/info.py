"""What a .tflite classifier says of itself, and which source each fact comes from.

It reads files and needs neither a runtime nor NumPy; it does not run the model. The sources, strongest first:
the command line, a sidecar (``X.json``, ``X.labels.txt`` beside ``X.tflite``), ``mobiclass.json`` in the zip
appended to the model, the TFLite Metadata, the catalogue, the input's quantization, a label file beside the model,
the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from mobiclass.choices import Interpolation, Resize
from mobiclass.errors import LabelsError, ModelError
from mobiclass.labels import Labels, parse_labels, read_labels
from mobiclass.tflite.facts import (
    CONFIG_NAME,
    DEFAULTS,
    Facts,
    PerChannel,
    facts_from_catalog,
    facts_from_metadata,
    facts_from_quantization,
    parse_config,
)
from mobiclass.tflite.graph import EDGETPU_CUSTOM_OP, Graph, Quantization, TensorSpec, read_graph, read_zip_members

if TYPE_CHECKING:
    from mobiclass.tflite.nearby import NearbyLabels

__all__ = ["ModelFile", "ModelInfo", "Preprocessing", "Quantization", "TensorSpec", "read_model", "read_model_file"]

OutputKind: TypeAlias = Literal["probabilities", "logits"]

_INPUT_DTYPES: Final = ("uint8", "int8", "float32")
_OUTPUT_DTYPES: Final = ("uint8", "int8", "int16", "float16", "float32")
_MAX_INPUT_SIDE: Final = 4096  # pixels; beyond it the input tensor alone would fill a small machine
_PREPROCESSING_FACTS: Final = ("mean", "std", "resize", "crop_fraction", "interpolation")
_CATALOG_FACTS: Final = (*_PREPROCESSING_FACTS, "license")
_FEATURE_HEADS: Final = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "L2_NORMALIZATION", "CUSTOM", "")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the model's input; the fields are those of `mobiclass.tflite.facts.Facts`.

    Attributes:
        sources: for each field, the name of the source that it comes from.
    """

    mean: PerChannel
    std: PerChannel
    resize: Resize = "crop"
    crop_fraction: float = 0.875
    interpolation: Interpolation = "bicubic"
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model's file.

    Attributes:
        path: where it is.
        content: its bytes, read once: what is described is what will run.
    """

    path: Path
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The file's name without ``.tflite``."""
        return self.path.name.removesuffix(".tflite")

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hexadecimal."""
        import hashlib

        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class ModelInfo(ModelFile):
    """One image classifier.

    Attributes:
        input: the image tensor, (1, height, width, 3) of uint8, int8 or float32.
        output: the score tensor, whose last dimension is the number of classes.
        output_kind: whether the graph ends in probabilities, or in logits that still want a softmax.
        custom_ops: the names of its custom operators.
        preprocessing: how an image becomes its input.
        labels: one label an output; ``None`` where no source has any.
        description: what it is, in a sentence.
        author: who made it.
        license: the licence of its weights.
        sources: for labels, description, author and license, the source that each comes from.
        wnids: the WordNet id of each output, where its labels have them.
        nearby_labels: the label file beside it, where that is its labels' source or may be.
    """

    input: TensorSpec
    output: TensorSpec
    output_kind: OutputKind
    custom_ops: tuple[str, ...]
    preprocessing: Preprocessing
    labels: tuple[str, ...] | None = field(repr=False)
    description: str | None
    author: str | None
    license: str | None
    sources: Mapping[str, str]
    wnids: tuple[str | None, ...] | None = field(default=None, repr=False)
    nearby_labels: NearbyLabels | None = None

    @property
    def height(self) -> int:
        """The input's height in pixels."""
        return self.input.shape[1]

    @property
    def width(self) -> int:
        """The input's width in pixels."""
        return self.input.shape[2]

    @property
    def classes(self) -> int:
        """The number of outputs."""
        return self.output.shape[-1]

    @property
    def edgetpu_compiled(self) -> bool:
        """Whether the model holds operators that only an Edge TPU can run."""
        return EDGETPU_CUSTOM_OP in self.custom_ops


def read_model(path: Path, overrides: Facts | None = None) -> ModelInfo:
    """Read the classifier at `path`; what `overrides` says is stronger than all that the model says.

    Raises:
        ModelError: the file cannot be read, is damaged, or is no image classifier.
        LabelsError: the labels cannot be read or do not fit the outputs.
    """
    content = _read_file(path)
    graph = read_graph(content, str(path))
    image, scores = _check_classifier(graph, path)
    layers = [
        *([overrides] if overrides else []),
        *_sidecar_facts(path),
        *_embedded_facts(graph, content, path),
    ]
    layers += [*_catalog_facts(content, layers), facts_from_quantization(image), DEFAULTS]
    labels, labels_source, nearby = _fitted_labels(layers, scores.shape[-1], path)
    if labels is None and graph.head in _FEATURE_HEADS and _output_kind(graph.head, scores) == "logits":
        raise ModelError(
            f"{path}: no image classifier but, it seems, a feature extractor: its {scores.shape[-1]} outputs are "
            "neither probabilities nor labelled; if they are classes, give it a file with their labels"
        )
    texts = {name: _strongest(layers, name) for name in ("description", "author", "license")}
    return ModelInfo(
        path=path,
        content=content,
        input=image,
        output=scores,
        output_kind=_output_kind(graph.head, scores),
        custom_ops=graph.custom_ops,
        preprocessing=_preprocessing(layers),
        labels=labels.names if labels else None,
        wnids=labels.wnids if labels else None,
        nearby_labels=nearby,
        description=texts["description"][0],
        author=texts["author"][0],
        license=texts["license"][0],
        sources={"labels": labels_source, **{name: source for name, (_, source) in texts.items()}},
    )


def read_model_file(path: Path) -> ModelFile:
    """Read a model of any kind, without a look into it.

    Raises:
        ModelError: the file cannot be read.
    """
    return ModelFile(path, _read_file(path))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such model file") from error
    except IsADirectoryError as error:
        raise ModelError(f"{path}: a folder, not a .tflite file") from error
    except (OSError, MemoryError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "out of memory"
        raise ModelError(f"{path}: the model cannot be read ({reason})") from error


def _check_classifier(graph: Graph, path: Path) -> tuple[TensorSpec, TensorSpec]:
    """Return the image input and the score output of `graph`, or say why it has none."""

    def refuse(reason: str) -> ModelError:
        return ModelError(f"{path}: no image classifier: {reason}")

    if len(graph.inputs) != 1:
        raise refuse(f"it takes {len(graph.inputs)} inputs, not one image")
    if len(graph.outputs) != 1:
        raise refuse(f"it gives {len(graph.outputs)} outputs, not one vector of scores")
    image, scores = graph.inputs[0], graph.outputs[0]
    if len(image.shape) != 4 or image.shape[0] != 1 or image.shape[3] != 3:
        raise refuse(f"its input has the shape {_text(image.shape)}, not 1×height×width×3 channels")
    if not all(2 <= side <= _MAX_INPUT_SIDE for side in image.shape[1:3]):
        raise refuse(f"its input is {image.shape[1]}×{image.shape[2]} pixels; fix its resolution when converting it")
    if image.dtype not in _INPUT_DTYPES:
        raise refuse(f"its input is {image.dtype}; {', '.join(_INPUT_DTYPES)} can be fed")
    if not scores.shape or prod(scores.shape[:-1]) != 1 or scores.shape[-1] < 2:
        raise refuse(f"its output has the shape {_text(scores.shape)}, not 1×classes")
    if scores.dtype not in _OUTPUT_DTYPES:
        raise refuse(f"its output is {scores.dtype}; {', '.join(_OUTPUT_DTYPES)} can be read")
    if scores.quantization is None and not scores.dtype.startswith("float"):
        raise refuse(f"its output is {scores.dtype} without one scale for all classes")
    return image, scores


def _output_kind(head: str, scores: TensorSpec) -> OutputKind:
    if head in ("SOFTMAX", "LOGISTIC"):
        return "probabilities"
    if scores.quantization is not None:
        # An Edge TPU's custom operator hides the softmax, but no logits fit into [0, 1].
        steps = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}[scores.dtype]
        low, high = ((step - scores.quantization.zero_point) * scores.quantization.scale for step in steps)
        if low >= 0 and high <= 1:
            return "probabilities"
    return "logits"


def _sidecar_facts(path: Path) -> list[Facts]:
    stem = path.name.removesuffix(".tflite")
    facts = []
    labels = path.with_name(f"{stem}.labels.txt")
    if _is_file(labels):
        facts.append(Facts(source=labels.name, labels=read_labels(labels)))
    config = path.with_name(f"{stem}.json")
    if _is_file(config):
        facts.append(parse_config(_read_file(config), config.name, str(config)))
    return facts


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the model's name leaves no room for a longer one
        return False


def _embedded_facts(graph: Graph, content: bytes, path: Path) -> list[Facts]:
    labels_file = graph.metadata.labels_file
    wanted = frozenset({CONFIG_NAME, labels_file} if labels_file else {CONFIG_NAME})
    members = read_zip_members(content, str(path), wanted)
    labels = None
    if labels_file:
        if labels_file not in members:
            raise LabelsError(f"{path}: its metadata name {labels_file!r} as labels, but hold no such file")
        labels = parse_labels(members[labels_file], f"{path} ({labels_file})")
    facts = [facts_from_metadata(graph.metadata, labels, str(path))]
    if CONFIG_NAME in members:
        config = parse_config(members[CONFIG_NAME], f"embedded {CONFIG_NAME}", f"{path} ({CONFIG_NAME})")
        facts.insert(0, config)
    return facts


def _catalog_facts(content: bytes, stronger: Sequence[Facts]) -> list[Facts]:
    # The catalogue is not read, nor the model hashed, where that could tell nothing new: not for the built-in model.
    if all(_strongest(stronger, name)[0] is not None for name in _CATALOG_FACTS):
        return []
    from mobiclass.hub import entry_of

    entry = entry_of(content)
    return [facts_from_catalog(entry)] if entry else []


def _fitted_labels(layers: Sequence[Facts], outputs: int, path: Path) -> tuple[Labels | None, str, NearbyLabels | None]:
    """Give the labels of the outputs and their source; where no source has any, those of a file beside the model."""
    listed, source = _strongest(layers, "labels")
    if listed is not None:
        labels = listed.fit(outputs, path.name)
        return labels, f"{source}, {labels.note}" if labels.note else source, None
    from mobiclass.tflite.nearby import find_nearby_labels

    found, nearby = find_nearby_labels(path, outputs)
    if found is None or nearby is None:
        return None, source, nearby
    source = f"{nearby.path.name} beside the model"
    return found, f"{source}, {found.note}" if found.note else source, nearby


def _preprocessing(layers: Sequence[Facts]) -> Preprocessing:
    found = {name: _strongest(layers, name) for name in _PREPROCESSING_FACTS}
    values: dict[str, Any] = {name: value for name, (value, _) in found.items()}
    return Preprocessing(**values, sources={name: source for name, (_, source) in found.items()})


def _strongest(layers: Sequence[Facts], name: str) -> tuple[Any, str]:
    for facts in layers:
        value = getattr(facts, name)
        if value is not None:
            return value, facts.source
    return None, "nowhere"


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(str(side) for side in shape) or "()"
