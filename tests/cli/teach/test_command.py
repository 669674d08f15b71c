"""`mobiclass teach` as a process: what it writes, says and refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeModel
from tests.support.batch_runs import names_in, patched, running, wait_until
from tests.support.colour_photos import write_colours
from tests.support.program import Outcome, run
from tests.support.tiny_models import edgetpu_model

SIX = {"red": 6, "green": 6, "blue": 6}
MODEL = Path("taught.tflite")
LOAD_SLOWLY = """
import os, time, mobiclass.teaching.features as f
def slow(source, load=f.load_image, **how):
    open("started", "w").close()
    time.sleep(0.2)
    return load(source, **how)
f.load_image = slow
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "cache"))
    write_colours(tmp_path / "photos", SIX)


def teach(*arguments: str | Path | bytes, **how: Any) -> Outcome:
    return run("teach", *arguments, **how)


def taught(*arguments: str | Path | bytes, exit_code: int = 0, output: str | Path = MODEL) -> dict[str, Any]:
    """Teach, and give the JSON object that stdout holds and nothing else."""
    outcome = teach(*arguments, "-o", output, "--format", "json")
    assert outcome.exit_code == exit_code, outcome.stderr
    result: dict[str, Any] = json.loads(outcome.stdout)
    return result


# What it makes


def test_the_model_is_one_that_predict_takes() -> None:
    result = taught("photos")
    assert [each["name"] for each in result["classes"]] == ["blue", "green", "red"]
    assert (result["photos"], result["errors"], result["base"]) == (18, 0, "colours")
    assert result["cross_validation"]["top1"] >= 0.9
    assert -1 < result["unknown_threshold"] < 1
    write_colours(Path("others"), {"red": 1}, seed=1)
    (row,) = json.loads(run("predict", "others/red/000.png", "-m", MODEL, "--format", "json").stdout)
    assert row["predictions"][0]["label"] == "red"
    assert row["decision"]["label"] in ("red", "unknown")


def test_what_it_was_taught_is_shown() -> None:
    result = taught("photos")
    shown = json.loads(run("models", "show", MODEL, "--format", "json").stdout)
    assert shown["sha256"] == result["sha256"]
    assert shown["taught"]["photos"] == SIX
    assert shown["taught"]["cross_validation"] == result["cross_validation"]
    text = run("models", "show", MODEL).stdout
    assert "photos: blue 6, green 6, red 6" in text
    assert "% of 18 photos held out, 95 % interval" in text


def test_the_table_says_how_good_it_is() -> None:
    outcome = teach("photos", "-o", MODEL, "-v")
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert lines[0] == "taught.tflite: 3 classes from 18 photos, based on colours"
    assert lines[1].startswith("accuracy by cross-validation: ")
    assert [line.split()[:2] for line in lines[4:7]] == [[name, "6"] for name in ("blue", "green", "red")]
    assert "head: logistic regression" in outcome.stderr
    assert "unknown: below a cosine of" in outcome.stderr


def test_quiet_is_quiet() -> None:
    write_colours(Path("photos"), {"yellow": 1})
    assert teach("photos", "-o", MODEL, "-q").stderr == ""


def test_few_photos_are_told_to_be_few() -> None:
    outcome = teach(write_colours(Path("one"), dict.fromkeys(SIX, 1)), "-o", MODEL)
    assert outcome.exit_code == 0
    assert "accuracy: unknown; two photos of each class" in outcome.stdout
    assert "5 different photos of each class are needed" in outcome.stderr


def test_a_table_of_photos_does_as_well() -> None:
    paths = sorted(Path("photos").rglob("*.png"))
    Path("truth.csv").write_text("photo,label\n" + "".join(f"{path},{path.parent.name}\n" for path in paths))
    by_folder = taught("photos")
    assert taught(".", "--truth", "truth.csv", output="other.tflite")["sha256"] == by_folder["sha256"]


def test_append_and_remove(colours: Path) -> None:
    first = taught("photos")
    write_colours(Path("more"), {"yellow": 6})
    second = taught("more", "--append", MODEL, output="second.tflite")
    assert [each["name"] for each in second["classes"]] == ["blue", "green", "red", "yellow"]
    third = taught("--append", "second.tflite", "--remove", "yellow", "-m", colours, output="third.tflite")
    assert third["sha256"] == first["sha256"]


def test_a_model_may_be_appended_to_in_place() -> None:
    taught("photos")
    write_colours(Path("more"), {"yellow": 6})
    assert teach("more", "--append", MODEL, "-o", MODEL).exit_code == 3
    assert len(taught("more", "--append", MODEL, "--overwrite")["classes"]) == 4


def test_excluded_folders_are_no_classes() -> None:
    assert [each["name"] for each in taught("photos", "--exclude", "green")["classes"]] == ["blue", "red"]


# What goes wrong


def test_a_broken_photo_is_told_and_the_model_written() -> None:
    Path("photos/red/broken.jpg").write_bytes(b"no image")
    outcome = teach("photos", "-o", MODEL)
    assert outcome.exit_code == 4
    assert MODEL.exists()
    assert "not taught: photos/red/broken.jpg: " in outcome.stderr
    assert outcome.stdout.startswith("taught.tflite: 3 classes from 18 photos")


