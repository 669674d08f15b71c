"""The sources of what is known of a model, one `Facts` each: the files beside it, those in it, the catalogue.

Which source wins is decided in `mobiclass.tflite.info`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mobiclass.errors import LabelsError
from mobiclass.labels import LabelList, parse_labels, read_labels
from mobiclass.tflite.facts import (
    CONFIG_NAME,
    Facts,
    facts_from_catalog,
    facts_from_metadata,
    parse_config,
)
from mobiclass.tflite.graph import Graph
from mobiclass.tflite.metadata import may_describe
from mobiclass.tflite.model import read_file
from mobiclass.tflite.scores import Scores, fit_labels

_CATALOG_FACTS: Final = ("mean", "std", "resize", "crop_fraction", "interpolation", "license")


def sidecar_facts(path: Path) -> list[Facts]:
    """Read ``X.labels.txt`` and ``X.json`` beside the model ``X.tflite``.

    Raises:
        ModelError: ``X.json`` cannot be read, or says what is impossible.
        LabelsError: the labels cannot be read.
    """
    stem = path.name.removesuffix(".tflite")
    facts = []
    labels = path.with_name(f"{stem}.labels.txt")
    if _is_file(labels):
        facts.append(Facts(source=labels.name, labels=read_labels(labels)))
    config = path.with_name(f"{stem}.json")
    if _is_file(config):
        facts.append(parse_config(read_file(config), config.name, str(config)))
    return facts


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the model's name leaves no room for a longer one
        return False


def embedded_facts(graph: Graph, members: Mapping[str, bytes], path: Path) -> list[Facts]:
    """Read what stands in the model's own file, but for the TFLite Metadata.

    Raises:
        ModelError: it says what is impossible, or that the model is no classifier.
        LabelsError: its labels are none.
    """
    facts = []
    if CONFIG_NAME in members:
        facts.append(parse_config(members[CONFIG_NAME], f"embedded {CONFIG_NAME}", f"{path} ({CONFIG_NAME})"))
    texts = [(name, content) for name, content in members.items() if name != CONFIG_NAME and may_describe(content)]
    if texts or graph.descriptions:
        from mobiclass.tflite.ultralytics import ultralytics_facts

        decoded = [(name, content.decode("utf-8", errors="replace")) for name, content in texts]
        if found := ultralytics_facts((*decoded, *graph.descriptions), str(path)):
            facts.append(found)
    return facts


def metadata_facts(
    graph: Graph, scores: Scores, members: Mapping[str, bytes], path: Path, *, wants_labels: bool
) -> tuple[Facts, tuple[str, ...]]:
    """Read the TFLite Metadata, with the labels that they name if these are wanted.

    Returns:
        The facts; and notes on what was not believed.

    Raises:
        ModelError: the normalization in them is impossible.
        LabelsError: the labels are missing, or do not fit.
    """
    metadata = graph.metadata
    name = metadata.label_files[scores.place] if scores.place < len(metadata.label_files) else None
    name = metadata.labels_file if len(graph.outputs) == 1 else name
    labels, note = None, None
    if name is not None and wants_labels:
        if name not in members:
            raise LabelsError(f"{path}: its metadata name {name!r} as labels, but hold no such file")
        labels, note = _believed_labels(members[name], name, scores, path)
    return facts_from_metadata(metadata, labels, str(path)), (note,) if note else ()


def _believed_labels(content: bytes, name: str, scores: Scores, path: Path) -> tuple[LabelList | None, str | None]:
    """Read a file that the metadata call labels; one that is something else gives a note instead."""
    labels, is_other = None, may_describe(content)  # Ultralytics' exporter calls a dictionary so
    try:
        labels = parse_labels(content, f"{path} ({name})")
        if is_other or len(labels) == 1:
            is_other = True
            fit_labels(labels, scores.per_image, path.name)
    except LabelsError as error:
        if not is_other:
            raise
        reason = str(error).removeprefix(f"{path} ({name}): ")
        return None, f"its metadata call {name!r} its labels, and it holds none that fit: it is not used ({reason})"
    return labels, None


def catalog_facts(content: bytes, stronger: Sequence[Facts]) -> list[Facts]:
    """Look the model up in the catalogue."""
    # The catalogue is not read, nor the model hashed, where that could tell nothing new: not for the built-in model.
    if all(strongest(stronger, name)[0] is not None for name in _CATALOG_FACTS):
        return []
    from mobiclass.hub import entry_of

    entry = entry_of(content)
    return [facts_from_catalog(entry)] if entry else []


def strongest(layers: Sequence[Facts], name: str) -> tuple[Any, str]:
    """Give what the strongest source says of `name`, and the name of that source; the strongest comes first."""
    for facts in layers:
        value = getattr(facts, name)
        if value is not None:
            return value, facts.source
    return None, "nowhere"
