"""A recommendation on stdout: a table for people, JSON or CSV for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from mobiclass.cli.terminal.text import fit_text, safe_text, text_width

if TYPE_CHECKING:
    from mobiclass.evaluation import Candidate, Recommendation

_MOST_NAME_CELLS: Final = 44


def print_recommendation(found: Recommendation, photos: int, output_format: str, *, partial: bool) -> None:
    """Print all models, in the order of `Recommendation.candidates`; `partial` after an interruption."""
    from mobiclass.evaluation import candidate_fields, recommendation_json

    if output_format == "json":
        click.echo(json.dumps(recommendation_json(found, photos, partial=partial), ensure_ascii=False, indent=2))
    elif output_format == "csv":
        from mobiclass.results import csv_table

        write_line = csv_table(sys.stdout, for_spreadsheets=False)
        for number, fields in enumerate(candidate_fields(found)):
            if number == 0:
                write_line(fields)
            write_line(fields.values())
    else:
        for line in (*_table(found), *_as_good(found)):
            click.echo(line.rstrip())
    sys.stdout.flush()


def _table(found: Recommendation) -> Iterator[str]:
    names = [safe_text(each.name) for each in found.candidates]
    width = min(_MOST_NAME_CELLS, max(map(text_width, [*names, "model"])))
    yield f"{fit_text('model', width)}  {'top-1':>7}  {'95 % interval':>13}  {'ms':>7}  {'peak MB':>7}  {'MB':>5}"
    for name, each in zip(names, found.candidates, strict=True):
        yield f"{fit_text(name, width)}  {_figures(each)}  {safe_text(found.verdict(each))}"


def _figures(each: Candidate) -> str:
    top1 = f"{each.top1 * 100:5.1f} %" if each.top1 is not None else "–"
    interval = "–" if each.interval is None else f"{each.interval[0] * 100:.1f}–{each.interval[1] * 100:.1f}"
    latency = "–" if each.latency_ms is None else f"{each.latency_ms:.2f}"
    peak = "–" if each.peak_mb is None else f"{each.peak_mb:.0f}"
    return f"{top1:>7}  {interval:>13}  {latency:>7}  {peak:>7}  {each.bytes / 1e6:>5.1f}"


def _as_good(found: Recommendation) -> Iterator[str]:
    """Name the faster models that may be as good as the recommended one."""
    slow = found.best.latency_ms if found.best else None
    for each in found.as_good:
        if slow and each.latency_ms and each.latency_ms < slow:
            times = slow / each.latency_ms
            yield f"{safe_text(each.name)} may be as good (the difference may be chance), {times:.1f} times as fast"