def test_a_path_that_is_no_text_is_told_too() -> None:
    try:
        Path(os.fsdecode(b"photos/red/caf\xe9.jpg")).write_bytes(b"no image")
    except (OSError, ValueError):
        pytest.skip("NOT TESTED: this file system takes UTF-8 names alone")
    outcome = teach("photos", "-o", MODEL)
    assert outcome.exit_code == 4
    assert "caf" in outcome.stderr


def refused(outcome: Outcome, exit_code: int, *texts: str) -> None:
    assert outcome.exit_code == exit_code, outcome.stderr
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr
    for text in texts:
        assert text in outcome.stderr
    assert not MODEL.exists()


def test_classes_that_cannot_be_taught_are_refused() -> None:
    shutil.rmtree("photos/green")
    shutil.rmtree("photos/blue")
    refused(teach("photos", "-o", MODEL), 3, "at least 2 classes to tell apart; there is only 'red'")
    Path("photos/empty").mkdir()
    refused(teach("photos", "-o", MODEL), 3, "folders without photos: 'empty'")
    Path("photos/empty").rename("photos/Red")
    write_colours(Path("photos"), {"blue": 1})
    Path("photos/blue").rename("photos/RED ")
    refused(teach("photos", "-o", MODEL), 3, "class names cannot be labels", "the same name twice")


def test_a_class_with_a_line_break_is_refused() -> None:
    Path("photos/red").rename("photos/red\nhot")
    refused(teach("photos", "-o", MODEL), 3, "line breaks")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "text"),
    [
        (("-o", MODEL), 2, "give the folder of the photos"),
        (("photos",), 2, "Missing option '-o'"),
        (("photos", "-o", "taught.pb"), 2, "the suffix must be .tflite"),
        (("photos", "-o", "nowhere/taught.tflite"), 3, "the folder nowhere does not exist"),
        (("nowhere", "-o", MODEL), 3, "nowhere: cannot be read"),
        (("photos/red", "-o", MODEL), 3, "images but no folders"),
        (("photos", "-o", MODEL, "-m", "nowhere.tflite"), 3, "nowhere.tflite"),
        (("photos", "-o", MODEL, "--remove", "red"), 2, "--remove needs the taught model"),
        (("photos", "-o", MODEL, "--append", "nowhere.tflite"), 3, "there is no such model file"),
        (("photos", "-o", MODEL, "--append", "photos/red/000.png"), 3, "holds no photos' features"),
        (("photos", "-o", MODEL, "--append", "x.tflite", "--mean", "0"), 2, "--mean with --append"),
        (("--truth", "t.csv", "--append", "x", "--remove", "y", "-o", MODEL), 2, "--truth needs the folder"),
        (("photos", "-o", MODEL, "--std", "0.5"), 2, "pixel units"),
        (("photos", "-o", MODEL, "--seed", "-1"), 2, "--seed"),
    ],
)
def test_what_cannot_work_is_refused(arguments: tuple[str | Path, ...], exit_code: int, text: str) -> None:
    refused(teach(*arguments), exit_code, text)


def test_a_compiled_classifier_is_no_base(make_model: MakeModel) -> None:
    base = make_model(edgetpu_model(), name="classifier_edgetpu")
    refused(teach("photos", "-o", MODEL, "-m", base), 3, "compiled for the Edge TPU and cannot be taken apart")


def test_a_model_that_is_there_is_kept() -> None:
    MODEL.write_text("somebody's")
    assert teach("photos", "-o", MODEL).exit_code == 3
    assert MODEL.read_text() == "somebody's"
    taught("photos", "--overwrite")
    assert MODEL.read_bytes()[4:8] == b"TFL3"


def test_a_file_beside_the_model_that_overrides_it_is_named() -> None:
    Path("taught.labels.txt").write_text("a\nb\nc\n")
    outcome = teach("photos", "-o", MODEL)
    assert outcome.exit_code == 0
    assert "taught.labels.txt lies beside the model and overrides" in outcome.stderr


def test_the_base_is_not_overwritten(colours: Path) -> None:
    content = colours.read_bytes()
    outcome = teach("photos", "-o", colours, "--overwrite")
    assert (outcome.exit_code, colours.read_bytes()) == (2, content)
    assert "the base itself" in outcome.stderr


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: signals are POSIX'")
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing_half_written(number: int, exit_code: int) -> None:
    with running("teach", "photos", "-o", MODEL, "--jobs", "2", command=patched(LOAD_SLOWLY)) as process:
        wait_until(Path("started").exists, "the first photo")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (exit_code, b"")
    assert b"Traceback" not in stderr
    assert names_in() == ["cache", "photos", "started"]
    assert not [path for path in Path("cache").rglob("*") if path.name.startswith(".mobiclass")]
    assert taught("photos")["photos"] == 18  # from what there is in the cache, and the rest


def test_the_built_in_model_learns_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOBICLASS_MODEL")
    write_colours(Path("few"), {"red": 3, "green": 3})
    assert taught("few", "--jobs", "2")["base"] == "efficientnet_lite0"
    write_colours(Path("others"), {"red": 2, "green": 2}, seed=1)
    outcome = run("evaluate", "others", "-m", MODEL, "--format", "json")
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["top1"] == 1.0


def test_photos_of_other_things_are_not_taught() -> None:
    (Path("photos") / "blue").rename(Path("photos") / "None")
    outcome = teach("photos", "-o", MODEL, "--format", "json")
    assert outcome.exit_code == 0, outcome.stderr
    assert [each["name"] for each in json.loads(outcome.stdout)["classes"]] == ["green", "red"]
    assert "'None': not taught: photos of other things" in outcome.stderr
