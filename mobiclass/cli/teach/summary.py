"""What was taught, and how good it is: as text, as JSON, and as the facts of a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mobiclass.cli.terminal.text import fit_text, safe_text, text_width
from mobiclass.results import path_fields, printable_utf8

if TYPE_CHECKING:
    from mobiclass.teaching import Taught

_LABEL_CELLS: Final = 40
_CONFUSIONS: Final = 5
_SUSPECTS: Final = 5


def summary_text(taught: Taught, output: Path) -> str:
    """Say what `output` was taught, how good it is, and what a person should look at."""
    parts = [_accuracy_lines(taught, output), _class_lines(taught), _confusion_lines(taught), _advice_lines(taught)]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines)


def summary_json(taught: Taught, output: Path) -> dict[str, Any]:
    """Make the JSON object of ``teach --format json``."""
    fitted, samples = taught.fitted, taught.gathered.samples
    return {
        "model": printable_utf8(str(output)),
        "sha256": taught.sha256,
        "base": taught.origin.name,
        "photos": sum(samples.counts.values()),
        "errors": len(taught.gathered.extraction.errors),
        "classes": [{"name": label, "photos": count} for label, count in samples.counts.items()],
        "cross_validation": fitted.held_out.as_json() if fitted.held_out else None,
        "learning_curve": fitted.curve.as_json() if fitted.curve else None,
        "suspicions": {
            **fitted.suspicions.as_json(),
            "photos": [
                {**path_fields(path), "label": label, "looks_like": looks_like, "score": score}
                for path, label, looks_like, score in _suspects(taught)
            ],
        },
        "unknown_threshold": fitted.rule.rounded if fitted.rule else None,
    }


def report_facts(taught: Taught) -> dict[str, str]:
    """List the figures, name to value, for the report."""
    fitted = taught.fitted
    facts = {"base": taught.origin.name}
    if fitted.held_out:
        low, high = fitted.held_out.interval
        share = _percent(fitted.held_out.right / fitted.held_out.photos, 1)
        facts["cross-validated"] = f"{share}, 95 % interval {low * 100:.1f}–{high * 100:.1f}"
    if fitted.curve:
        facts["more photos"] = str(fitted.curve)
    if fitted.suspicions.photos:
        facts["look mislabelled"] = f"{len(fitted.suspicions.photos)}, which come first"
    return facts


def _accuracy_lines(taught: Taught, output: Path) -> Iterator[str]:
    counts, held_out = taught.gathered.samples.counts, taught.fitted.held_out
    base = safe_text(taught.origin.name)
    yield f"{safe_text(str(output))}: {len(counts)} classes from {sum(counts.values())} photos, based on {base}"
    if held_out:
        low, high = held_out.interval
        share = _percent(held_out.right / held_out.photos, 1)
        yield f"accuracy by cross-validation: {share}, 95 % interval {low * 100:.1f}–{high * 100:.1f}"
        if (effective := round(held_out.effective)) < held_out.photos:
            yield f"photos that look alike tell less: the interval is that of {effective} different ones"
    else:
        yield "accuracy: unknown; two photos of each class, or better five, would tell"
    if taught.fitted.curve:
        yield str(taught.fitted.curve)


def _class_lines(taught: Taught) -> Iterator[str]:
    counts, held_out = taught.gathered.samples.counts, taught.fitted.held_out
    width = min(_LABEL_CELLS, max(map(text_width, [*counts, "class"])))
    results = {each.label: each for each in held_out.classes} if held_out else {}
    yield f"{fit_text('class', width)}  {'photos':>6}  {'top-1':>7}"
    for label, count in counts.items():
        result = results.get(label)
        share = _percent(result.right / result.photos, 1) if result and result.photos else "–"
        yield f"{fit_text(label, width)}  {count:>6}  {share:>7}"


def _confusion_lines(taught: Taught) -> Iterator[str]:
    held_out = taught.fitted.held_out
    if not held_out or not held_out.confusions:
        return
    shown = held_out.confusions[:_CONFUSIONS]
    width = min(_LABEL_CELLS, max(text_width(each.truth) for each in shown))
    yield "Confused pairs"
    for truth, found, photos in shown:
        yield f"{photos:>6}  {fit_text(truth, width)}  taken for {found}"
    if more := len(held_out.confusions) - len(shown):
        yield f"  … {more} more"


def _advice_lines(taught: Taught) -> Iterator[str]:
    """Name the photos and classes that a person should look at."""
    found, suspects = taught.fitted.suspicions, _suspects(taught)
    if suspects:
        yield "Photos that look mislabelled"
    for path, label, looks_like, score in suspects[:_SUSPECTS]:
        yield f"  {safe_text(path)}"
        yield f"    {label}, looks like {looks_like} ({_percent(score)})"
    if more := len(suspects[_SUSPECTS:]):
        yield f"  … {more} more; --report FILE.html shows them"
    for one, other, share in found.alike:
        yield f"{one} and {other} look like one class: {_percent(share)} of their photos are confused"
    if found.few:
        few = ", ".join(f"{label} ({count})" for label, count in found.few[:_SUSPECTS])
        more_classes = f" and {len(found.few) - _SUSPECTS} more" if len(found.few) > _SUSPECTS else ""
        yield f"Classes with few photos: {few}{more_classes}; five are a beginning, twenty are good"


def _suspects(taught: Taught) -> list[tuple[str, str, str, float]]:
    """List the photos that look mislabelled, as far as they are files of this run: path, label, other label, score."""
    paths = {features.sha256: photo.path for photo, features in taught.gathered.extraction.found}
    photos = [features.sha256 for _, features in taught.gathered.samples.pairs()]
    return [
        (paths[photos[each.photo]], each.label, each.looks_like, each.score)
        for each in taught.fitted.suspicions.photos
        if photos[each.photo] in paths
    ]


def _percent(share: float, decimals: int = 0) -> str:
    return f"{share * 100:.{decimals}f} %"
