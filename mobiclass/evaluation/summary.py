"""An evaluation's results as JSON and as CSV. The fields are a contract with scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TextIO

from mobiclass.evaluation.comparison import Comparison
from mobiclass.evaluation.metrics import Count, Tally
from mobiclass.evaluation.truth import Truth
from mobiclass.results import Row, csv_table, printable_utf8
from mobiclass.tflite import ModelInfo

_CSV_FIELDS: Final = ("index", "name", "images", "errors", "top1", "top5")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of one model.

    Attributes:
        root: the folder that the class folders are in.
        model: the model.
        device: the device that it ran on.
        jobs: the number of photos classified at once.
        truth: the folders' classes among the model's.
        tally: the counts.
        seconds: the duration.
        fallback: how many photos ran on the CPU as the fallback for an accelerator.
        partial: whether it was interrupted before the last photo.
        decides: whether the rows have decisions.
    """

    root: str
    model: ModelInfo
    device: str
    jobs: int
    truth: Truth
    tally: Tally
    seconds: float
    fallback: int
    partial: bool
    decides: bool = False


def evaluation_json(
    evaluation: Evaluation, against: Evaluation | None = None, comparison: Comparison | None = None
) -> dict[str, Any]:
    """Make the JSON object of an evaluation, and of the one it is compared with.

    Accuracies are fractions (0–1) of the photos that were classified, ``null`` where there are none; intervals are 95 %
    confidence intervals.
    """
    tally = evaluation.tally
    found = _accuracy(evaluation)
    found["partial"] = evaluation.partial or bool(against and against.partial)
    found["failures"] = dict(tally.failures.most_common())
    found["failed"] = [
        {**_path(row), "kind": row["error"]["kind"], "message": row["error"]["message"]} for row in tally.failed_rows
    ]
    folders = evaluation.truth.folders
    found["classes"] = [
        {
            "name": evaluation.truth.name(index),
            "index": index,
            "folders": sorted(map(printable_utf8, folders[index])),
            **_counted(count),
        }
        for index, count in sorted(tally.classes.items())
    ]
    found["confusion"] = [
        {"truth": _class(truth, evaluation), "prediction": _class(prediction, evaluation), "images": count}
        for (truth, prediction), count in sorted(tally.confusion.items())
    ]
    found["mistakes"] = [
        {**_path(row), "truth": row["truth"], "prediction": row["predictions"][0]} for row in tally.mistakes
    ]
    if evaluation.decides:
        answers = tally.answers
        found["coverage"] = answers.coverage
        found["precision"] = answers.precision
        found["precision_interval"] = answers.precision_interval
        found["unknown"] = {
            "of_classes": answers.photos - answers.answered,
            "others": answers.others,
            "of_others": answers.others - answers.others_answered,
        }
    if against and comparison:
        found["against"] = {**_accuracy(against), **_compared(comparison)}
    return found


def write_classes_csv(evaluation: Evaluation, stream: TextIO, *, for_spreadsheets: bool = False) -> None:
    """Write a header and one line per class; see `mobiclass.results.csv_table`."""
    write_line = csv_table(stream, for_spreadsheets=for_spreadsheets)
    write_line(_CSV_FIELDS)
    for index, count in sorted(evaluation.tally.classes.items()):
        counted = _counted(count)
        write_line((index, evaluation.truth.name(index), *(counted[name] for name in _CSV_FIELDS[2:])))


def report_facts(evaluation: Evaluation) -> dict[str, str]:
    """List the facts at the head of a report, name to value."""
    count = evaluation.tally.all
    facts = {}
    for name, right in (("top-1", count.top1), ("top-5", count.top5)):
        if interval := count.interval(right):
            low, high = (f"{end * 100:.1f}" for end in interval)
            facts[name] = f"{right / count.images * 100:.1f} % (95 % interval {low}–{high})"
    answers = evaluation.tally.answers
    if answers.coverage is not None and answers.precision is not None:
        facts["answered"] = f"{answers.coverage * 100:.1f} %, {answers.precision * 100:.1f} % of the answers right"
    return facts


def _accuracy(evaluation: Evaluation) -> dict[str, Any]:
    tally = evaluation.tally
    return {
        "model": printable_utf8(evaluation.model.name),
        **_counted(tally.all),
        "top1_interval": tally.all.interval(tally.all.top1),
        "top5_interval": tally.all.interval(tally.all.top5),
        "device": evaluation.device,
        "fallback": evaluation.fallback,
        "jobs": evaluation.jobs,
        "invoke_p50_ms": _rounded(tally.invoke_p50_ms, 3),
        "images_per_second": _rounded(images_per_second(evaluation), 1),
        "model_bytes": len(evaluation.model.content),
    }


def images_per_second(evaluation: Evaluation) -> float | None:
    """Return the throughput of all workers together; ``None`` before the first photo."""
    images = evaluation.tally.all.images + evaluation.tally.all.errors
    return images / evaluation.seconds if images and evaluation.seconds else None


def _counted(count: Count) -> dict[str, Any]:
    return {
        "images": count.images,
        "errors": count.errors,
        "top1": count.share(count.top1),
        "top5": count.share(count.top5),
    }


def _compared(comparison: Comparison) -> dict[str, Any]:
    return {
        "compared": comparison.images,
        "both_right": comparison.both_right,
        "only_first": comparison.only_first,
        "only_second": comparison.only_second,
        "both_wrong": comparison.both_wrong,
        "mcnemar_p": comparison.p_value,
        "disagreements": [
            {**_path(first), "first": _verdict(first), "second": _verdict(second)}
            for first, second in comparison.disagreements
        ],
    }


def _verdict(row: Row) -> dict[str, Any]:
    return {"truth": row["truth"], "prediction": next(iter(row["predictions"]), None)}


def _class(index: int, evaluation: Evaluation) -> dict[str, Any]:
    return {"index": index, "label": evaluation.truth.label(index)}


def _path(row: Row) -> dict[str, str]:
    return {name: row[name] for name in ("path", "path_base64") if name in row}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
