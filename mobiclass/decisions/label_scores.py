"""``--thresholds FILE``: from which score on each class is answered."""

from __future__ import annotations

import csv
import io
from typing import Final

from mobiclass.errors import LabelsError
from mobiclass.labels import ClassNames, Match

_HEADER_WORDS: Final = ("score", "threshold")


def parse_label_scores(text: str, file: str, names: ClassNames) -> dict[int, float]:
    """Read a table ``label,score``, a label a line; a header may come first; `file` names the table in messages.

    Returns:
        The score of each class that it names, by index.

    Raises:
        LabelsError: the table is spoilt or empty, a label is none of the model's or stands there twice with different
            scores, or a score is not a number from 0 to 1.
    """
    scores: dict[int, float] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    first = True
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            is_header, first = first and len(cells) == 2 and cells[1].lower() in _HEADER_WORDS, False
            if is_header:
                continue
            if len(cells) != 2:
                raise LabelsError(f"{file}:{reader.line_num}: expected label,score")
            index, score = _class(cells[0], names, file, reader.line_num), _score(cells[1], file, reader.line_num)
            if scores.setdefault(index, score) != score:
                raise LabelsError(
                    f"{file}:{reader.line_num}: {cells[0]!r} has two scores, {scores[index]:g} and {score:g}"
                )
    except csv.Error as error:
        raise LabelsError(f"{file}:{reader.line_num}: {error}") from error
    if not scores:
        raise LabelsError(f"{file}: there is nothing in it; write label,score a line")
    return scores


def _class(text: str, names: ClassNames, file: str, line: int) -> int:
    found = names.find(text)
    if isinstance(found, Match):
        return found.index
    near = f"; near it: {', '.join(found.near)}" if found.near else ""
    raise LabelsError(f"{file}:{line}: {text!r}: {found.reason}{near}")


def _score(text: str, file: str, line: int) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise LabelsError(f"{file}:{line}: the score must be a number from 0 to 1, not {text!r}")
    return score
