"""A calibration as text for people: the thresholds, and what they come to on both halves of the photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.evaluation import Calibration, Outcome

_COLUMNS: Final = ("", "photos", "precision", "95 % interval", "coverage", "95 % interval")


def calibration_text(found: Calibration, name: str) -> str:
    """Describe a calibration of the model `name` in lines."""
    return "\n".join([safe_text(name), *_thresholds(found), "", *_table(found), "", *_kinds(found.outcome)])


def percent(share: float) -> str:
    """Give a share of 1 as it is shown."""
    return f"{share * 100:.1f} %"


def _thresholds(found: Calibration) -> Iterator[str]:
    thresholds = found.thresholds
    yield f"class if its score is at least {thresholds.class_score:.2f}"
    if found.judged_on.has_groups:
        has_group = thresholds.group_score <= 1
        yield f"group if its score is at least {thresholds.group_score:.2f}" if has_group else "never a group"
    if found.cosine is not None:
        yield f"unknown if the cosine is below {thresholds.cosine:.3f}"


def _table(found: Calibration) -> Iterator[str]:
    lines = [_COLUMNS, _line("fitted on", found.fitted), _line("judged on", found.outcome)]
    if found.top1_coverage is not None:
        lines.append(("top-1 alone at that precision", "", "", "", percent(found.top1_coverage), ""))
    cells = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    for first, *rest in lines:
        row = "  ".join(f"{text:>{width}}" for text, width in zip(rest, cells[1:], strict=True))
        yield f"{first:<{cells[0]}}  {row}".rstrip()


def _line(name: str, outcome: Outcome) -> tuple[str, ...]:
    return (
        name,
        str(outcome.photos + outcome.others),
        "-" if outcome.precision is None else percent(outcome.precision),
        "-" if outcome.precision_interval is None else _interval(outcome.precision_interval),
        percent(outcome.coverage),
        _interval(outcome.coverage_interval),
    )


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0] * 100:.1f} to {ends[1] * 100:.1f} %"


def _kinds(outcome: Outcome) -> Iterator[str]:
    groups, unknown = outcome.answered - outcome.classes, outcome.photos - outcome.answered
    yield f"Of {outcome.photos} photos: {outcome.classes} a class, {groups} a group, {unknown} unknown"
    if outcome.others:
        yield f"Of {outcome.others} photos of other things: {outcome.others - outcome.others_answered} unknown"
