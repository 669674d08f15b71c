"""When a run decides, and what its rows, tables and errors then look like."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobiclass.decisions.choice import DecisionOptions, decider_for
from mobiclass.errors import ModelError
from mobiclass.hub import find_model
from mobiclass.tflite import read_model
from tests.support.program import run
from tests.support.tiny_models import append_zip, colour_model, edgetpu_model

REDDISH, RED = (200, 120, 40), (255, 0, 0)


def write_model(folder: Path, rules: dict[str, Any] | None = None, **members: bytes | str) -> Path:
    path = folder / "colours.tflite"
    config = {"format": 1} | ({} if rules is None else {"rules": rules})
    members = {"labels.txt": "red\ngreen\nblue\n", "mobiclass.json": json.dumps(config)} | members
    path.write_bytes(
        append_zip(colour_model(labels=None, gain=1.0), {n.replace("__", "."): c for n, c in members.items()})
    )
    (folder / "colours.labels.txt").write_text("red\ngreen\nblue\n")
    for name, colour in (("red", RED), ("reddish", REDDISH)):
        Image.new("RGB", (20, 20), colour).save(folder / f"{name}.png")
    return path


def decision(folder: Path, name: str, *options: str | Path) -> Any:
    done = run("predict", f"{name}.png", "--model", "colours.tflite", *options, cwd=folder)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout).get("decision")


def test_a_model_without_rules_decides_only_when_asked_to(tmp_path: Path) -> None:
    write_model(tmp_path)
    assert decision(tmp_path, "red") is None
    asked = decision(tmp_path, "red", "--decide")
    assert (asked["label"], asked["kind"], asked["index"]) == ("red", "class", 0)
    Image.new("RGB", (20, 20), (90, 90, 90)).save(tmp_path / "grey.png")
    unsure = decision(tmp_path, "grey", "--decide")
    assert (unsure["label"], unsure["kind"], "index" in unsure) == ("unknown", "unknown", False)


def test_a_model_with_rules_decides_unless_asked_not_to(tmp_path: Path) -> None:
    write_model(tmp_path, {"class_score": 0.3}, taxonomy__csv="red,warm\ngreen,warm\n")
    assert decision(tmp_path, "reddish")["kind"] == "class"
    assert decision(tmp_path, "reddish", "--no-decide") is None
    write_model(tmp_path, {"class_score": 0.95, "group_score": 0.8}, taxonomy__csv="red,warm\ngreen,warm\n")
    assert decision(tmp_path, "reddish")["label"] == "warm"


def test_thresholds_and_allow_lists(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "t.csv").write_text("red,0.99\n")
    (tmp_path / "only.txt").write_text("green\nblue\n")
    assert decision(tmp_path, "red", "--thresholds", "t.csv")["kind"] == "unknown"
    done = run("predict", "red.png", "--model", "colours.tflite", "--only", "only.txt", cwd=tmp_path)
    row = json.loads(done.stdout)
    assert [each["label"] for each in row["predictions"]] == ["green", "blue"]
    assert "decision" not in row
    whole = json.loads(run("predict", "red.png", "--model", "colours.tflite", cwd=tmp_path).stdout)
    by_label = {each["label"]: each["score"] for each in whole["predictions"]}
    assert all(each["score"] == by_label[each["label"]] for each in row["predictions"])  # not renormalized


@pytest.mark.parametrize("option", ["--thresholds", "--only"])
def test_names_that_match_nothing_exit_with_3(option: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "list").write_text("rde,0.5\n" if option == "--thresholds" else "rde\n")
    done = run("predict", "red.png", "--model", "colours.tflite", option, "list", cwd=tmp_path)
    assert done.exit_code == 3
    assert "red (0)" in done.stderr
    assert done.stdout == ""


def test_columns_of_decisions_stand_behind_the_others_only_where_the_run_decides(tmp_path: Path) -> None:
    write_model(tmp_path, {"class_score": 0.9})
    (tmp_path / "broken.png").write_bytes(b"no photo")
    arguments = ("predict", "red.png", "broken.png", "--model", "colours.tflite", "-k", "2", "--format", "csv")
    table = [*csv.reader(io.StringIO(run(*arguments, cwd=tmp_path).stdout))]
    assert table[0] == [
        "path",
        "rank",
        "index",
        "label",
        "score",
        "error",
        "decision",
        "decision_score",
        "decision_kind",
    ]
    assert [row[-3] for row in table[1:]] == ["red", "red", ""]
    assert len([*csv.reader(io.StringIO(run(*arguments, "--no-decide", cwd=tmp_path).stdout))][0]) == 6


def test_batch_writes_decisions_and_a_resume_that_decides_otherwise_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, {"class_score": 0.9})
    arguments = ("batch", "red.png", "reddish.png", "--model", "colours.tflite", "-o")
    assert run(*arguments, "rows.jsonl", cwd=tmp_path).exit_code == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["decision"]["kind"] for row in rows] == ["class", "unknown"]
    refused = run(*arguments, "rows.jsonl", "--resume", "--no-decide", cwd=tmp_path)
    assert refused.exit_code == 2
    assert "another --decide" in refused.stderr
    assert run(*arguments, "rows.csv", cwd=tmp_path).exit_code == 0
    assert (tmp_path / "rows.csv").read_text().splitlines()[1].endswith(",class")


def test_a_table_for_people_shows_the_decision_first(tmp_path: Path) -> None:
    write_model(tmp_path, {"class_score": 0.9, "group_score": 0.8}, taxonomy__csv="red,warm\ngreen,warm\n")
    shown = run("predict", "reddish.png", "--model", "colours.tflite", "--format", "table", cwd=tmp_path).stdout
    assert shown.startswith("→ warm (")
    assert "a group)" in shown.splitlines()[0]


def _means(values: np.ndarray, **save: Any) -> bytes:  # type: ignore[type-arg]
    file = io.BytesIO()
    np.save(file, values, **save)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "which is not in the zip"),
        (b"no array", "is no array"),
        (_means(np.array([{}]), allow_pickle=True), "is no array"),
        (_means(np.zeros((2, 3), np.float32)), "a row for each of 3 classes"),
        (_means(np.zeros((3, 3), np.float64)), "must be float32"),
        (_means(np.full((3, 3), np.nan, np.float32)), "must be float32"),
    ],
)
def test_means_that_are_spoilt_or_hostile_are_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    rules = {"unknown": {"kind": "cosine", "threshold": 0.5, "means": "means.npy"}}
    path = write_model(tmp_path, rules, **({} if content is None else {"means__npy": content}))
    with pytest.raises(ModelError, match=message):
        decider_for(read_model(path), DecisionOptions())


def test_photos_of_other_things_are_unknown_by_their_features(tmp_path: Path) -> None:
    means = np.array([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]], np.float32) / np.float32(np.sqrt(1.5))
    rules = {"unknown": {"kind": "cosine", "threshold": 0.8, "means": "means.npy"}}
    write_model(tmp_path, rules, means__npy=_means(means))
    assert decision(tmp_path, "red")["label"] == "red"
    Image.new("RGB", (20, 20), (255, 255, 0)).save(tmp_path / "yellow.png")
    assert decision(tmp_path, "yellow")["label"] == "unknown"


def test_the_built_in_model_groups_what_it_is_not_sure_of() -> None:
    skimage = pytest.importorskip("skimage")
    photo = Path(skimage.__file__).parent / "data" / "chelsea.png"
    done = run("predict", photo, "-k", "1")
    row = json.loads(done.stdout)
    assert (row["decision"]["label"], row["decision"]["kind"]) == ("domestic cat", "group")
    assert row["decision"]["score"] > 0.85


def test_the_built_in_model_has_rules_that_say_what_they_were_fitted_on() -> None:
    rules = read_model(find_model(None)).rules
    assert rules is not None
    assert "photos" in rules["fitted_on"]
    assert decider_for(read_model(find_model(None)), DecisionOptions()).decider is not None
    assert decider_for(read_model(find_model(None)), DecisionOptions(decide=False)).decider is None


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="NOT TESTED: this system has no /dev/stdin")
@pytest.mark.parametrize(("option", "text"), [("--only", "red\nblue\n"), ("--thresholds", "red,0.99\n")])
def test_lists_may_come_through_a_pipe(option: str, text: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    arguments = ("predict", "red.png", "--model", "colours.tflite", option, "/dev/stdin")
    done = run(*arguments, cwd=tmp_path, stdin=text.encode())
    assert done.exit_code == 0, done.stderr
    row = json.loads(done.stdout)
    assert len(row["predictions"]) == (2 if option == "--only" else 3)
    assert option == "--only" or row["decision"]["kind"] == "unknown"


@pytest.mark.parametrize(("option", "what"), [("--only", "list of classes"), ("--thresholds", "thresholds")])
def test_lists_that_cannot_be_read(option: str, what: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    done = run("predict", "red.png", "--model", "colours.tflite", option, "none.txt", cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (3, "")
    assert f"none.txt: the {what} cannot be read" in done.stderr


def test_a_score_of_a_label_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, {"labels": {"red": 0.9, "rde": 0.9}})
    done = run("predict", "red.png", "--model", "colours.tflite", cwd=tmp_path)
    assert done.exit_code == 3
    assert "a score for 'rde', which is none of its labels" in done.stderr
    assert decision(tmp_path, "red", "--no-decide") is None


def test_a_resume_after_a_change_of_the_files_beside_the_model_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, {"class_score": 0.95, "group_score": 0.8})
    arguments = ("batch", "red.png", "reddish.png", "--model", "colours.tflite", "-o", "rows.jsonl")
    assert run(*arguments, cwd=tmp_path).exit_code == 0
    assert run(*arguments, "--resume", cwd=tmp_path).exit_code == 0
    (tmp_path / "colours.taxonomy.csv").write_text("red,warm\ngreen,warm\n")
    refused = run(*arguments, "--resume", cwd=tmp_path)
    assert refused.exit_code == 2
    assert "another set of rules and groups beside the model" in refused.stderr
    assert run(*arguments, "--overwrite", cwd=tmp_path).exit_code == 0
    (tmp_path / "colours.json").write_text('{"rules": {"class_score": 0.1}}')
    assert run(*arguments, "--resume", cwd=tmp_path).exit_code == 2
    assert run(*arguments, "--overwrite", cwd=tmp_path).exit_code == 0
    assert run(*arguments, "--resume", cwd=tmp_path).exit_code == 0


def test_means_of_another_number_of_features_are_refused(tmp_path: Path) -> None:
    rules = {"unknown": {"kind": "cosine", "threshold": 0.5, "means": "means.npy"}}
    write_model(tmp_path, rules, means__npy=_means(np.ones((3, 5), np.float32)))
    done = run("predict", "red.png", "--model", "colours.tflite", cwd=tmp_path)
    assert done.exit_code == 3
    assert "is for 5 features, but the model has 3" in done.stderr


def write_pair(folder: Path, compiled: dict[str, Any] | None, sibling: dict[str, Any] | None) -> None:
    """Write a model for an Edge TPU, which is not there, and the one that takes over; each with its rules."""
    write_model(folder, sibling, means__npy=_means(np.eye(3, dtype=np.float32)))
    members = {} if compiled is None else {"mobiclass.json": json.dumps({"rules": compiled})}
    (folder / "colours_edgetpu.tflite").write_bytes(append_zip(edgetpu_model(labels=None), members))
    (folder / "colours_edgetpu.labels.txt").write_text("red\ngreen\nblue\n")


def test_a_fallback_decides_only_where_the_model_that_was_asked_for_does(tmp_path: Path) -> None:
    rules = {"class_score": 0.3}
    arguments = ("predict", "red.png", "--model", "colours_edgetpu.tflite")
    write_pair(tmp_path, None, rules | {"unknown": {"kind": "cosine", "threshold": 0.5, "means": "means.npy"}})
    done = run(*arguments, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "decision" not in json.loads(done.stdout)
    write_pair(tmp_path, rules, None)
    assert json.loads(run(*arguments, cwd=tmp_path).stdout)["decision"]["label"] == "red"


def test_a_fallback_that_would_need_features_is_refused(tmp_path: Path) -> None:
    rules = {"class_score": 0.3}
    write_pair(tmp_path, rules, rules | {"unknown": {"kind": "cosine", "threshold": 0.5, "means": "means.npy"}})
    done = run("predict", "red.png", "--model", "colours_edgetpu.tflite", cwd=tmp_path)
    assert done.exit_code == 3
    assert "colours.tflite: it takes over from" in done.stderr
    assert "has a rule for unknown photos that this has not" in done.stderr
    done = run("predict", "red.png", "--model", "colours_edgetpu.tflite", "--no-decide", cwd=tmp_path)
    assert done.exit_code == 0
