"""The file of ``--map``: the class of each folder of photos, independent of any model.

``folder,class`` a line (comma or tab, UTF-8, quoted as in CSV where a name has a comma), or a JSON object of folder to
class. The class is a label, a wnid or an index (which a number in JSON always is); an empty one (in JSON ``null``)
excludes the folder.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from mobiclass._system import read_text_file
from mobiclass.errors import SetupError

ClassMap: TypeAlias = "dict[str, str | int | None]"
"""Folder to class: its name, or its index as a number; ``None`` for an excluded folder."""

_HEADERS: Final = (["folder", "class"], ["label", "class"])
_MAX_BYTES: Final = 32 << 20


def read_class_map(path: Path) -> ClassMap:
    """Read the map at `path`.

    Raises:
        SetupError: it cannot be read, has another form, or gives a folder two classes.
    """
    try:
        text = read_text_file(path, _MAX_BYTES)
    except ValueError as error:
        raise SetupError(f"{path}: the map {error}") from error
    pairs: Iterator[tuple[str, str | int | None]]
    pairs = _from_json(text, path) if path.suffix.lower() == ".json" else _from_lines(text, path)
    classes: ClassMap = {}
    for folder, name in pairs:
        if classes.get(folder, name) != name:
            raise SetupError(f"{path}: the folder {folder} has two classes: {classes[folder]} and {name}")
        classes[folder] = name
    if not classes:
        raise SetupError(f"{path}: the map is empty; write one folder,class per line")
    return classes


def _from_json(text: str, path: Path) -> Iterator[tuple[str, str | int | None]]:
    try:
        # As pairs: in a dict the first of two classes for one folder would vanish without a word.
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{path}: not valid JSON ({error})") from error
    if not text.lstrip().startswith("{"):
        raise SetupError(f"{path}: a JSON object of folder to class is expected")
    return ((folder, _class(value, folder, path)) for folder, value in pairs)


def _class(value: Any, folder: str, path: Path) -> str | int | None:
    if value is None or isinstance(value, str):
        return value or None
    if type(value) is int and value >= 0:
        return value
    raise SetupError(f"{path}: {folder}: the class must be a label, a wnid, an index or null")


def _from_lines(text: str, path: Path) -> Iterator[tuple[str, str | None]]:
    lines = io.StringIO(text, newline="")
    tabs = "\t" in next((line for line in text.split("\n") if line.strip()), "")
    reader = csv.reader(lines, delimiter="\t" if tabs else ",", strict=True, skipinitialspace=not tabs)
    try:
        for number, row in enumerate(_without_blank(reader)):
            if len(row) != 2 or not row[0]:
                raise SetupError(
                    f"{path}:{reader.line_num}: expected a folder, a {'tab' if tabs else 'comma'} and a class; a name "
                    'with that in it goes into "quotes"'
                )
            if number == 0 and [cell.lower() for cell in row] in _HEADERS:
                continue
            yield row[0], row[1].strip() or None
    except csv.Error as error:
        raise SetupError(f"{path}:{reader.line_num}: {error}") from error


def _without_blank(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    return (row for row in rows if any(cell.strip() for cell in row))
