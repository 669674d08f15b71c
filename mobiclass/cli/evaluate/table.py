"""An evaluation as text for people: accuracy, worst classes, confused pairs, mistakes, and a comparison."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from mobiclass.cli.terminal.text import fit_text, safe_text, text_width
from mobiclass.results import printable_utf8

if TYPE_CHECKING:
    from mobiclass.evaluation import Answers, Comparison, Count, Evaluation
    from mobiclass.results import Row

_SHOWN: Final = 5
_MAX_NAME_CELLS: Final = 44
_MAX_PAIR_CELLS: Final = 29
_MAX_MODEL_CELLS: Final = 30
_SIGNIFICANT: Final = 0.05


def evaluation_text(evaluation: Evaluation, width: int) -> str:
    """Describe one model's evaluation in lines of up to `width` cells."""
    tally = evaluation.tally
    lines = [*_headline(evaluation, width), "", *_accuracy(tally.all, evaluation.model.classes)]
    lines += _answers(tally.answers)
    lines += _failures(evaluation, width)
    lines += _worst_classes(evaluation)
    lines += _confused(evaluation)
    lines += _mistakes(evaluation, width)
    return "\n".join(lines)


def comparison_text(first: Evaluation, second: Evaluation, comparison: Comparison, width: int) -> str:
    """Describe how two models compare."""
    names = [safe_text(each.model.name) for each in (first, second)]
    if names[0] == names[1]:
        names = [f"first: {names[0]}", f"second: {names[1]}"]
    names = [fit_text(name, _MAX_MODEL_CELLS).rstrip() for name in names]
    cells = max(20, *map(text_width, names))
    lines = ["Side by side"]
    for what, *values in [("", *names), *_sides(first, second)]:
        lines.append(f"  {what:<16}{'  '.join(fit_text(value, cells) for value in values)}".rstrip())
    lines += [
        "",
        f"Of {_photos(comparison.images)} that both classified",
        f"  {comparison.both_right:>8}  both right",
        f"  {comparison.only_first:>8}  only {names[0]} right",
        f"  {comparison.only_second:>8}  only {names[1]} right",
        f"  {comparison.both_wrong:>8}  both wrong",
    ]
    if comparison.only_first + comparison.only_second:
        p = comparison.p_value
        verdict = "is significant" if p < _SIGNIFICANT else "may be due to chance"
        lines.append(f"  The difference {verdict} (McNemar's exact test: {_p_value(p)}).")
    lines += _disagreements(comparison, first, width)
    return "\n".join(lines)


def _headline(evaluation: Evaluation, width: int) -> Iterator[str]:
    count, truth = evaluation.tally.all, evaluation.truth
    matched = ", ".join(f"{number} by {by}" for by, number in truth.matched_by.most_common())
    yield safe_text(evaluation.model.name)
    yield (
        f"{_photos(count.images)} of {len(evaluation.tally.classes)} of the model's {evaluation.model.classes} "
        f"classes; folders matched: {matched}"
    )
    if evaluation.fallback:
        yield f"fallback: the CPU instead of the accelerator for {_photos(evaluation.fallback)}"
    if evaluation.partial:
        yield "PARTIAL: interrupted before the last photo; the figures cover the photos above only"


def _accuracy(count: Count, classes: int) -> Iterator[str]:
    if not count.images:
        yield "No photo could be classified."
        return
    for name, right in (("top-1", count.top1), ("top-5", count.top5)):
        note = f"   trivial: the model has {classes} classes" if name == "top-5" and classes <= 5 else ""
        yield f"{name}  {_percent(right, count.images)}   95 % interval {_interval(count, right)}{note}"


def _answers(answers: Answers) -> Iterator[str]:
    """Say how many photos got an answer, and how many of the answers are right."""
    if answers.photos or answers.others:
        yield ""
    if answers.coverage is not None:
        yield f"answered  {answers.coverage * 100:5.1f} % of the photos (coverage)"
    if answers.precision is not None and answers.precision_interval is not None:
        low, high = (f"{end * 100:.1f}" for end in answers.precision_interval)
        yield f"right     {answers.precision * 100:5.1f} % of the answers (precision)   95 % interval {low}–{high}"
    if answers.others:
        unknown = answers.others - answers.others_answered
        yield f"unknown   {unknown / answers.others * 100:5.1f} % of {_photos(answers.others)} of other things"


def _failures(evaluation: Evaluation, width: int) -> Iterator[str]:
    tally = evaluation.tally
    if not tally.failures:
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in tally.failures.most_common())
    yield ""
    yield f"Could not be classified (in no other figure): {kinds}"
    for row in tally.failed_rows[:_SHOWN]:
        yield f"  {_place(row, evaluation, width - 2)}"
    yield from _more(tally.all.errors, "failures")


def _worst_classes(evaluation: Evaluation) -> Iterator[str]:
    worst = evaluation.tally.worst_classes()
    if not worst:
        return
    shown = [(_name(evaluation, index), count) for index, count in worst[:_SHOWN]]
    heading = "Worst classes"
    cells = _widest([heading[2:], *(name for name, _ in shown)])
    yield ""
    yield f"{heading:<{cells + 2}}  images    top-1    top-5"
    for name, count in shown:
        top5 = _percent(count.top5, count.images)
        yield f"  {fit_text(name, cells)}  {count.images:>6}  {_percent(count.top1, count.images)}  {top5}"
    yield from _more(len(worst), "classes with mistakes")


