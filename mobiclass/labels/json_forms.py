"""Labels in JSON: a list, a map from index to name or from name to index, or either within a larger object.

So do Hugging Face (``id2label`` in ``config.json``), Keras (``class_indices``, ``imagenet_class_index.json``), timm
(``label_names``), Teachable Machine (``labels`` in ``metadata.json``) and COCO (``categories``) write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

from mobiclass.labels.lists import Reading, first_repeated

_Direction: TypeAlias = Literal["index to name", "name to index"]

_CONTAINERS: Final[dict[str, _Direction | None]] = {
    "id2label": "index to name",
    "label2id": "name to index",
    "classindices": "name to index",
    "classtoidx": "name to index",
    "classtoindex": "name to index",
    "idxtoclass": "index to name",
    "indextoclass": "index to name",
    "idxtolabel": "index to name",
    "indextolabel": "index to name",
    "labelnames": None,
    "classnames": None,
    "names": None,
    "labels": None,
    "classes": None,
    "categories": None,
    "classlabels": None,
    "labelmap": None,
}
"""The keys under which labels stand, the most telling first, without case, ``_`` and ``-``."""

_NAME_KEYS: Final = ("displayname", "labelname", "classname", "categoryname", "name", "label", "class", "category",
                     "title", "text")  # fmt: skip
_INDEX_KEYS: Final = ("index", "idx", "classid", "labelid", "classindex", "labelindex", "categoryid", "id")
_MAX_DEPTH: Final = 4
_MAX_DIGITS: Final = 9
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_WNID: Final = re.compile(r"n[0-9]{8}")


def readings_of_json(text: str) -> list[Reading]:
    """Read labels in JSON.

    Raises:
        ValueError: it is no JSON, or there are no labels in it that could be told.
    """
    try:
        return readings_of_value(_loads(text))
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.strip().endswith(("}", "]")) for line in lines):
            raise ValueError(f"not valid JSON ({error})") from error
    try:  # a JSON object a line
        return [_from_list([_loads(line) for line in lines], "a list of JSON lines")]
    except json.JSONDecodeError as error:
        raise ValueError(f"neither valid JSON nor JSON lines ({error})") from error


def _loads(text: str) -> Any:
    try:
        # Long numbers stay text: Python refuses to convert the longest, and none of them is an index.
        return json.loads(text, parse_int=_integer, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply for labels") from error


def readings_of_value(value: Any) -> list[Reading]:
    """Read labels in a value such as JSON has: lists, dicts by text or by number, text and numbers.

    Raises:
        ValueError: there are no labels in it that could be told.
    """
    if isinstance(value, list):
        return [_from_list(value, "a JSON list")]
    if not isinstance(value, dict):
        raise ValueError(f"a JSON list or object of labels is expected, not {type(value).__name__}")
    if found := _find_container(value):
        key, inner, direction = found
        if isinstance(inner, dict):
            return [_from_map(inner, f"a JSON object of {key}", direction)]
        return [_from_list(inner, f"a JSON object of {key}")]
    if len(value) == 1 and isinstance(inner := next(iter(value.values())), (dict, list)) and not _is_pair(inner):
        return readings_of_value(inner)
    return [_from_map(value, "a JSON object", None)]


def _find_container(value: dict[str, Any]) -> tuple[str, Any, _Direction | None] | None:
    """Find the list or map of labels in an object that has it under a known key, the outermost first."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        for wanted, direction in _CONTAINERS.items():
            for holder in level:
                for key, inner in holder.items():
                    if _plain(key) == wanted and isinstance(inner, (list, dict)) and inner:
                        return str(key), inner, direction
        level = [inner for holder in level for inner in holder.values() if isinstance(inner, dict)]
    return None


def _from_list(values: list[Any], form: str) -> Reading:
    """Read a list of names, of objects with a name and perhaps an index, or of pairs."""
    if all(value is None or _is_name(value) for value in values):
        return Reading(form, tuple("" if value is None else str(value).strip() for value in values))
    names: list[str] = []
    indices: list[int] = []
    for number, value in enumerate(values):
        index, name = _index_and_name(value)
        if name is None:
            raise ValueError(f"{form} whose entry {number} has no name: {_shown(value)}")
        names.append(name)
        if index is not None:
            indices.append(index)
    if indices and len(indices) != len(names):
        raise ValueError(f"{form} in which {len(names) - len(indices)} of {len(names)} entries have no index")
    return _indexed(form, names, indices)


