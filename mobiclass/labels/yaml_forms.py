"""The ``names`` of a YAML file as Ultralytics writes it, and lists and maps as Python prints them.

It reads a small part of YAML: names in a list or by index, in blocks or in brackets, bare or quoted. Anchors, tags,
blocks of text and the like are refused, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from mobiclass.labels.json_forms import readings_of_value
from mobiclass.labels.lists import Reading

_KEY: Final = re.compile(r"^(?P<quote>[\"']?)(?P<key>names|labels|class_names|classes|id2label)(?P=quote)[ \t]*:"
                         r"(?=[ \t\r\n]|$)", re.MULTILINE)  # fmt: skip
_COUNT: Final = re.compile(r"^nc[ \t]*:[ \t]*([0-9]{1,7})[ \t]*(?:#.*)?$", re.MULTILINE)
_ITEM: Final = re.compile(r"-(?:[ \t]+(?P<value>.*))?")
_PAIR: Final = re.compile(r"(?P<key>\"[^\"]*\"|'[^']*'|[^:\"'{}\[\],#&*!|>%@`-][^:]*?)[ \t]*:(?:[ \t]+(?P<value>.*))?")
_COMMENT: Final = re.compile(r"(?:^|[ \t])#.*")
_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_LITERAL_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_BARE: Final = re.compile(r"[^,\[\]{}\"'\n#]+")
_BLANK: Final = re.compile(r"\s+|#[^\n]*")
_NOT_BARE: Final = ("&", "*", "!", "|", ">", "%", "@", "`", "?")
_MAX_DEPTH: Final = 4
_LAST_CHARACTER: Final = 0x10FFFF


def readings_of_yaml(text: str) -> list[Reading]:
    """Read the ``names`` of a YAML file, or a file that is a list or a map of names by index.

    Raises:
        ValueError: there are none, or they are written in a part of YAML that is not read here.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    keys = sorted(_KEY.finditer(text), key=lambda match: match["key"] != "names")  # stable: else the first
    if keys:
        key, rest = keys[0]["key"], text[keys[0].end() :]
    else:
        key, rest = "", f"\n{text}"
    first, _, following = rest.partition("\n")
    inline = _COMMENT.sub("", first).strip()
    if not inline:
        value = _block(following.split("\n"), nested=bool(key))
    elif inline[0] in "[{":
        value = _Flow(rest.lstrip(), python=False).whole(alone=False)
    else:
        raise ValueError(f"a YAML file whose {key!r} is neither a list nor a map of names: {inline[:40]!r}")
    if not value:
        raise ValueError(f"a YAML file without {'names' if not keys else 'an entry under ' + repr(key)}")
    form = f"a YAML file's {key!r}" if key else "a YAML file"
    count = _COUNT.search(text)
    if count and int(count[1]) != len(value):
        raise ValueError(f"{form} has {len(value)} entries, while its 'nc' says {count[1]}")
    return _named(readings_of_value(value), form)


def readings_of_literal(text: str) -> list[Reading]:
    """Read a list or a map of names as Python prints it: ``{0: 'tench', 1: "lion's mane"}``.

    Raises:
        ValueError: it is none.
    """
    return _named(readings_of_value(_Flow(text, python=True).whole(alone=True)), "a Python literal")


def _named(readings: list[Reading], form: str) -> list[Reading]:
    return [Reading(form, reading.names, reading.indices) for reading in readings]


def _block(lines: list[str], *, nested: bool) -> dict[str, Any] | list[str]:
    """Read the lines of a block, `nested` under a key or not, up to its end: all are list items, or all are pairs."""
    entries: list[tuple[str | None, list[str]]] = []  # the key, none in a list, and the lines of the value
    indentation = None
    for line in lines:
        content = line.strip()
        if not content or content.startswith("#") or (content == "---" and not entries):
            continue
        depth = len(line) - len(line.lstrip(" "))
        indentation = depth if indentation is None else indentation
        item = _ITEM.fullmatch(content)
        if depth < indentation or (nested and depth == 0 and not item) or content in ("---", "..."):
            break
        pair = None if item else _PAIR.fullmatch(content)
        if depth > indentation and entries:
            entries[-1][1].append(content)  # a long value goes on
        elif item and line[depth] != "\t":
            entries.append((None, [item["value"] or ""]))
        elif pair and line[depth] != "\t":
            entries.append((_scalar(pair["key"]), [pair["value"] or ""]))
        else:
            raise ValueError(f"a YAML file with a line that is not read here: {content[:40]!r}")
    values = [_scalar(" ".join(parts)) for _, parts in entries]
    keys = [key for key, _ in entries if key is not None]
    if not keys:
        return values
    if len(keys) < len(values):
        raise ValueError("a YAML file that mixes a list with a map of names")
    pairs = dict(zip(keys, values, strict=True))
    if len(pairs) < len(keys):
        twice = Counter(keys).most_common(1)[0][0]
        raise ValueError(f"a YAML file with the key {twice[:40]!r} twice")
    return pairs