def _confused(evaluation: Evaluation) -> Iterator[str]:
    pairs = evaluation.tally.confused()
    if not pairs:
        return
    shown = [(count, _name(evaluation, truth), _name(evaluation, found)) for truth, found, count in pairs[:_SHOWN]]
    cells = min(_MAX_PAIR_CELLS, _widest([name for _, name, _ in shown]))
    yield ""
    yield "Confused pairs"
    for count, truth, found in shown:
        yield f"  {count:>6}  {fit_text(truth, cells)}  taken for {fit_text(found, _MAX_PAIR_CELLS).rstrip()}"
    yield from _more(len(pairs), "pairs")


def _mistakes(evaluation: Evaluation, width: int) -> Iterator[str]:
    rows = evaluation.tally.mistakes
    if not rows:
        return
    yield ""
    yield "Most confident mistakes"
    for row in rows[:_SHOWN]:
        first = row["predictions"][0]
        yield f"  {first['score'] * 100:5.1f} %  {_place(row, evaluation, width - 11)}"
        yield f"           {_verdict(row, width - 11)}"
    yield from _more(evaluation.tally.all.images - evaluation.tally.all.top1, "mistakes")


def _sides(first: Evaluation, second: Evaluation) -> Iterator[tuple[str, str, str]]:
    sides = (first, second)

    def line(what: str, values: Sequence[str]) -> tuple[str, str, str]:
        return what, values[0], values[1]

    counts = [side.tally.all for side in sides]
    for name, rights in (("top-1", [c.top1 for c in counts]), ("top-5", [c.top5 for c in counts])):
        yield line(
            name,
            [
                f"{_percent(right, count.images)} ({_interval(count, right)})" if count.images else "-"
                for count, right in zip(counts, rights, strict=True)
            ],
        )
    medians = [side.tally.invoke_p50_ms for side in sides]
    yield line("invoke, median", ["-" if median is None else f"{median:6.2f} ms" for median in medians])
    yield line("file", [f"{len(side.model.content) / 1e6:6.2f} MB" for side in sides])
    if any(count.errors for count in counts):
        yield line("failed", [f"{count.errors:>6}" for count in counts])


def _disagreements(comparison: Comparison, evaluation: Evaluation, width: int) -> Iterator[str]:
    if not comparison.disagreements:
        return
    yield ""
    yield "Photos on which only one of them is right"
    for first, second in comparison.disagreements[:_SHOWN]:
        yield f"  {_place(first, evaluation, width - 2)}"
        yield f"    first:  {_verdict(first, width - 12)}"
        yield f"    second: {_verdict(second, width - 12)}"
    yield from _more(comparison.only_first + comparison.only_second, "photos")


def _verdict(row: Row, width: int) -> str:
    """Describe the first prediction, and the true class if that differs."""
    if not row["predictions"]:
        return "no prediction"
    truth, first = row["truth"], row["predictions"][0]
    name = _class(first["label"], first["index"])
    if first["index"] == truth["index"]:
        return fit_text(f"{name} (right)", width).rstrip()
    true_name = _class(truth["label"], truth["index"])
    if name == true_name:  # two classes of one name
        name, true_name = f"{name} ({first['index']})", f"{true_name} ({truth['index']})"
    half = max(10, (width - len(", not ")) // 2)
    return f"{fit_text(name, half).rstrip()}, not {fit_text(true_name, half).rstrip()}"


def _name(evaluation: Evaluation, index: int) -> str:
    return safe_text(evaluation.truth.distinct_name(index))


def _class(label: str | None, index: int) -> str:
    return safe_text(label or f"class {index}")


def _widest(names: Sequence[str]) -> int:
    return min(_MAX_NAME_CELLS, max(map(text_width, names)))


def _place(row: Row, evaluation: Evaluation, width: int) -> str:
    """Return a photo's path within the evaluated folder, shortened to `width` cells."""
    return _end_of(safe_text(row["path"].removeprefix(printable_utf8(evaluation.root)).lstrip(os.sep)), width)


def _end_of(text: str, width: int) -> str:
    """Cut the front of a path that is too long: the file name is at its end."""
    if text_width(text) <= width:
        return text
    while text_width(text) > width - 1:
        text = text[max(1, (text_width(text) - width) // 2) :]
    return f"…{text}"


def _percent(right: int, images: int) -> str:
    return f"{right / images * 100:5.1f} %" if images else "      -"


def _interval(count: Count, right: int) -> str:
    interval = count.interval(right)
    return "-" if interval is None else f"{interval[0] * 100:.1f}–{interval[1] * 100:.1f}"


def _p_value(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"


def _photos(number: int) -> str:
    return f"{number} photo{'' if number == 1 else 's'}"


def _more(total: int, what: str) -> Iterator[str]:
    if total > _SHOWN:
        yield f"  … {total} {what} in all"
