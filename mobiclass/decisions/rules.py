"""When a class is sure enough to be answered, when a group is, and when a photo shows something else altogether.

Rules stand in a model's ``mobiclass.json`` under ``rules``, where `mobiclass models calibrate` and `mobiclass teach`
write what they have fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from mobiclass.errors import ModelError

_FORMAT: Final = 1
_COSINE: Final = "cosine"
_UNKNOWN_KEYS: Final = ("kind", "threshold", "means")


# Named tuples: dataclasses take a millisecond longer to load, and the built-in model's photos wait for these.


class UnknownRule(NamedTuple):
    """A photo is unknown whose features are like those of no class.

    Attributes:
        threshold: the least cosine, −1 to 1, between its features and the nearest mean of a class.
        means: the file in the model's zip that holds the means: a ``.npy`` of float32 (C, D), rows of length 1.
    """

    threshold: float
    means: str

    def as_json(self) -> dict[str, Any]:
        return {"kind": _COSINE, "threshold": self.threshold, "means": self.means}


class Rules(NamedTuple):
    """The rules of one model; scores are from 0 to 1.

    Attributes:
        class_score: the best class is answered from this score on.
        group_score: else the smallest group is whose classes have this score together.
        largest_group: groups of more classes say too little to be answered.
        labels: scores of single classes, by label, in place of `class_score`.
        unknown: comes before all that; ``None`` for none.
        fitted_on: which photos the rules were fitted on, for people.
        measured: what they reach, for people.
    """

    class_score: float = 0.0
    group_score: float = 1.0
    largest_group: int = 300
    labels: Mapping[str, float] = MappingProxyType({})
    unknown: UnknownRule | None = None
    fitted_on: str = ""
    measured: Mapping[str, Any] = MappingProxyType({})

    def as_json(self) -> dict[str, Any]:
        """Give the object that `parse_rules` reads."""
        return {
            "format": _FORMAT,
            "class_score": self.class_score,
            "group_score": self.group_score,
            "largest_group": self.largest_group,
            **({"labels": dict(self.labels)} if self.labels else {}),
            **({"unknown": self.unknown.as_json()} if self.unknown else {}),
            **({"fitted_on": self.fitted_on} if self.fitted_on else {}),
            **({"measured": dict(self.measured)} if self.measured else {}),
        }


DEFAULT_RULES: Final = Rules(class_score=0.65, group_score=0.85, largest_group=400)
"""The rules of a model that has none: so strict that 95 % of the answers of any of four ImageNet models were right.

Measured in `docs/calibrating.md`. A model's own rules, fitted with ``models calibrate``, answer more photos.
"""


def parse_rules(rules: Mapping[str, Any], file: str) -> Rules:
    """Read the object under ``rules``; `file` opens the messages.

    Raises:
        ModelError: a value is impossible, or a key is not known: a misspelt one must not be passed over.
    """
    if rules.get("format", _FORMAT) != _FORMAT:
        raise ModelError(f"{file}: 'rules' have format {rules['format']!r}, which is not known here; update mobiclass")
    given = {name: value for name, value in rules.items() if name != "format"}
    for name in given:
        if name not in _CHECKS:
            raise ModelError(f"{file}: 'rules' have no {name!r}; they have {', '.join(_CHECKS)}")
    return Rules(**{name: _CHECKS[name](value, f"{file}: 'rules': {name!r}") for name, value in given.items()})


def _score(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ModelError(f"{where} must be a number from 0 to 1, not {value!r}")
    return float(value)


def _count(value: Any, where: str) -> int:
    if type(value) is not int or value < 1:
        raise ModelError(f"{where} must be a whole number of at least 1, not {value!r}")
    return value


def _label_scores(value: Any, where: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ModelError(f"{where} must be an object of labels and scores, not {value!r}")
    return {str(label): _score(score, f"{where}: {label!r}") for label, score in value.items()}


def _unknown(value: Any, where: str) -> UnknownRule:
    if not isinstance(value, Mapping) or sorted(value) != sorted(_UNKNOWN_KEYS) or value["kind"] != _COSINE:
        raise ModelError(
            f"{where} must be an object of {', '.join(_UNKNOWN_KEYS)}, the kind {_COSINE!r}, not {value!r}"
        )
    threshold = value["threshold"]
    if type(threshold) not in (int, float) or not -1 <= threshold <= 1:
        raise ModelError(f"{where}: 'threshold' must be a number from −1 to 1, not {threshold!r}")
    return UnknownRule(float(threshold), _text(value["means"], f"{where}: 'means'"))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ModelError(f"{where} must be text, not {value!r}")
    return value


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ModelError(f"{where} must be an object, not {value!r}")
    return value


_CHECKS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "class_score": _score,
    "group_score": _score,
    "largest_group": _count,
    "labels": _label_scores,
    "unknown": _unknown,
    "fitted_on": _text,
    "measured": _object,
}
