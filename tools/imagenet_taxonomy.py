"""Writes ``models/imagenet_taxonomy.tsv``: the groups of ImageNet's classes, from WordNet's nouns.

    python -m tools.imagenet_taxonomy [--wordnet FOLDER] [-o FILE]

``tools/imagenet_groups.tsv`` lists the groups and their names; the classes in each come from WordNet 3.0, whose noun
offsets are ImageNet's ids. The result depends on these two and on ``models/imagenet_classes.tsv``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import click

from mobiclass._system import atomic_write
from mobiclass.errors import SetupError
from mobiclass.labels import ImagenetClass, read_classes
from tools.command_line import ToolCommand, require_folder_of

GROUPS: Final = Path(__file__).resolve().with_name("imagenet_groups.tsv")
TAXONOMY: Final = Path(__file__).resolve().parents[1] / "models" / "imagenet_taxonomy.tsv"
WORDNET: Final = Path("/usr/share/wordnet")

_NOUNS: Final = "data.noun"
_NO_ID: Final = "-"
_VERSION: Final = "WordNet 3.0"
_EDITED: Final = re.compile(r"[+-]n\d{8}")


class NamedGroup(NamedTuple):
    """A line of the table: WordNet id (``-`` for none), name, and the ids added (``+n…``) and taken away (``-n…``)."""

    wnid: str
    name: str
    edits: tuple[str, ...]


@click.command(cls=ToolCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--wordnet",
    type=click.Path(path_type=Path),
    default=WORDNET,
    show_default=True,
    help="Folder with WordNet 3.0's data.noun (Debian: wordnet-base).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=TAXONOMY,
    show_default="models/imagenet_taxonomy.tsv of the checkout",
    help="File to write.",
)
def main(wordnet: Path, output: Path) -> None:
    """Write the groups of ImageNet's classes.

    Exit codes: 0 written, 2 usage error, 3 WordNet is missing or is another version, or a table is wrong.
    """
    require_folder_of(output)
    text = taxonomy_text(read_hypernyms(wordnet), read_named_groups(), read_classes())
    with atomic_write(output) as file:
        file.write(text.encode())
    click.echo(f"{output}: {text.count(chr(10))} groups", err=True)


def read_hypernyms(folder: Path) -> dict[str, tuple[str, ...]]:
    """Read which synsets stand directly above each noun, by WordNet id, also those of an instance (``@i``).

    Raises:
        SetupError: the file is missing, or is not WordNet 3.0's.
    """
    path = folder / _NOUNS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path}: WordNet's nouns cannot be read ({error}); apt-get install wordnet-base") from error
    if not any(_VERSION in line for line in lines[:29]):  # the licence, which names the version
        raise SetupError(f"{path}: is not {_VERSION}; the offsets of others are not ImageNet's ids")
    return dict(_synset(line) for line in lines if not line.startswith(" "))


def _synset(line: str) -> tuple[str, tuple[str, ...]]:
    """Take a line apart, as wndb(5WN) describes it: offset, file, type, words, pointers, gloss."""
    fields = line.partition(" | ")[0].split()
    place = 4 + 2 * int(fields[3], 16)
    pointers = [fields[at : at + 4] for at in range(place + 1, place + 1 + 4 * int(fields[place]), 4)]
    return f"n{fields[0]}", tuple(f"n{target}" for kind, target, *_ in pointers if kind in ("@", "@i"))


def read_named_groups(path: Path = GROUPS) -> tuple[NamedGroup, ...]:
    """Read the table of names.

    Raises:
        SetupError: a line is not an id, a name and, where there are any, edits.
    """
    groups = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("#"):
            continue
        wnid, name, edited, *more = (*line.split("\t"), "", "")
        edits = tuple(edited.split())
        ids = edits if wnid == _NO_ID else (f"+{wnid}", *edits)
        if any(more) or not all(map(_EDITED.fullmatch, ids)) or name != name.strip() or not name:
            raise SetupError(f"{path}:{number}: expected an id, a name and edits, separated by tabs: {line!r}")
        groups.append(NamedGroup(wnid, name, edits))
    return tuple(groups)


def taxonomy_text(
    hypernyms: Mapping[str, tuple[str, ...]], groups: tuple[NamedGroup, ...], classes: tuple[ImagenetClass, ...]
) -> str:
    """Write a line for each group, the smallest first: id, name, and the indices of its classes as ranges.

    Raises:
        SetupError: a group has fewer than two classes, or the classes or the name of another, or an edit does nothing.
    """
    below: dict[str, set[int]] = defaultdict(set)
    for index, entry in enumerate(classes):
        for wnid in _ancestors(entry.wnid, hypernyms):
            below[wnid].add(index)
    members = {group: frozenset(_members(group, below)) for group in groups}
    _check(members, classes)
    ordered = sorted(groups, key=lambda group: (len(members[group]), group.wnid, group.name))
    return "".join(f"{g.wnid.strip(_NO_ID)}\t{g.name}\t{_ranges(members[g])}\n" for g in ordered)


def _ancestors(wnid: str, hypernyms: Mapping[str, tuple[str, ...]]) -> set[str]:
    found, waiting = set(), [wnid]
    while waiting:
        synset = waiting.pop()
        if synset not in found:
            found.add(synset)
            waiting += hypernyms.get(synset, ())
    return found


def _members(group: NamedGroup, below: Mapping[str, set[int]]) -> set[int]:
    members = set(below.get(group.wnid, ()))
    for edit in group.edits:
        edited = below.get(edit[1:], set())
        changed = members | edited if edit[0] == "+" else members - edited
        if changed == members:
            raise SetupError(f"{group.name}: {edit} changes nothing")
        members = changed
    return members


def _check(members: Mapping[NamedGroup, frozenset[int]], classes: tuple[ImagenetClass, ...]) -> None:
    labels = {entry.label.casefold() for entry in classes}
    names: dict[str, NamedGroup] = {}
    contents: dict[frozenset[int], NamedGroup] = {}
    ids: dict[str, NamedGroup] = {}
    for group, indices in members.items():
        if len(indices) < 2:
            raise SetupError(f"{group.name} ({group.wnid}): a group needs two classes")
        if group.name.casefold() in labels:
            raise SetupError(f"{group.name} ({group.wnid}): a class has this name")
        for kind, other in (
            ("name", names.setdefault(group.name.casefold(), group)),
            ("classes", contents.setdefault(indices, group)),
            ("id", ids.setdefault(group.wnid, group)),
        ):
            if other != group and (kind != "id" or group.wnid != _NO_ID):
                raise SetupError(f"{group.name} ({group.wnid}): {other.name} has the same {kind}")


def _ranges(indices: frozenset[int]) -> str:
    """Write ``{1, 2, 3, 7}`` as ``1-3,7``."""
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in _runs(sorted(indices)))


def _runs(indices: list[int]) -> Iterator[list[int]]:
    for _, run in groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
        yield [index for _, index in run]


if __name__ == "__main__":
    main()