def _from_map(values: dict[Any, Any], form: str, direction: _Direction | None) -> Reading:
    """Read a map from index to name or from name to index, whichever it is."""
    if direction is None:
        direction = _direction(values)
    if direction is None:
        if values and all(_WNID.fullmatch(str(key)) for key in values) and list(values) == sorted(values):
            return Reading(form, tuple(f"{wnid} {_name_of(name) or ''}".strip() for wnid, name in values.items()))
        keys = ", ".join(repr(str(key)) for key in list(values)[:3])
        raise ValueError(f"{form} in which no labels are found (its first keys: {keys or 'none'})")
    if direction == "name to index":
        names = [str(key).strip() for key in values]
        indices = [_required_index(value, form) for value in values.values()]
    else:
        names = []
        for key, value in values.items():
            name = "" if value is None else _name_of(value)
            if name is None:
                raise ValueError(f"{form} in which the index {str(key)[:20]} has no name: {_shown(value)}")
            names.append(name)
        indices = [_required_index(key, form) for key in values]
    return _indexed(form if "of " in form else f"{form} of {direction}", names, indices)


def _direction(values: dict[Any, Any]) -> _Direction | None:
    """Tell a map's direction; where both sides are numbers, those that are not text are the indices."""
    if not values:
        return None
    by_index = all(_as_index(key) is not None for key in values)
    if all(type(value) is int for value in values.values()):
        return "name to index"
    if by_index:
        return "index to name"
    return "name to index" if all(_as_index(value) is not None for value in values.values()) else None


def _index_and_name(value: Any) -> tuple[int | None, str | None]:
    """Take an entry of a list apart: an object, or a list of an index or a WordNet id and a name."""
    if isinstance(value, dict):
        fields = {_plain(key): field for key, field in value.items()}
        index = next((_as_index(fields[key]) for key in _INDEX_KEYS if _as_index(fields.get(key)) is not None), None)
        return index, _name_of(value)
    if isinstance(value, list) and 2 <= len(value) <= 3:
        index = next((part for part in value if type(part) is int), None)
        return index, _name_of([part for part in value if type(part) is not int])
    return None, str(value).strip() if _is_name(value) else None


def _name_of(value: Any) -> str | None:
    """Find the name in what a map has for an index: text, ``[wnid, name]`` or an object with a name in it."""
    if isinstance(value, dict):
        fields = {_plain(key): field for key, field in value.items()}
        return next((str(fields[key]).strip() for key in _NAME_KEYS if _is_name(fields.get(key))), None)
    if isinstance(value, list):
        if len(value) == 2 and _is_name(value[1]) and _WNID.fullmatch(str(value[0])):
            return f"{value[0]} {value[1]}".strip()
        return str(value[0]).strip() if len(value) == 1 and _is_name(value[0]) else None
    return str(value).strip() if _is_name(value) else None


def _indexed(form: str, names: Iterable[str], indices: list[int]) -> Reading:
    if (twice := first_repeated(indices)) is not None:
        raise ValueError(f"{form} that has the index {twice} twice")
    return Reading(form, tuple(names), tuple(indices) or None)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) or type(value) is int


def _is_pair(value: Any) -> bool:
    """Whether `value` is the name of one class, as ``["n01440764", "tench"]``, and not a list of classes."""
    return isinstance(value, list) and len(value) == 2 and _WNID.fullmatch(str(value[0])) is not None


def _as_index(value: Any) -> int | None:
    if type(value) is int and value >= 0:
        return value
    return int(value) if isinstance(value, str) and _INDEX.fullmatch(value.strip()) else None


def _required_index(value: Any, form: str) -> int:
    if (index := _as_index(value)) is None:
        raise ValueError(f"{form} in which {_shown(value)} should be an index")
    return index


def _plain(key: Any) -> str:
    return str(key).lower().replace("_", "").replace("-", "").replace(" ", "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"JSON with the key {twice[:40]!r} twice in an object")
    return found
