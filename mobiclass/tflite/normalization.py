"""What a graph does to pixels before its first layer, folded into one mean and one std; and what is left to do outside.

Exporters put a Rescaling or a whole normalization into the graph as MUL, SUB, ADD and DIV by constants. The pixels that
such a graph expects follow from it: of 0–255, of 0–1, or of −1 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Final, NamedTuple

from mobiclass.tflite.facts import Facts, PerChannel
from mobiclass.tflite.network import Folded, Network, Operator

_PASSED: Final = {
    "QUANTIZE", "DEQUANTIZE", "FAKE_QUANT", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE", "PAD", "MIRROR_PAD",
}  # fmt: skip
_ARITHMETIC: Final = {"MUL", "DIV", "ADD", "SUB"}
_MAX_STEPS: Final = 24
_COLOURS: Final = 3
_SMALLEST: Final = 1e-9  # what a factor that belongs to a normalization is greater than
_CAFFE_MEANS: Final = (
    103.939,
    116.779,
    123.68,
)  # of blue, green and red: models of Caffe's line read their channels so


class _Affine(NamedTuple):
    """``factor · x + offset``, one of each a channel."""

    factor: tuple[float, ...]
    offset: tuple[float, ...]

    def then(self, name: str, values: tuple[float, ...], *, reversed_: bool) -> _Affine | None:
        """Let arithmetic with constants follow; `reversed_`: the constant stands on the left."""
        factors, offsets = self
        if name == "MUL":
            pairs = [(f * v, o * v) for f, o, v in zip(factors, offsets, values, strict=True)]
        elif name == "DIV":
            if reversed_ or not all(values):
                return None
            pairs = [(f / v, o / v) for f, o, v in zip(factors, offsets, values, strict=True)]
        elif name == "ADD":
            pairs = [(f, o + v) for f, o, v in zip(factors, offsets, values, strict=True)]
        elif reversed_:
            pairs = [(-f, v - o) for f, o, v in zip(factors, offsets, values, strict=True)]
        else:
            pairs = [(f, o - v) for f, o, v in zip(factors, offsets, values, strict=True)]
        new = _Affine(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))
        return new if all(map(isfinite, (*new.factor, *new.offset))) and min(new.factor) > _SMALLEST else None

    def turned(self) -> _Affine:
        """Put the channels into the opposite order."""
        return _Affine(self.factor[::-1], self.offset[::-1])


def fold_normalization(network: Network, tensor: int, axis: int) -> Folded | None:
    """Fold the arithmetic with constants that the graph begins with.

    Args:
        network: the graph.
        tensor: its image input, of four dimensions.
        axis: the dimension of its channels.

    Returns:
        ``None`` where there is none.

    Raises:
        FlatbufferError: the graph is damaged.
    """
    channels = network.spec(tensor).shape[axis]
    if channels not in (1, 3):
        return None
    affine, found, turned = _Affine((1.0,) * channels, (0.0,) * channels), False, False
    place: int | None = axis
    for _ in range(_MAX_STEPS):
        consumers = network.consumers(tensor)
        if packed := _turned_by_packing(network, consumers, tensor, place):
            tensor, affine, turned = packed, affine.turned(), not turned
            continue
        if len(consumers) != 1 or len(consumers[0].outputs) != 1 or consumers[0].activation:
            break
        operator = consumers[0]
        if operator.name in _ARITHMETIC:
            following = _arithmetic(network, operator, tensor, affine, place)
            if following is None:
                break
            affine, found = following, True
        elif not found and _limits(network, operator):
            pass
        elif operator.inputs[0] != tensor:
            break
        elif _turns_channels(network, operator, place):
            affine, turned = affine.turned(), not turned
        elif operator.name not in _PASSED:
            break
        else:
            place = _moved(network, operator, place)
        tensor = operator.outputs[0]
    if not found:
        return None
    affine = affine.turned() if turned else affine
    std = tuple(1 / factor for factor in affine.factor)
    return Folded(tuple(-offset * s for offset, s in zip(affine.offset, std, strict=True)), std)


def _arithmetic(
    network: Network, operator: Operator, tensor: int, affine: _Affine, place: int | None
) -> _Affine | None:
    """Let `operator`, which reads `tensor`, follow `affine`; ``None`` where it does not compute with constants."""
    if len(operator.inputs) != 2 or operator.inputs[0] == operator.inputs[1]:
        return None
    first, second = operator.inputs
    constant = first if second == tensor else second
    values = network.constant(constant)
    channels = len(affine.factor)
    if not values:
        return None
    if len(set(values)) == 1:
        values = values[:1] * channels
    elif len(values) != channels or place is None or not _lies_along(network, constant, tensor, place, channels):
        return None
    return affine.then(operator.name, values, reversed_=second == tensor)


def _lies_along(network: Network, constant: int, tensor: int, place: int, channels: int) -> bool:
    """Whether a constant of one value a channel is spread along the channels."""
    shape, rank = network.spec(constant).shape, len(network.spec(tensor).shape)
    from_end = rank - place  # shapes are matched from their ends
    return len(shape) >= from_end and shape[len(shape) - from_end] == channels


def _limits(network: Network, operator: Operator) -> bool:
    """Whether `operator` limits the values to a constant, which leaves pixels in their range as they are."""
    if operator.name not in ("MINIMUM", "MAXIMUM"):
        return False
    return any(len(network.constant(one) or ()) == 1 for one in operator.inputs)


def _turns_channels(network: Network, operator: Operator, place: int | None) -> bool:
    """Whether `operator` makes blue, green, red of red, green, blue, or the other way round, and nothing else."""
    constants = [network.constant(one) for one in operator.inputs[1:]]
    rank = len(network.spec(operator.inputs[0]).shape)
    if operator.name == "REVERSE_V2":
        return constants in ([(place,)], [(-1,)]) and (constants != [(-1,)] or place == rank - 1)
    if operator.name == "GATHER":
        axis = operator.option(0, "i")
        return place is not None and axis in (place, place - rank) and constants == [(2.0, 1.0, 0.0)]
    if operator.name != "STRIDED_SLICE" or len(constants) != 3 or place is None:
        return False
    same_shape = network.spec(operator.inputs[0]).shape == network.spec(operator.outputs[0]).shape
    return same_shape and constants[2] == tuple(-1.0 if side == place else 1.0 for side in range(rank))


def _turned_by_packing(network: Network, consumers: Sequence[Operator], tensor: int, place: int | None) -> int | None:
    """Find the tensor that three slices, one a channel, are put together to in the opposite order."""
    if len(consumers) != _COLOURS or place != len(network.spec(tensor).shape) - 1:
        return None
    channels = {}
    for operator in consumers:
        begin = network.constant(operator.inputs[1]) if operator.name == "STRIDED_SLICE" else None
        if not begin or len(begin) != place + 1 or any(begin[:place]) or len(operator.outputs) != 1:
            return None
        channels[operator.outputs[0]] = begin[place]
    packers = network.consumers(consumers[0].outputs[0])
    if len(packers) != 1 or packers[0].name not in ("PACK", "CONCATENATION") or len(packers[0].outputs) != 1:
        return None
    packed = packers[0].outputs[0]
    order = [channels.get(one) for one in packers[0].inputs]
    same_shape = network.spec(packed).shape == network.spec(tensor).shape
    return packed if same_shape and order in ([2, 1, 0], [-1, -2, -3]) else None


def _moved(network: Network, operator: Operator, place: int | None) -> int | None:
    """Tell where the channels are after an operator that keeps the values; ``None`` if that is not known."""
    if operator.name == "TRANSPOSE":
        order = network.constant(operator.inputs[1]) if len(operator.inputs) > 1 else None
        return order.index(place) if order and place in order else None
    if operator.name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        before, after = network.spec(operator.inputs[0]).shape, network.spec(operator.outputs[0]).shape
        if before == after:
            return place
        last = place is not None and place == len(before) - 1 and bool(after) and before[-1] == after[-1]
        return len(after) - 1 if last else None
    return place


def facts_from_graph(folded: Folded) -> Facts:
    """Work out what is left to do to pixels that the graph itself normalizes."""
    source = "the graph normalizes by itself"
    expected = expected_pixels(folded)
    if expected is None:
        return Facts(source)
    mean, std = expected
    return Facts(source, mean=mean, std=std, channels="bgr" if expects_bgr(folded) else None)


def expected_pixels(folded: Folded) -> tuple[PerChannel, PerChannel] | None:
    """Work out the mean and std that are to be applied outside; ``None`` where what the graph does leaves that open.

    What follows the arithmetic is a network that was trained on values around 0 and 1, or on pixels as they are.
    """
    if all(_expects_255(m, s) for m, s in zip(*folded, strict=True)):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if all(_expects_0_to_1(m, s) for m, s in zip(*folded, strict=True)):
        return (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
    if all(_expects_minus_1_to_1(m, s) for m, s in zip(*folded, strict=True)):
        return (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)
    return None


def expects_bgr(folded: Folded) -> bool:
    """Whether the graph takes off ImageNet's means in the order of Caffe's models: blue, green, red."""
    unit = 255 if max(folded.mean) <= 1 else 1
    return len(folded.mean) == 3 and all(
        abs(unit * mean - usual) < 2 for mean, usual in zip(folded.mean, _CAFFE_MEANS, strict=True)
    )


def _expects_255(mean: float, std: float) -> bool:
    # x/255, x/127.5 − 1, ImageNet's mean and std in pixel units; or a mean alone, as Caffe's models have it.
    return (16 <= std <= 512 and -1 <= mean <= 256) or (0.5 <= std <= 2 and 64 <= mean <= 192)


def _expects_0_to_1(mean: float, std: float) -> bool:
    # ImageNet's mean and std, 2x − 1; or back to pixels of 0–255, perhaps with a mean taken off.
    return (0.06 <= std <= 1.02 and 0.02 <= mean <= 1) or (0.003 <= std <= 0.005 and -0.01 <= mean <= 1)


def _expects_minus_1_to_1(mean: float, std: float) -> bool:
    # (x + 1) / 2; or (x + 1) · 127.5, perhaps with a mean taken off.
    return (1.5 <= std <= 2.5 and -1.1 <= mean <= -0.9) or (0.006 <= std <= 0.009 and -1.1 <= mean <= 1)


def formula(mean: Sequence[float], std: Sequence[float]) -> str:
    """Write ``(x − mean) / std`` for people: ``x/127.5 − 1``."""
    if len(set(mean)) == 1 and len(set(std)) == 1:
        factor, offset = 1 / std[0], mean[0] / std[0]
        text = f"x/{std[0]:g}" if std[0] > 1.000001 else "x" if abs(std[0] - 1) < 1e-6 else f"{factor:g}·x"
        if abs(offset) < 1e-6:
            return text
        return f"{text} {'−' if offset > 0 else '+'} {abs(offset):g}"
    return f"(x − ({', '.join(f'{value:g}' for value in mean)})) / ({', '.join(f'{value:g}' for value in std)})"
