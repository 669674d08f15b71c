"""`mobiclass evaluate` where a model decides: coverage, precision, groups, and photos of other things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.program import Outcome, run
from tests.support.tiny_models import append_zip, colour_model

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "reddish": (200, 120, 40), "blue": (0, 0, 255)}
RULES = {"class_score": 0.75, "group_score": 0.8}
GREY = (90, 90, 90)  # of no class surely: its answer is "unknown"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of three colours with a group of two, and photos of them in their folders."""
    monkeypatch.chdir(tmp_path)
    write_model(("red", "green", "blue"))
    put("red", "a", COLOURS["red"])  # a class
    put("red", "b", COLOURS["reddish"])  # a group
    put("red", "c", GREY)  # no answer
    put("green", "a", COLOURS["reddish"])  # the group, and the best class is wrong
    put("blue", "a", COLOURS["red"])  # wrong


def write_model(labels: tuple[str, ...], rules: dict[str, Any] | None = RULES) -> None:
    config = {"format": 1} | ({} if rules is None else {"rules": rules})
    members: dict[str, bytes | str] = {
        "mobiclass.json": json.dumps(config),
        "taxonomy.csv": f"{labels[0]},warm\n{labels[1]},warm\n",
    }
    Path("colours.tflite").write_bytes(append_zip(colour_model(labels=None, gain=1.0), members))
    Path("colours.labels.txt").write_text("".join(f"{label}\n" for label in labels))


def put(folder: str, name: str, colour: tuple[int, int, int]) -> None:
    Path("d", folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), colour).save(Path("d", folder, f"{name}.png"))


def evaluate(*arguments: str) -> Outcome:
    done = run("evaluate", "d", "--model", "colours.tflite", *arguments)
    assert done.exit_code == 0, done.stderr
    return done


def found(*arguments: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(evaluate(*arguments, "--format", "json").stdout)
    return result


def test_answers_are_counted_as_the_rows_have_them() -> None:
    result = found("--predictions", "rows.jsonl")
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    kinds = {row["path"]: row["decision"]["kind"] for row in rows}
    assert kinds == {
        "d/blue/a.png": "class",
        "d/green/a.png": "group",
        "d/red/a.png": "class",
        "d/red/b.png": "group",
        "d/red/c.png": "unknown",
    }
    assert (result["coverage"], result["precision"]) == (4 / 5, 3 / 4)
    low, high = result["precision_interval"]
    assert 0 < low < 0.75 < high < 1
    assert result["unknown"] == {"of_classes": 1, "others": 0, "of_others": 0}
    assert result["top1"] is not None


def test_a_run_that_does_not_decide_has_none_of_it() -> None:
    assert {"coverage", "precision", "unknown"}.isdisjoint(found("--no-decide"))
    assert "coverage" not in evaluate("--no-decide").stdout
    write_model(("red", "green", "blue"), rules=None)
    assert "coverage" not in found()


def test_for_photos_of_other_things_only_unknown_is_right() -> None:
    put("unknown", "a", COLOURS["red"])
    put("unknown", "b", GREY)
    put("None", "c", GREY)
    result = found()
    assert result["unknown"] == {"of_classes": 1, "others": 3, "of_others": 2}
    assert result["coverage"] == 4 / 5  # of the photos of the classes
    assert result["precision"] == 3 / 5
    assert result["images"] == 5  # nor are they part of the accuracy
    shown = evaluate().stdout
    assert "answered   80.0 % of the photos (coverage)" in shown
    assert "right      60.0 % of the answers (precision)" in shown
    assert "unknown    66.7 % of 3 photos of other things" in shown


def test_unknown_is_a_class_where_a_label_is_called_so() -> None:
    write_model(("red", "green", "unknown"))
    put("unknown", "a", COLOURS["blue"])
    Path("d/blue/a.png").unlink()
    Path("d/blue").rmdir()
    result = found()
    assert result["unknown"]["others"] == 0
    assert {"name": "unknown", "index": 2} in [
        {name: each[name] for name in ("name", "index")} for each in result["classes"]
    ]


def test_a_run_without_any_answer_says_so() -> None:
    write_model(("red", "green", "blue"), {"class_score": 1.0, "group_score": 1.0})
    for name in ("red", "blue", "green"):
        for photo in Path("d", name).iterdir():
            photo.unlink()
        put(name, "grey", GREY)
    result = found()
    assert (result["coverage"], result["precision"], result["precision_interval"]) == (0.0, None, None)
    shown = evaluate().stdout
    assert "answered    0.0 % of the photos (coverage)" in shown
    assert "precision" not in shown


def test_a_list_of_classes_narrows_answers_and_predictions() -> None:
    Path("only.txt").write_text("warm\n")
    result = found("--only", "only.txt", "--predictions", "rows.jsonl")
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert {each["label"] for row in rows for each in row["predictions"]} == {"red", "green"}
    assert (result["coverage"], result["precision"]) == (4 / 5, 3 / 4)


def test_a_second_model_is_compared_without_decisions() -> None:
    result = found("--against", "colours.tflite")
    assert result["coverage"] == 4 / 5
    assert "coverage" not in result["against"]
