"""The base of a taught model: any classifier with a pooled feature layer, or a feature extractor; or a taught model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mobiclass.errors import ModelError
from mobiclass.hub import find_model
from mobiclass.tflite import Head, ModelInfo, find_head, override_facts, read_model


class Base(NamedTuple):
    """A model that gives features, and the place where its head is to be replaced.

    Attributes:
        model: what is known of it.
        head: its head, and the features that feed it.
    """

    model: ModelInfo
    head: Head


def read_base(name: str | Path | None, preprocessing: Mapping[str, Any] | None = None) -> Base:
    """Read the base `name`: a known model's name or a path; the built-in model by default.

    What `preprocessing` has overrides what the model says of its input; see `mobiclass.tflite.override_facts`.

    Raises:
        ModelError: there is no such model, it cannot be read, or it has no feature layer.
        LabelsError: its labels cannot be read.
    """
    path, said = find_model(name), dict(preprocessing or {})
    try:
        model = read_model(path, override_facts(**said))
    except ModelError:
        # An extractor's outputs are no classes, whatever they are; said to be, it is read like any other model.
        model = read_model(path, override_facts(**said, output_kind="multilabel"))
    return Base(model, find_head(model.content, str(path), output_place=model.output_place))
