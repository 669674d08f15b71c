"""Whether an output holds probabilities or logits, found by following the graph back from it.

Names of operators do not tell: ``EXP``, ``SUM`` and ``DIV`` make a softmax, and so does the average of two. What is
followed is what is known of the values: a softmax adds up to 1, a sigmoid lies from 0 to 1, and sums, products and
concatenations of such are worked out. Where that leads to no conclusion the answer is ``open``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt
from typing import Final, TypeAlias

from mobiclass.tflite.bounds import Bounds, Sum, distribution
from mobiclass.tflite.network import KEEPS_VALUES, Head, Network, Operator
from mobiclass.tflite.patterns import inverted, is_log_softmax, scalar

_LINEAR: Final = {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL"}
_LIMITS: Final = {
    "RELU": (0.0, inf), "RELU6": (0.0, 6.0), "RELU_0_TO_1": (0.0, 1.0), "RELU_N1_TO_1": (-1.0, 1.0),
}  # fmt: skip
_FLOATS: Final = ("float32", "float16", "float64", "bfloat16")
_MAX_DEPTH: Final = 60
_MAX_NAMED: Final = 4


class _Open(Exception):
    """Nothing is known of a tensor."""


def trace_output(network: Network, tensor: int, rows: int = 1) -> Head:
    """Follow the graph back from `tensor`, an output of so many `rows`, one an image.

    Raises:
        FlatbufferError: the graph is damaged.
    """
    return _Tracer(network).head(tensor, rows)


class _Tracer:
    def __init__(self, network: Network, *, looks_before_layers: bool = True) -> None:
        self._network = network
        self._looks_before_layers = looks_before_layers
        self._known: dict[int, Bounds] = {}
        self._names: dict[str, None] = {}  # in the order in which they run
        self._leaves: set[str] = set()
        self._is_affine = True
        self._depth = 0

    def head(self, tensor: int, rows: int) -> Head:
        operator = self._network.maker(tensor)
        name = operator.name if operator else ""
        if name == "LOG_SOFTMAX" or (operator and is_log_softmax(self._network, operator)):
            return Head(name, "logits", f"graph: {name} gives log-probabilities")
        bounds = self._bounds(tensor).averaged(rows)
        named = ", ".join(list(self._names)[-_MAX_NAMED:])
        if bounds.is_distribution:
            return Head(name, "probabilities", f"graph: {named}")
        if bounds.in_unit_range:
            one = self._network.spec(tensor).values == rows
            return Head(name, "probabilities" if one else "multilabel", f"graph: {named}")
        if self._is_affine and self._leaves and self._leaves <= _LINEAR:
            return Head(name, "logits", f"graph: {named}")
        return Head(name, "open", f"graph: {named or 'no operator'} does not tell")

    def _bounds(self, tensor: int) -> Bounds:
        """Work out what is known of `tensor`, once."""
        if tensor in self._known:
            return self._known[tensor]
        self._known[tensor] = unknown = Bounds.unknown(tensor)  # of what runs in a circle nothing more is known
        if self._depth >= _MAX_DEPTH:
            self._leaves.add("")
            return unknown
        self._depth += 1
        self._known[tensor] = bounds = self._computed(tensor)
        self._depth -= 1
        return bounds

    def _computed(self, tensor: int) -> Bounds:
        if (values := self._network.constant(tensor)) is not None:
            return Bounds.of_constants(values) if values else Bounds.unknown(tensor)
        operator = self._network.producer(tensor)
        if operator is None or not operator.inputs:
            self._leaves.add("")
            return Bounds.unknown(tensor)
        rule = _RULES.get(operator.name)
        try:
            bounds = rule(self, operator, tensor) if rule else self._leaf(operator, tensor)
        except _Open:
            bounds = self._leaf(operator, tensor)
        if operator.name not in KEEPS_VALUES:
            self._names[operator.name] = None
        return self._activated(bounds, operator.activation, tensor)

    def _leaf(self, operator: Operator, tensor: int) -> Bounds:
        name = operator.name
        if name in _LINEAR and self._reads_distribution(operator):
            name = ""  # it may mix the classes of a softmax: into probabilities, or into anything else
        self._leaves.add(name)
        return Bounds.unknown(tensor)

    def _reads_distribution(self, operator: Operator) -> bool:
        if not self._looks_before_layers:
            return False
        return _Tracer(self._network, looks_before_layers=False)._bounds(operator.inputs[0]).is_distribution

    def _activated(self, bounds: Bounds, activation: str, tensor: int) -> Bounds:
        if not activation:
            return bounds
        self._is_affine = False
        if activation in _LIMITS:
            return bounds.clipped(*_LIMITS[activation], tensor)
        return Bounds.unknown(tensor, -1.0, 1.0)

    # Each rule works out the bounds of `tensor` from those of what its operator reads.

    def _same(self, operator: Operator, tensor: int) -> Bounds:
        return self._bounds(operator.inputs[0])

    def _cast(self, operator: Operator, tensor: int) -> Bounds:
        if any(self._network.spec(one).dtype not in _FLOATS for one in (operator.inputs[0], tensor)):
            raise _Open
        return self._bounds(operator.inputs[0])

    def _softmax(self, operator: Operator, tensor: int) -> Bounds:
        spec = self._network.spec(tensor)
        return distribution(spec.values / max(1, spec.shape[-1] if spec.shape else 1))

    def _sigmoid(self, operator: Operator, tensor: int) -> Bounds:
        return Bounds.unknown(tensor, 0.0, 1.0)

    def _tanh(self, operator: Operator, tensor: int) -> Bounds:
        return Bounds.unknown(tensor, -1.0, 1.0)

    def _clip(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        return self._bounds(operator.inputs[0]).clipped(*_LIMITS[operator.name], tensor)

    def _exp(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        source = self._network.maker(operator.inputs[0])
        if source and (source.name == "LOG_SOFTMAX" or is_log_softmax(self._network, source)):
            self._names[source.name] = None
            return self._softmax(operator, tensor)
        return self._bounds(operator.inputs[0]).exponential(tensor)

    def _square(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        bounds = self._bounds(operator.inputs[0])
        return Bounds.unknown(tensor, 0.0, max(bounds.low * bounds.low, bounds.high * bounds.high))

    def _absolute(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        bounds = self._bounds(operator.inputs[0])
        return bounds if bounds.low >= 0 else Bounds.unknown(tensor, 0.0, max(-bounds.low, bounds.high))

    def _square_root(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        bounds = self._bounds(operator.inputs[0])
        return Bounds.unknown(tensor, sqrt(max(0.0, bounds.low)), sqrt(max(0.0, bounds.high)))

    def _power(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        bounds = self._bounds(operator.inputs[0])
        exponent = scalar(self._network, _second(operator))
        if bounds.low < 0 or exponent is None or exponent <= 0:
            raise _Open
        return Bounds.unknown(tensor, 0.0, 1.0 if bounds.high <= 1 else inf)

    def _negative(self, operator: Operator, tensor: int) -> Bounds:
        return self._bounds(operator.inputs[0]).scaled(-1.0)

    def _add(self, operator: Operator, tensor: int) -> Bounds:
        return self._added(operator.inputs[0], _second(operator), 1.0, tensor)

    def _subtract(self, operator: Operator, tensor: int) -> Bounds:
        return self._added(operator.inputs[0], _second(operator), -1.0, tensor)

    def _added(self, first: int, second: int, sign: float, tensor: int) -> Bounds:
        spec = self._network.spec
        repeats = (spec(tensor).values / spec(first).values, spec(tensor).values / spec(second).values)
        return self._bounds(first).added(self._bounds(second), repeats, sign, tensor)

    def _add_all(self, operator: Operator, tensor: int) -> Bounds:
        total = self._bounds(operator.inputs[0])
        for one in operator.inputs[1:]:
            total = total.added(self._bounds(one), (1.0, 1.0), 1.0, tensor)
        return total

    def _multiply(self, operator: Operator, tensor: int) -> Bounds:
        first, second = operator.inputs[0], _second(operator)
        for one, other in ((first, second), (second, first)):
            if (factor := scalar(self._network, other)) is not None:
                return self._bounds(one).scaled(factor)
            if (divisor := inverted(self._network, other)) is not None:
                return self._divided(one, divisor, tensor)
        product = self._bounds(first).multiplied(self._bounds(second), tensor)
        if not any(self._network.constant(one) for one in (first, second)):
            self._is_affine = False
        for one, other in ((first, second), (second, first)):
            total = self._bounds(other).total.known
            if total is not None and self._network.spec(one).values == 1:  # the weight of a whole distribution
                return Bounds(product.low, product.high, self._bounds(one).total.times(total))
        return product

    def _divide(self, operator: Operator, tensor: int) -> Bounds:
        divisor = _second(operator)
        factor = scalar(self._network, divisor)
        if factor is not None:
            if not factor:
                raise _Open
            return self._bounds(operator.inputs[0]).scaled(1 / factor)
        return self._divided(operator.inputs[0], divisor, tensor)

    def _divided(self, dividend: int, divisor: int, tensor: int) -> Bounds:
        self._is_affine = False
        spread = self._network.maker(divisor)
        if spread and spread.name in ("BROADCAST_TO", "TILE"):
            divisor = spread.inputs[0]
        values, by = self._bounds(dividend), self._bounds(divisor)
        if self._network.spec(divisor).values != 1 or values.low < 0:
            raise _Open
        ratio = values.total.over(by.total)
        if ratio is None or ratio <= 0:
            raise _Open
        return Bounds(0.0, ratio, Sum(ratio))

    def _at_least(self, operator: Operator, tensor: int) -> Bounds:
        return self._limited(operator, tensor, lambda limit: (limit, inf))

    def _at_most(self, operator: Operator, tensor: int) -> Bounds:
        return self._limited(operator, tensor, lambda limit: (-inf, limit))

    def _limited(self, operator: Operator, tensor: int, limits: Callable[[float], tuple[float, float]]) -> Bounds:
        self._is_affine = False
        first, second = operator.inputs[0], _second(operator)
        for one, other in ((first, second), (second, first)):
            if (limit := scalar(self._network, other)) is not None:
                return self._bounds(one).clipped(*limits(limit), tensor)
        bounds = (self._bounds(first), self._bounds(second))
        return Bounds.unknown(tensor, min(each.low for each in bounds), max(each.high for each in bounds))

    def _sum(self, operator: Operator, tensor: int) -> Bounds:
        bounds, count = self._bounds(operator.inputs[0]), self._reduced(operator, tensor)
        low, high = (0.0 if not end else end * count for end in (bounds.low, bounds.high))
        return Bounds(low, high, bounds.total, bounds.at_most)

    def _mean(self, operator: Operator, tensor: int) -> Bounds:
        bounds, count = self._bounds(operator.inputs[0]), self._reduced(operator, tensor)
        return bounds.averaged(count)

    def _average_pool(self, operator: Operator, tensor: int) -> Bounds:
        bounds, count = self._bounds(operator.inputs[0]), self._reduced(operator, tensor)
        if operator.option(3, "i") * operator.option(4, "i") != count:
            return Bounds.unknown(tensor, bounds.low, bounds.high)
        return bounds.averaged(count)

    def _extreme(self, operator: Operator, tensor: int) -> Bounds:
        self._is_affine = False
        bounds = self._bounds(operator.inputs[0])
        return Bounds.unknown(tensor, bounds.low, bounds.high)

    def _reduced(self, operator: Operator, tensor: int) -> float:
        spec = self._network.spec
        return max(1.0, spec(operator.inputs[0]).values / spec(tensor).values)

    def _concatenate(self, operator: Operator, tensor: int) -> Bounds:
        parts = [self._bounds(one) for one in operator.inputs]
        low, high = min(part.low for part in parts), max(part.high for part in parts)
        total: Sum | None = Sum()
        for part in parts:
            total = total.plus(part.total) if total else None
        return Bounds(low, high, total) if total else Bounds.unknown(tensor, low, high)

    def _part(self, operator: Operator, tensor: int) -> Bounds:
        place = 1 if operator.name == "SPLIT" else 0  # which begins with the axis
        if place >= len(operator.inputs):
            raise _Open
        whole = operator.inputs[place]
        bounds, spec = self._bounds(whole), self._network.spec
        if operator.name not in ("GATHER", "GATHER_ND") and spec(whole).values == spec(tensor).values:
            return bounds
        return bounds.part(tensor)

    def _gather(self, operator: Operator, tensor: int) -> Bounds:
        places = self._network.constant(_second(operator))
        if places is None or len(set(places)) != len(places):
            bounds = self._bounds(operator.inputs[0])
            return Bounds.unknown(tensor, bounds.low, bounds.high)
        spec = self._network.spec
        if spec(operator.inputs[0]).values == spec(tensor).values:
            return self._bounds(operator.inputs[0])
        return self._part(operator, tensor)

    def _pad(self, operator: Operator, tensor: int) -> Bounds:
        bounds = self._bounds(operator.inputs[0])
        return Bounds(min(0.0, bounds.low), max(0.0, bounds.high), bounds.total, bounds.at_most)


def _second(operator: Operator) -> int:
    if len(operator.inputs) < 2:
        raise _Open
    return operator.inputs[1]


_Rule: TypeAlias = Callable[[_Tracer, Operator, int], Bounds]
_RULES: Final[dict[str, _Rule]] = {
    **dict.fromkeys(KEEPS_VALUES, _Tracer._same),
    "CAST": _Tracer._cast,
    "SOFTMAX": _Tracer._softmax,
    **dict.fromkeys(("LOGISTIC", "STABLEHLO_LOGISTIC"), _Tracer._sigmoid),
    "TANH": _Tracer._tanh,
    **dict.fromkeys(_LIMITS, _Tracer._clip),
    "EXP": _Tracer._exp,
    "SQUARE": _Tracer._square,
    "ABS": _Tracer._absolute,
    "SQRT": _Tracer._square_root,
    "POW": _Tracer._power,
    "NEG": _Tracer._negative,
    "ADD": _Tracer._add,
    "SUB": _Tracer._subtract,
    "ADD_N": _Tracer._add_all,
    "MUL": _Tracer._multiply,
    "DIV": _Tracer._divide,
    "MAXIMUM": _Tracer._at_least,
    "MINIMUM": _Tracer._at_most,
    "SUM": _Tracer._sum,
    "MEAN": _Tracer._mean,
    "AVERAGE_POOL_2D": _Tracer._average_pool,
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "MAX_POOL_2D"), _Tracer._extreme),
    **dict.fromkeys(("CONCATENATION", "PACK"), _Tracer._concatenate),
    **dict.fromkeys(("SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK", "REVERSE_V2"), _Tracer._part),
    "GATHER": _Tracer._gather,
    "PAD": _Tracer._pad,
}
