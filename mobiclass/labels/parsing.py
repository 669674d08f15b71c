"""The bytes of a label file to a `LabelList`: which form they have, by their content first and the suffix second.

Known are plain lines, lines that carry their index, CSV, JSON, pbtxt label maps, the ``names`` of a YAML file, and
Python's literals. A file that is recognized and cannot be read is refused as what it is, never taken for lines.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any, Final

from mobiclass._system import decode_text, read_text_file
from mobiclass.errors import LabelsError
from mobiclass.labels.lists import LabelList, NumberedLines, PlainLines, Reading, first_repeated, is_numbering

_MAX_BYTES: Final = 32 << 20  # the names of 20,000 classes with their synonyms take one megabyte
_MAX_LABELS: Final = 1_000_000
# Patterns are compiled when a file may match one: a plain list, such as the built-in model's, needs none of them.
_PBTXT: Final = r"(?:\s|#[^\n]*(?:\n|$))*(?:item|entry)\s*:?\s*[{<]"
_YAML_KEY: Final = r"(?m)^(?:\"names\"|'names'|names)[ \t]*:(?:[ \t\r\n]|$)"
_JSON_START: Final = r"[\[{]\s*(?:[\"\[{\]}]|$)"
_LITERAL_START: Final = r"[\[{]\s*(?:'|-?[0-9]+\s*:)"
_MARKUP: Final = ("<!doctype", "<html", "<?xml")
_LFS_POINTER: Final = "version https://git-lfs"
_SEPARATORS: Final = frozenset(',;\t"')
_COLUMN_ENDINGS: Final = ("name", "label", "class", "classes", "category", "title", "species", "tag", "names", "labels")
_COLUMN: Final = (
    r"(?i)(?:display|label|class|category|common)?[ _]?(?:names?|labels?|class(?:es)?|category|title|species|tag)"
)
_NUMBER_STARTS: Final = tuple("[(#0123456789")
_NUMBERED: Final = (
    r"(?s)[\[(#]?(?P<index>[0-9]{1,7})(?:"
    r"(?P<joint>[._-]+(?=[^\s._-]))|(?P<mark>[\])]?\s*[:;,=|]\s*|[\])]\s*)|\.?\s+(?:[-–—]\s+)?|$)"
    r"(?P<name>.*)"
)

_INDEX_LAST: Final = re.compile(r"(?P<name>.*[^\s:=|])(?P<joint>\s*[:=|]\s*|\s+)(?P<index>[0-9]{1,7})", re.DOTALL)


def read_labels(path: Path) -> LabelList:
    """Read the label file at `path`.

    Raises:
        LabelsError: it cannot be read, or is no label list.
    """
    try:
        text = read_text_file(path, _MAX_BYTES)
    except ValueError as error:
        raise LabelsError(f"{path}: the label list {error}") from error
    return _parse(text, str(path))


def parse_labels(content: bytes, source: str) -> LabelList:
    """Read the bytes of a label file; `source` names it in messages, and its suffix is a hint.

    Raises:
        LabelsError: they are no label list.
    """
    try:
        if len(content) > _MAX_BYTES:
            raise ValueError(f"is longer than {_MAX_BYTES >> 20} MB")
        text = decode_text(content)
    except ValueError as error:
        raise LabelsError(f"{source}: the label list {error}") from error
    return _parse(text, source)


def labels_of_value(value: Any, source: str) -> LabelList:
    """Read labels that stand in a larger JSON object, as `value` of it; `source` names it in messages.

    Raises:
        LabelsError: there are no labels in it that could be told.
    """
    from mobiclass.labels.json_forms import readings_of_value

    try:
        return _list(readings_of_value(value), source)
    except ValueError as error:
        raise LabelsError(f"{source}: {error}") from error


def _parse(text: str, source: str) -> LabelList:
    suffix = PurePath(source.removesuffix(")")).suffix.lower()  # a file in a model: "birds.tflite (labels.txt)"
    if text.lstrip()[:9].lower().startswith(_MARKUP):
        raise LabelsError(f"{source}: this is a web page or XML, not labels; download the file itself")
    if text.startswith(_LFS_POINTER):
        raise LabelsError(f"{source}: this is a Git LFS pointer, not the labels that it points to")
    try:
        return _list(_structured(text, suffix) or _from_lines(text, suffix), source)
    except ValueError as error:
        raise LabelsError(f"{source}: {error}") from error


def _list(readings: list[Reading], source: str) -> LabelList:
    if not any(name for reading in readings for name in reading.names):
        raise LabelsError(f"{source}: there is no label in it; write one label a line")
    if any(len(reading.names) > _MAX_LABELS for reading in readings):
        raise LabelsError(f"{source}: more than {_MAX_LABELS:,} labels")
    return LabelList(source, tuple(readings))


def _structured(text: str, suffix: str) -> list[Reading] | None:
    """Read what is no list of lines; ``None`` where it is one.

    Raises:
        ValueError: it has another form, and an error in it.
    """
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        if suffix == ".json" or re.match(_JSON_START, stripped):
            from mobiclass.labels.json_forms import readings_of_json

            return readings_of_json(stripped)
        if re.match(_LITERAL_START, stripped):
            from mobiclass.labels.yaml_forms import readings_of_literal

            return readings_of_literal(stripped)
    elif suffix == ".json":
        raise ValueError("a JSON list or object of labels is expected")
    if suffix == ".pbtxt" or (("{" in text or "<" in text) and re.match(_PBTXT, text)):
        from mobiclass.labels.pbtxt import readings_of_pbtxt

        return readings_of_pbtxt(text)
    if suffix in (".yaml", ".yml") or ("names" in text and re.search(_YAML_KEY, text)):
        from mobiclass.labels.yaml_forms import readings_of_yaml

        return readings_of_yaml(text)
    return None


def _from_lines(text: str, suffix: str) -> list[Reading]:
    """Read a list of lines, in all the ways in which it can be read."""
    lines = _lines(text)
    filled = [line for line in lines if line]
    readings: list[Reading] = []
    # The reader of tables is loaded for what may be one: not for the built-in model.
    if suffix in (".csv", ".tsv") or any(map(_may_be_table, filled[:2])):
        from mobiclass.labels.tables import cells_as_labels, table_with_columns

        if table := table_with_columns(text):
            return [table]
        readings += cells_as_labels(text, suffix)
    if numbered := _numbered(filled):
        if not isinstance(numbered, NumberedLines):
            return [numbered]
        readings.append(numbered)
    elif named := _index_last(filled):
        readings.append(named)
    readings.append(PlainLines("a list of labels", tuple(lines)))
    beginning = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
    if beginning:  # comments, should the list not fit with them
        readings += _from_lines("\n".join(lines[beginning:]), suffix)
    return readings


def _may_be_table(line: str) -> bool:
    """Whether `line` has separators, or is the name of a column."""
    if not _SEPARATORS.isdisjoint(line):
        return True
    return line.lower().endswith(_COLUMN_ENDINGS) and re.fullmatch(_COLUMN, line) is not None


def _lines(text: str) -> list[str]:
    """Split `text` at line ends alone (`str.splitlines` knows more), and drop what is blank around each line."""
    if "\r" in text:
        text = re.sub(r"\r+\n|\r", "\n", text)
    lines = [line.strip() for line in text.split("\n")]
    if not lines[-1]:
        lines.pop()
    return lines


def _numbered(lines: list[str]) -> Reading | None:
    """Read lines that all begin with a number of their own; bare numbers are names, unless others have a name too.

    A comma, colon or the like after every number makes them indices for certain; a space does not.
    """
    matches = []
    for line in lines:
        match = re.fullmatch(_NUMBERED, line) if line.startswith(_NUMBER_STARTS) else None
        if match is None:
            return None
        matches.append(match)
    indices = tuple(int(match["index"]) for match in matches)
    names = tuple(match["name"].strip() for match in matches)
    if not any(names):
        return None
    if all(match["mark"] for match in matches):
        if (twice := first_repeated(indices)) is not None:
            raise ValueError(f"a numbered list that has the index {twice} twice")
        return Reading("a numbered list", names, indices) if is_numbering(indices) else None
    if not is_numbering(indices):
        return None
    joint = any(match["joint"] for match in matches)
    return NumberedLines("a numbered list", names, indices, lines=tuple(lines), part_of_name=joint)


def _index_last(lines: list[str]) -> Reading | None:
    """Read lines that all end in an index of their own: ``cat: 0``; of ``Class 0`` and ``Class 1`` that is the name.

    Behind a space alone, only the numbers from 0 on are taken for indices, in any order.
    """
    matches = []
    for line in lines:
        match = _INDEX_LAST.fullmatch(line)
        if match is None:
            return None
        matches.append(match)
    indices = tuple(int(match["index"]) for match in matches)
    names = tuple(match["name"].strip() for match in matches)
    lowest = 0 if any(match["joint"].isspace() for match in matches) else min(indices, default=0)
    if sorted(indices) != list(range(lowest, lowest + len(indices))):
        return None
    if len({name.casefold() for name in names}) < len(names):
        return None
    return Reading("a list of names, each with its index", names, indices)
