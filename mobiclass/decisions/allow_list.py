"""``--only FILE``: the classes that may be answered, by their labels, WordNet ids or groups."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from mobiclass.decisions.taxonomy import Group, Taxonomy
from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames, Match

_MAX_TOLD: Final = 100
_NEAR: Final = 2
_NEAR_CUTOFF: Final = 0.7


def parse_allow_list(text: str, file: str, names: ClassNames, taxonomy: Taxonomy | None) -> tuple[int, ...]:
    """Read a list with a label, a WordNet id or the name of a group a line; ``#`` begins a comment.

    Args:
        text: the list.
        file: names it in messages.
        names: the names of the model's classes.
        taxonomy: its groups.

    Returns:
        The indices of the classes, ascending.

    Raises:
        LabelsError: the list is empty, or has lines that name nothing in the model; the details say which, and what is
            near.
    """
    allowed: set[int] = set()
    missing: list[str] = []
    groups = taxonomy.by_name if taxonomy else {}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        folded = name.casefold()
        group = groups.get(folded) or groups.get(folded.replace("_", " "))
        found = names.find(name, suggest=len(missing) < _MAX_TOLD)
        if isinstance(found, Match) and (found.by != "index" or group is None):
            allowed.add(found.index)
        elif group is not None:
            allowed.update(group.classes)
        elif not isinstance(found, Match):
            near = [*found.near, *_groups_near(folded, groups)] if len(missing) < _MAX_TOLD else []
            missing.append(f"{number}: {name}: {found.reason}{'; near it: ' if near else ''}{', '.join(near)}")
    if missing:
        told = missing[:_MAX_TOLD]
        if len(missing) > _MAX_TOLD:
            told.append(f"… and {len(missing) - _MAX_TOLD} more")
        raise LabelsError(f"{file}: {len(missing)} of its lines name no class or group of the model", told)
    if not allowed:
        raise LabelsError(f"{file}: there is nothing in it; write a label, a WordNet id or a group a line")
    return tuple(sorted(allowed))


def _groups_near(folded: str, groups: Mapping[str, Group]) -> list[str]:
    names = [name for name, group in groups.items() if name != group.wnid]  # an id that is near names something else
    near = get_close_matches(folded.replace("_", " "), names, _NEAR, _NEAR_CUTOFF)
    return [f"{groups[name].name} (a group)" for name in near]
