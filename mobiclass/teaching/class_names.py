"""The names of classes as labels: what cannot be one is refused before anything is computed."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from mobiclass.errors import ClassesError
from mobiclass.results import printable_utf8

_LONGEST: Final = 200


def class_labels(names: Iterable[str]) -> dict[str, str]:
    """Give each class's label: its name in Unicode's composed form (NFC), without spaces around it.

    Raises:
        ClassesError: a name is no line of text, or two names are the same but for case or Unicode's forms.
    """
    labels: dict[str, str] = {}
    alike: defaultdict[str, list[str]] = defaultdict(list)
    problems = []
    for name in names:
        label = unicodedata.normalize("NFC", name).strip()
        if printable_utf8(label) != label:
            problems.append(f"{name!r}: not valid UTF-8")
        elif not label or not label.isprintable():
            problems.append(f"{name!r}: empty, or with line breaks or other characters that cannot be shown")
        elif len(label) > _LONGEST:
            problems.append(f"{label[:40]!r}…: longer than {_LONGEST} characters")
        labels[name] = label
        alike[" ".join(unicodedata.normalize("NFKC", label).casefold().split())].append(name)
    problems += [f"{' and '.join(map(repr, same))}: the same name twice" for same in alike.values() if len(same) > 1]
    if problems:
        raise ClassesError(f"{len(problems)} class names cannot be labels; rename or merge the classes", problems)
    return labels
