"""Which output of a model holds the scores, how many there are, and what they are: probabilities or logits."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final, NamedTuple

from mobiclass.errors import LabelsError
from mobiclass.labels import LabelList, Labels
from mobiclass.tflite.graph import Output
from mobiclass.tflite.layout import Unfit, shape_text
from mobiclass.tflite.network import TensorSpec, TracedKind

_DTYPES: Final = ("uint8", "int8", "int16", "float16", "float32")
_STEPS: Final = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}
_BOXES_RANK: Final = 3
_COORDINATES: Final = 4
_SORTED: Final = ("TOPK_V2",)  # gives the greatest scores, without their places
_FEATURE_HEADS: Final = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "L2_NORMALIZATION", "CUSTOM", "")
_PREFERRED: Final[tuple[TracedKind, ...]] = ("probabilities", "multilabel", "logits", "open")


class Scores(NamedTuple):
    """The output that holds the scores.

    Attributes:
        place: its place among the outputs.
        output: the output.
        per_image: the number of values an image; 1 for a binary head.
    """

    place: int
    output: Output
    per_image: int

    def of_images(self, batch: int) -> TensorSpec:
        """Describe the output where the model takes so many images at once, as many as it says or one."""
        tensor = self.output.tensor
        if tensor.values == self.per_image * batch:
            return tensor
        return tensor._replace(shape=(batch, *tensor.shape[1:]))


def find_scores(
    outputs: Sequence[Output],
    batch: int,
    wanted: str | None,
    labels: LabelList | None,
    labelled: Sequence[bool] = (),
) -> Scores:
    """Find the output that holds the scores.

    Args:
        outputs: all that the model has.
        batch: how many images it takes at once.
        wanted: the place or a name of the output, if somebody says so.
        labels: the labels, where a source that says more than the outputs has some.
        labelled: for each output, whether the model's metadata give it labels.

    Raises:
        Unfit: there is none, or it is not clear which one it is.
    """
    if wanted is not None:
        place = _place(outputs, wanted)
        return _scores(outputs, place, batch)
    if len(outputs) == 1:
        return _scores(outputs, 0, batch)
    boxes = {output.tensor.shape[-2] for output in outputs if _has_boxes(output)}
    found = [_scores(outputs, place, batch) for place in range(len(outputs)) if _flaw(outputs[place], batch) is None]
    found = [one for one in found if one.per_image not in boxes]  # a score of each, in no order of classes
    if not found:
        raise Unfit(f"it gives {len(outputs)} outputs, and none is one vector of scores: {_listed(outputs)}")
    for keep in (
        [one for one in found if one.place < len(labelled) and labelled[one.place]],
        [one for one in found if labels is not None and fitted(labels, one.per_image) is not None],
    ):
        found = keep or found
    for kind in _PREFERRED:
        alike = [one for one in found if one.output.head.kind == kind and not is_feature_head(one.output)]
        if len(alike) == 1:
            return alike[0]
        if alike:
            break
    if len(found) == 1:
        return found[0]
    raise Unfit(
        f"it gives {len(outputs)} outputs, and which of them holds the scores is not clear: {_listed(outputs)}; say "
        "which with --output-tensor N or NAME",
        advice=True,
    )


def fitted(labels: LabelList, per_image: int) -> Labels | None:
    """Give the labels of so many outputs, those of a binary head included; ``None`` where they do not fit."""
    try:
        return fit_labels(labels, per_image, "")
    except LabelsError:
        return None


def fit_labels(labels: LabelList, per_image: int, model: str) -> Labels:
    """Give each class its label; `model` names the model in messages.

    A binary head has one output and two classes; its value is the second one's. Of one label X the first is ``not X``.

    Raises:
        LabelsError: they do not fit.
    """
    if per_image > 1:
        return labels.fit(per_image, model)
    try:
        return labels.fit(2, model)
    except LabelsError:
        pass
    try:
        (name,) = labels.fit(1, model).names
    except LabelsError as error:
        raise LabelsError(
            f"{labels.source}: {len(labels)} labels do not fit the one output of {model}: two are needed, the second "
            "one being what the output says yes to, or that one alone"
        ) from error
    return Labels((f"not {name}", name))


def kind_of(scores: Scores) -> tuple[TracedKind, str]:
    """Tell what the scores are, and how that was found."""
    head = scores.output.head
    if head.kind in ("probabilities", "multilabel"):
        return head.kind, head.reason
    # An Edge TPU's custom operator hides the softmax, but no logits fit into [0, 1].
    if _lies_in_unit_range(scores.output.tensor):
        return "probabilities", "the output's quantization spans 0 to 1"
    return head.kind, head.reason


def is_feature_head(output: Output) -> bool:
    """Whether an output ends in what gives features more often than classes."""
    return output.head.operator in _FEATURE_HEADS and output.head.kind in ("logits", "open")


def _scores(outputs: Sequence[Output], place: int, batch: int) -> Scores:
    output = outputs[place]
    if flaw := _flaw(output, batch):
        raise Unfit(flaw)
    return Scores(place, output, output.tensor.values // batch)


def _flaw(output: Output, batch: int) -> str | None:
    """Say why `output` cannot hold scores."""
    tensor = output.tensor
    sides = [max(1, side) for side in tensor.shape]
    rows = sides[0] if sides and batch > 1 else 1
    if not sides or rows not in (1, batch) or max(sides[int(batch > 1) :], default=1) != prod(sides) // rows:
        return f"its output has the shape {shape_text(tensor.shape)}, not 1×classes"
    if batch > 1 and rows != batch:
        return f"its output has the shape {shape_text(tensor.shape)}, not {batch}×classes"
    if tensor.dtype not in _DTYPES:
        return f"its output is {tensor.dtype}; {', '.join(_DTYPES)} can be read"
    if tensor.quantization is None and not tensor.dtype.startswith("float"):
        return f"its output is {tensor.dtype} without one scale for all classes"
    if output.head.operator in _SORTED:
        return "its output has the greatest scores in their order, and not one a class; convert it without TOPK_V2"
    return None


def _has_boxes(output: Output) -> bool:
    """Whether `output` has the coordinates of detected objects."""
    shape = output.tensor.shape
    return len(shape) == _BOXES_RANK and shape[-1] == _COORDINATES and shape[-2] > 1


def _place(outputs: Sequence[Output], wanted: str) -> int:
    for place, output in enumerate(outputs):
        if wanted in output.names:
            return place
    if wanted.isdecimal() and int(wanted) < len(outputs):
        return int(wanted)
    raise Unfit(f"there is no output {wanted!r}; it has {_listed(outputs)}", advice=True)


def _listed(outputs: Sequence[Output]) -> str:
    return ", ".join(
        f"{place} ({' or '.join(repr(name) for name in output.names) or 'no name'}, {output.tensor.dtype} "
        f"{shape_text(output.tensor.shape)})"
        for place, output in enumerate(outputs)
    )


def _lies_in_unit_range(tensor: TensorSpec) -> bool:
    if tensor.quantization is None:
        return False
    scale, zero_point = tensor.quantization
    low, high = ((step - zero_point) * scale for step in _STEPS[tensor.dtype])
    return low >= 0 and high <= 1
