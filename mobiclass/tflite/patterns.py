"""Small patterns in a graph: what makes a tensor's values, what they are divided by, the logarithm of a softmax."""

from __future__ import annotations

from typing import Literal, TypeAlias

from mobiclass.tflite.network import Network, Operator

TracedKind: TypeAlias = Literal["probabilities", "multilabel", "logits", "open"]


def inverted(network: Network, tensor: int) -> int | None:
    """Find what `tensor` is 1 divided by."""
    operator = network.maker(tensor)
    if operator is None or len(operator.inputs) != 2 or operator.name not in ("DIV", "POW"):
        return None
    if operator.name == "DIV":
        return operator.inputs[1] if scalar(network, operator.inputs[0]) == 1 else None
    return operator.inputs[0] if scalar(network, operator.inputs[1]) == -1 else None


def is_log_softmax(network: Network, operator: Operator) -> bool:
    """Whether `operator` takes the logarithm of the sum of exponentials off what these are of."""
    if operator.name == "LOG":
        source = network.maker(operator.inputs[0]) if operator.inputs else None
        return source is not None and source.name == "SOFTMAX"
    if operator.name != "SUB" or len(operator.inputs) != 2:
        return False
    outside, logarithm = _origin(network, operator.inputs[0]), operator.inputs[1]
    maker, shift = network.maker(logarithm), None
    if maker and maker.name == "ADD" and len(maker.inputs) == 2:  # the greatest value, taken off before, is put back
        logarithm, shift = maker.inputs
        if (first := network.maker(logarithm)) is None or first.name != "LOG":
            logarithm, shift = shift, logarithm
    tensor: int | None = logarithm
    for name in ("LOG", "SUM", "EXP"):
        maker = None if tensor is None else network.maker(tensor)
        tensor = maker.inputs[0] if maker and maker.name == name and maker.inputs else None
    if tensor is None:
        return False
    inside = _origin(network, tensor)
    if shift is None:
        return inside == outside
    shifted = network.producer(inside)
    return (
        shifted is not None
        and shifted.name == "SUB"
        and tuple(_origin(network, one) for one in shifted.inputs) == (outside, _origin(network, shift))
    )


def _origin(network: Network, tensor: int) -> int:
    """Go back to the tensor whose values `tensor` has."""
    operator = network.maker(tensor)
    return operator.outputs[0] if operator and operator.outputs else tensor


def scalar(network: Network, tensor: int) -> float | None:
    """Give the one value of a constant."""
    values = network.constant(tensor)
    return values[0] if values and len(set(values)) == 1 else None
