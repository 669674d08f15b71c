"""``--only FILE``: the classes that may be answered, by their labels, WordNet ids or groups."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mobiclass._system import read_text_file
from mobiclass.decisions.taxonomy import Taxonomy
from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames, Match

_MAX_BYTES: Final = 16 << 20


def read_allow_list(file: Path, names: ClassNames, taxonomy: Taxonomy | None) -> tuple[int, ...]:
    """Read a list with a label, a WordNet id or the name of a group a line; ``#`` begins a comment.

    Returns:
        The indices of the classes, ascending.

    Raises:
        LabelsError: the list cannot be read, is empty, or has lines that name nothing in the model; the details say
            which, and what is near.
    """
    try:
        text = read_text_file(file, _MAX_BYTES)
    except ValueError as error:
        raise LabelsError(f"{file}: the list of classes {error}") from error
    allowed: set[int] = set()
    missing = []
    groups = taxonomy.by_name if taxonomy else {}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        group = groups.get(name.casefold()) or groups.get(name.casefold().replace("_", " "))
        found = names.find(name)
        if isinstance(found, Match) and (found.by != "index" or group is None):
            allowed.add(found.index)
        elif group is not None:
            allowed.update(group.classes)
        elif not isinstance(found, Match):
            near = f"; near it: {', '.join(found.near)}" if found.near else ""
            missing.append(f"{number}: {name}: {found.reason}{near}")
    if missing:
        raise LabelsError(f"{file}: {len(missing)} of its lines name no class or group of the model", missing)
    if not allowed:
        raise LabelsError(f"{file}: there is nothing in it; write a label, a WordNet id or a group a line")
    return tuple(sorted(allowed))