def _scalar(text: str) -> str:
    """Read one value: bare up to a comment, or quoted."""
    text = text.strip()
    if text[:1] in ('"', "'"):
        match = _QUOTED.match(text)
        if match is None or _COMMENT.sub("", text[match.end() :]).strip():
            raise ValueError(f"a YAML file with a quoted name that does not end: {text[:40]!r}")
        return _unquoted(match[0], python=False)
    text = _COMMENT.sub("", text).strip()
    if text.startswith((*_NOT_BARE, "[", "{", "- ")) or re.search(r":(?:\s|$)", text):
        raise ValueError(f"a YAML file with a value that is not read here: {text[:40]!r}")
    return text


def _unquoted(text: str, *, python: bool) -> str:
    if text[0] == "'" and not python:
        return text[1:-1].replace("''", "'").strip()
    inner = re.sub(r"\\(['\n])", r"\1", text[1:-1])
    if text[0] == "'":
        inner = re.sub(r'(?<!\\)"', r"\"", inner)
    inner = re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", inner)
    inner = re.sub(r"\\U000([0-9a-fA-F]{5})", _beyond_16_bits, inner)
    try:
        return str(json.loads(f'"{inner}"', strict=False)).strip()
    except ValueError as error:
        raise ValueError(f"a quoted name with an escape that is not read here: {text[:40]}") from error


def _beyond_16_bits(match: re.Match[str]) -> str:
    """Write the escape of a character as JSON has it, in UTF-16's two parts."""
    return json.dumps(chr(int(match[1], 16)))[1:-1] if int(match[1], 16) <= _LAST_CHARACTER else match[0]


class _Flow:
    """Reads lists and maps in brackets; in maps, what can be read as a number stays the text that it is."""

    def __init__(self, text: str, *, python: bool) -> None:
        self._text = text
        self._at = 0
        self._python = python
        self._quoted = _LITERAL_QUOTED if python else _QUOTED

    def whole(self, *, alone: bool) -> Any:
        """Read one list or map; `alone`, nothing may follow it."""
        value = self._value(_MAX_DEPTH)
        if alone and self._text[self._at :].strip(" \t\n;"):
            raise self._error()
        return value

    def _value(self, depth: int) -> Any:
        if depth == 0:
            raise ValueError("brackets that are nested too deeply for labels")
        match self._next():
            case "[" | "(" as opening:
                return self._list("]" if opening == "[" else ")", depth)
            case "{":
                return self._map(depth)
        return self._text_value()

    def _list(self, closing: str, depth: int) -> list[Any]:
        self._at += 1
        values = []
        while self._next() != closing:
            values.append(self._value(depth - 1))
            self._separator(closing)
        self._at += 1
        return values

    def _map(self, depth: int) -> dict[str, Any]:
        self._at += 1
        pairs: dict[str, Any] = {}
        while self._next() != "}":
            key = self._text_value(until=":")
            if self._next() != ":":
                raise self._error()
            self._at += 1
            if key in pairs:
                raise ValueError(f"the key {key[:40]!r} stands twice")
            pairs[key] = self._number_or(self._value(depth - 1))
            self._separator("}")
        self._at += 1
        return pairs

    def _text_value(self, until: str = "") -> str:
        if match := self._quoted.match(self._text, self._at):
            self._at = match.end()
            return _unquoted(match[0], python=self._python)
        match = _BARE.match(self._text, self._at)
        if match is None:
            raise self._error()
        bare = match[0].partition(until)[0] if until else match[0]
        text = bare.strip()
        if not text or text.startswith(_NOT_BARE) or (self._python and not text.isdigit()):
            raise self._error()
        self._at += len(bare)
        return text

    def _number_or(self, value: Any) -> Any:
        """Make an index of a number that Python has written without quotes: of ``{'cat': 0}``."""
        bare = self._text[self._at - 1 : self._at].isdigit()
        return int(value) if self._python and bare and isinstance(value, str) and len(value) < 10 else value

    def _separator(self, closing: str) -> None:
        if self._next() == ",":
            self._at += 1
        elif self._next() != closing:
            raise self._error()

    def _next(self) -> str:
        """Go on to the next character that is no space and no comment, and give it."""
        while match := _BLANK.match(self._text, self._at):
            self._at = match.end()
        return self._text[self._at : self._at + 1]

    def _error(self) -> ValueError:
        rest = self._text[self._at : self._at + 20]
        return ValueError(f"a list or map of names that cannot be read at {rest!r}" if rest else "it was cut short")
