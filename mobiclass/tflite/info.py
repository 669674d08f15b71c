"""What a .tflite classifier says of itself, and which source each fact comes from.

It reads files and needs neither a runtime nor NumPy; it does not run the model. The sources, strongest first:
the command line, a sidecar (``X.json``, ``X.labels.txt`` beside ``X.tflite``), ``mobiclass.json`` in the zip
appended to the model, the TFLite Metadata, the catalogue, the input's quantization, a label file beside the model,
the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mobiclass.choices import OutputKind
from mobiclass.errors import ModelError
from mobiclass.labels import Labels
from mobiclass.tflite.facts import CONFIG_NAME, DEFAULTS, RAW_PIXELS, Facts, facts_from_quantization
from mobiclass.tflite.graph import EDGETPU_CUSTOM_OP, Graph, read_graph, read_zip_members
from mobiclass.tflite.layout import ImageLayout, Unfit, find_layout
from mobiclass.tflite.metadata import DESCRIBING_FILES
from mobiclass.tflite.model import ModelInfo, Preprocessing, read_file
from mobiclass.tflite.network import Folded, TensorSpec
from mobiclass.tflite.scores import Scores, find_scores, fit_labels, is_feature_head, kind_of
from mobiclass.tflite.sources import catalog_facts, embedded_facts, metadata_facts, sidecar_facts, strongest

if TYPE_CHECKING:
    from mobiclass.tflite.nearby import NearbyLabels

_INPUT_DTYPES: Final = ("uint8", "int8", "int16", "float16", "float32")
_PREPROCESSING_FACTS: Final = ("mean", "std", "resize", "crop_fraction", "interpolation", "channels")
# What the filters of a first layer add up to is 2 to 20; with a division by 58, 127.5 or 255 in them, a fraction of it.
_LEAST_GAIN: Final = 0.4
_FLEX: Final = "Flex"
_DETECTION: Final = "TFLite_Detection_PostProcess"
_IMAGE_RANK: Final = 4


def read_model(path: Path, overrides: Facts | None = None) -> ModelInfo:
    """Read the classifier at `path`; what `overrides` says is stronger than all that the model says.

    Raises:
        ModelError: the file cannot be read, is damaged, or is no image classifier.
        LabelsError: the labels cannot be read or do not fit the outputs.
    """
    content = read_file(path)
    graph = read_graph(content, str(path))
    _check_operators(graph, path)
    members = read_zip_members(content, str(path), {CONFIG_NAME, *graph.metadata.files, *DESCRIBING_FILES})
    layers = [*([overrides] if overrides else []), *sidecar_facts(path), *embedded_facts(graph, members, path)]
    image, layout, scores = _find_tensors(graph, layers, path)
    wants_labels = strongest(layers, "labels")[0] is None
    metadata, notes = metadata_facts(graph, scores, members, path, wants_labels=wants_labels)
    folded = graph.folded.get(3 if layout.kind == "nhwc" else 1)
    layers.append(metadata)
    # The graph comes first: it says what the real values of an input are to be, and a quantization how they are stored.
    layers += [*catalog_facts(content, layers), *_graph_facts(folded), facts_from_quantization(image)]
    fits_raw_pixels = folded is None and graph.first_gain is not None and 0 < graph.first_gain < _LEAST_GAIN
    layers += [*([RAW_PIXELS] if fits_raw_pixels else []), DEFAULTS]
    labels, labels_source, nearby = _fitted_labels(layers, scores.per_image, path)
    kind, kind_source = _output_kind(layers, scores)
    _check_classes(scores, kind, labels, graph.custom_ops, path)
    texts = {name: strongest(layers, name) for name in ("description", "author", "license", "rules", "taught")}
    return ModelInfo(
        path=path,
        content=content,
        input=image._replace(shape=layout.shape(), signature=image.signature or image.shape),
        input_shape=_fed_shape(image, layout),
        output=scores.of_images(layout.batch),
        output_place=scores.place,
        output_count=len(graph.outputs),
        output_values=scores.per_image,
        output_kind=kind,
        graph_normalization=folded,
        fits_raw_pixels=fits_raw_pixels,
        custom_ops=graph.custom_ops,
        preprocessing=_preprocessing(layers, layout, path),
        labels=labels.names if labels else None,
        wnids=labels.wnids if labels else None,
        nearby_labels=nearby,
        notes=notes,
        **{name: text for name, (text, _) in texts.items()},
        sources={
            "labels": labels_source,
            "output_kind": kind_source,
            **{name: source for name, (_, source) in texts.items()},
        },
    )


def _find_tensors(graph: Graph, layers: Sequence[Facts], path: Path) -> tuple[TensorSpec, ImageLayout, Scores]:
    """Find the image input, its layout, and the output that holds the scores.

    Raises:
        ModelError: the model is no image classifier, or somebody has to say how it is one.
    """
    said = {name: strongest(layers, name) for name in ("layout", "resolution", "labels", "output_tensor")}
    try:
        image = _image_input(graph)
        layout = find_layout(graph.unflattened or image, said["layout"][0], said["resolution"][0])
        resolution, source = said["resolution"]
        if source == "command line" and resolution != (layout.height, layout.width):
            size = f"{layout.height}×{layout.width}"
            raise Unfit(f"its input is fixed at {size} pixels, which --resolution cannot change", advice=True)
        scores = find_scores(
            graph.outputs,
            max(1, image.shape[0]) if len(image.shape) == _IMAGE_RANK else 1,
            said["output_tensor"][0],
            said["labels"][0],
            tuple(map(bool, graph.metadata.label_files)),
        )
    except Unfit as error:
        raise ModelError(f"{path}: {'' if error.advice else 'no image classifier: '}{error}") from error
    return image, layout, scores


def _check_operators(graph: Graph, path: Path) -> None:
    """Refuse operators of TensorFlow itself, and a detector; of other custom operators some runtimes have some."""
    if _DETECTION in graph.custom_ops:
        raise ModelError(f"{path}: no image classifier: it detects objects (its operator {_DETECTION} does)")
    if flex := [name for name in graph.custom_ops if name.startswith(_FLEX)]:
        raise ModelError(
            f"{path}: it needs operators of TensorFlow itself (Select TF, or Flex), which the TFLite runtimes do not "
            f"have: {', '.join(flex)}; convert the model again with converter.target_spec.supported_ops = "
            "[tf.lite.OpsSet.TFLITE_BUILTINS], and replace the layers that cannot be converted so"
        )


def _image_input(graph: Graph) -> TensorSpec:
    """Return the only input, if it can be fed.

    Raises:
        Unfit: it cannot, or there is none or are several.
    """
    if len(graph.inputs) != 1:
        raise Unfit(f"it takes {len(graph.inputs)} inputs, not one image")
    (image,) = graph.inputs
    if image.dtype not in _INPUT_DTYPES:
        raise Unfit(f"its input is {image.dtype}; {', '.join(_INPUT_DTYPES)} can be fed")
    return image


def _fed_shape(image: TensorSpec, layout: ImageLayout) -> tuple[int, ...]:
    """Give the shape of `image` with nothing open."""
    if len(image.shape) == len(layout.shape()):
        return layout.shape(layout.batch)
    if len(image.shape) <= 2:  # flattened: its values in a row
        return tuple(max(1, side) for side in image.shape)
    sides = dict(zip(layout.axes, (layout.height, layout.width), strict=True))
    return tuple(sides.get(axis, max(1, side)) for axis, side in enumerate(image.shape))


def _graph_facts(folded: Folded | None) -> list[Facts]:
    if folded is None:
        return []
    from mobiclass.tflite.normalization import facts_from_graph

    return [facts_from_graph(folded)]


def _output_kind(layers: Sequence[Facts], scores: Scores) -> tuple[OutputKind | None, str]:
    said, source = strongest(layers, "output_kind")
    if said is not None:
        return said, source
    kind, reason = kind_of(scores)
    return (None if kind == "open" else kind), reason


def _check_classes(
    scores: Scores, kind: OutputKind | None, labels: Labels | None, custom_ops: Sequence[str], path: Path
) -> None:
    """Refuse what has neither labels nor probabilities, and gives something other than classes more often than not."""
    if labels is not None or kind not in ("logits", None):
        return
    if scores.per_image == 1:
        raise ModelError(
            f"{path}: no image classifier but, it seems, a regression: its one output is neither a probability nor "
            "labelled; if it tells two classes apart, give it a file with their labels"
        )
    if is_feature_head(scores.output) and (scores.output.head.operator != "CUSTOM" or EDGETPU_CUSTOM_OP in custom_ops):
        raise ModelError(
            f"{path}: no image classifier but, it seems, a feature extractor: its {scores.per_image} outputs are "
            "neither probabilities nor labelled; if they are classes, give it a file with their labels"
        )


def _fitted_labels(layers: Sequence[Facts], outputs: int, path: Path) -> tuple[Labels | None, str, NearbyLabels | None]:
    """Give the labels of the outputs and their source; where no source has any, those of a file beside the model."""
    listed, source = strongest(layers, "labels")
    if listed is not None:
        labels = fit_labels(listed, outputs, path.name)
        return labels, f"{source}, {labels.note}" if labels.note else source, None
    from mobiclass.tflite.nearby import find_nearby_labels

    found, nearby = find_nearby_labels(path, outputs)
    if found is None or nearby is None:
        return None, source, nearby
    source = f"{nearby.path.name} beside the model"
    return found, f"{source}, {found.note}" if found.note else source, nearby


def _preprocessing(layers: Sequence[Facts], layout: ImageLayout, path: Path) -> Preprocessing:
    found = {name: strongest(layers, name) for name in _PREPROCESSING_FACTS}
    values: dict[str, Any] = {name: value for name, (value, _) in found.items()}
    if layout.channels == 1 and any(len(set(values[name])) > 1 for name in ("mean", "std")):
        raise ModelError(f"{path}: its input is grey, with one channel: it takes one mean and one std, not three")
    return Preprocessing(**values, layout=layout.kind, sources={name: source for name, (_, source) in found.items()})
