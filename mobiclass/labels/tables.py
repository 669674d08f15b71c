"""Labels in CSV: with commas, semicolons or tabs, with a header or without, with an index of their own or without.

``tench, Tinca tinca`` is a label and no table: columns count only where a header names them, or where every line has
as many and one of them is an index.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from mobiclass.labels.lists import Reading, first_repeated, is_numbering

_DELIMITERS: Final = (",", ";", "\t")
_NAME_WORDS: Final = (
    "display_name", "displayname", "label_name", "labelname", "class_name", "classname", "category_name", "name",
    "label", "class", "category", "title", "names", "labels", "classes", "species", "common_name", "tag", "description",
)  # fmt: skip
_INDEX_WORDS: Final = (
    "index", "idx", "class_index", "class_idx", "label_index", "label_idx", "class_id", "classid", "label_id",
    "labelid", "category_id", "output", "output_index", "id", "number", "no", "nr", "num", "target", "code", "",
)  # fmt: skip
_WNID_WORDS: Final = ("wnid", "synset", "synset_id", "wordnet_id")
_EXCEL_SEPARATOR: Final = re.compile(r"\Asep=.\r?\n")
_INTEGER: Final = re.compile(r"[0-9]{1,9}")
_WHOLE: Final = re.compile(r"[0-9]{1,9}(?:\.0+)?")  # as pandas writes a column of integers that had gaps
_WNID: Final = re.compile(r"n[0-9]{8}")

_Rows = list[list[str]]


def table_with_columns(text: str) -> Reading | None:
    """Read a table with a column of names and, where there is one, a column of indices; ``None`` where it is none.

    Raises:
        ValueError: its header says what its columns are, and they are not that; or two may be the index.
    """
    text = _EXCEL_SEPARATOR.sub("", text)
    for delimiter in _DELIMITERS:
        rows = _rows(text, delimiter) if delimiter in text else []
        if len(rows) < 2:
            continue
        if table := _with_header(rows):
            return table
        if len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows):
            has_number = any(map(_INTEGER.fullmatch, rows[0]))
            # A first line without a number above lines that all have one is a header in words that are not known.
            if table := _without_header(rows) or (None if has_number else _without_header(rows[1:])):
                return table
    return None


def cells_as_labels(text: str, suffix: str) -> list[Reading]:
    """Read a table of one column, with or without a header, or of one row; none where that is not plain."""
    rows = _rows(text, ",")
    if len(rows) == 1 and len(rows[0]) > 1:
        return [Reading("a line of labels", tuple(rows[0]))]
    if not rows or any(len(row) > 1 for row in rows):
        return []
    names = tuple(row[0] for row in rows)
    readings = [Reading("a table of one column", names)] if suffix == ".csv" or _all_quoted(text) else []
    if len(names) > 1 and is_header(names[0]):
        readings.insert(0, Reading("a table with a header", names[1:]))
    return readings


def is_header(line: str) -> bool:
    """Whether `line` may be the header above a column of labels."""
    return _word(line.strip('"')) in _NAME_WORDS


def _rows(text: str, delimiter: str) -> _Rows:
    """Split `text` into cells without the blanks around them; no rows where its quotes are not CSV's."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        rows = [cells for row in reader if any(cells := [cell.strip() for cell in row])]
    except csv.Error:
        return []
    if all(len(row) > 1 and not row[-1] for row in rows):  # a comma at the end of every line
        return [row[:-1] for row in rows]
    return rows


def _with_header(rows: _Rows) -> Reading | None:
    """Read a table whose first row names its columns; ``None`` where it names none that are known."""
    header, body = [_word(cell) for cell in rows[0]], rows[1:]
    known = {*_NAME_WORDS, *_INDEX_WORDS, *_WNID_WORDS}
    if len(header) < 2 or sum(word in known for word in header) < 2 or not {*header} & {*_NAME_WORDS}:
        return None
    if any(len(row) != len(header) for row in body):
        odd = next(number for number, row in enumerate(body, start=2) if len(row) != len(header))
        raise ValueError(f"a table with {len(header)} columns, of which row {odd} has {len(body[odd - 2])}")
    columns = list(zip(*body, strict=True))
    numeric = [all(map(_WHOLE.fullmatch, column)) for column in columns]
    # A column "class" or "label" may have the indices or the names: its cells say which.
    index = _first(header, (*_INDEX_WORDS, *reversed(_NAME_WORDS)), numeric)
    wnid = _first(header, (*_WNID_WORDS, *_INDEX_WORDS), [all(map(_WNID.fullmatch, column)) for column in columns])
    free = [place not in (index, wnid) for place in range(len(header))]
    name = _first(header, _NAME_WORDS, free)
    if name is None:
        name = index if wnid is None else wnid
        index = None if name == index else index
    if name is None:
        return None
    names = columns[name]
    if wnid is not None and wnid != name:
        names = tuple(f"{synset} {label}" for synset, label in zip(columns[wnid], names, strict=True))
    return _table(names, columns[index] if index is not None else None)


def _without_header(rows: _Rows) -> Reading | None:
    """Read a table of names beside indices, WordNet ids or both; ``None`` where it has other columns."""
    columns = list(zip(*rows, strict=True))
    numbers = [place for place, column in enumerate(columns) if _is_numbering(column)]
    wnids = [place for place, column in enumerate(columns) if all(map(_WNID.fullmatch, column))]
    others = [place for place in range(len(columns)) if place not in (*numbers, *wnids)]
    if len(numbers) > 1 and not others and not wnids:
        if len(columns) == 2 and columns[0] == columns[1]:
            return _table(columns[0], columns[0])
        raise ValueError(
            "a table of two columns of numbers, either of which may be the index; add a header: index,name"
        )
    if len(others) > 1 or len(columns) - len(others) > 2 or not (numbers or wnids):
        return None
    if len(others) == 1:
        names = columns[others[0]]
        if numbers and numbers[0] > others[0] and len(set(names)) < len(names):
            return None  # "grade, 1" and "grade, 2" are names
        if wnids:
            names = tuple(f"{wnid} {name}" for wnid, name in zip(columns[wnids[0]], names, strict=True))
    else:
        names = columns[wnids[0]]
    return _table(names, columns[numbers[0]] if numbers else None)


def _table(names: Sequence[str], indices: Sequence[str] | None) -> Reading:
    numbers = None if indices is None else tuple(int(cell.partition(".")[0]) for cell in indices)
    if numbers is not None and (twice := first_repeated(numbers)) is not None:
        raise ValueError(f"a table of labels that has the index {twice} twice")
    return Reading("a table of labels", tuple(names), numbers)


def _is_numbering(column: Sequence[str]) -> bool:
    """Whether every cell is a number, as far as a list with gaps may go."""
    if not all(map(_INTEGER.fullmatch, column)):
        return False
    return is_numbering([int(cell) for cell in column])


def _first(header: Sequence[str], words: Sequence[str], allowed: Sequence[bool]) -> int | None:
    """Find the allowed column whose name comes first in `words`."""
    places = [place for place, word in enumerate(header) if word in words and allowed[place]]
    return min(places, key=lambda place: words.index(header[place]), default=None)


def _all_quoted(text: str) -> bool:
    lines = [line.strip().removesuffix(",") for line in text.splitlines() if line.strip()]
    return all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines)


def _word(cell: str) -> str:
    return re.sub(r"\W+", "_", cell.strip().casefold()).strip("_")
