"""A tensor from inside a model as a further output: its pooled features, or the map that they are pooled from."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from mobiclass.errors import ModelError
from mobiclass.tflite import ModelInfo, TensorSpec, find_head, tensor_spec, with_extra_output

ExtraKind: TypeAlias = Literal["features", "feature map"]
"""``features`` are what the last dense layer reads, ``feature map`` is what they are averaged from."""


class ExtraOutput(NamedTuple):
    """What a model is to give besides its scores.

    Attributes:
        spec: the tensor.
        content: the model with that tensor as its last output.
    """

    spec: TensorSpec
    content: bytes


def find_extra_output(model: ModelInfo, kind: ExtraKind) -> ExtraOutput:
    """Find the tensor that is `kind` in `model`, and let a copy of it in memory give that too.

    Raises:
        ModelError: the model has none.
    """
    file = str(model.path)
    head = find_head(model.content, file, output_place=model.output_place)
    tensor = head.features_tensor if kind == "features" else head.pooled_from
    if tensor is None:
        raise ModelError(f"{file}: its features are not averaged from a map")
    return ExtraOutput(tensor_spec(model.content, tensor, file), with_extra_output(model.content, tensor, file))
