"""`mobiclass models calibrate` as a process: what it fits, writes, says and refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import MakeModel
from tests.support.batch_runs import COUNT_DECODED, DECODE_SLOWLY, names_in, patched, running, wait_until
from tests.support.colour_photos import write_colours
from tests.support.program import Outcome, run

COPY = Path("copy.tflite")
PURE = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


def mixed(folder: Path, count: int) -> None:
    """Write photos of red and green in varying parts: what is half of each may be called either."""
    generator = np.random.default_rng(5)
    for number in range(count):
        part = generator.random()
        name = "red" if generator.random() < part else "green"
        pixels = 128 + 60 * (np.array([part, 1 - part, 0.0]) - 0.4) + generator.normal(0, 25, (16, 18, 3))
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / name / f"{number:03}.png")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_model: MakeModel) -> None:
    monkeypatch.chdir(tmp_path)
    make_model()
    mixed(tmp_path / "photos", 120)
    (tmp_path / "colours.taxonomy.csv").write_text("red,traffic light\ngreen,traffic light\n")


def calibrate(*arguments: str | Path, model: str | Path = "colours.tflite", **how: Any) -> Outcome:
    return run("models", "calibrate", model, *arguments, **how)


def calibrated(*arguments: str | Path, exit_code: int = 0, **how: Any) -> dict[str, Any]:
    """Calibrate, and give the JSON object that stdout holds and nothing else."""
    outcome = calibrate(*arguments, "--format", "json", **how)
    assert outcome.exit_code == exit_code, outcome.stderr
    result: dict[str, Any] = json.loads(outcome.stdout)
    return result


def rows_of(folder: str, model: str | Path = COPY) -> list[dict[str, Any]]:
    outcome = run("batch", folder, "-m", model, "--decide", "--format", "jsonl")
    assert outcome.exit_code == 0, outcome.stderr
    return [json.loads(line) for line in outcome.stdout.splitlines()]


# What it fits


def test_the_copy_decides_by_the_rules() -> None:
    result = calibrated("photos", "-o", COPY, "--target", "0.9")
    fitted, judged = result["fitted"], result["judged"]
    assert fitted["photos"] + judged["photos"] == 120
    assert fitted["precision"] >= 0.9
    assert judged["answered"] > judged["classes"]  # some got a group
    rows = rows_of("photos")
    kinds = [row["decision"]["kind"] for row in rows]
    assert kinds.count("class") == fitted["classes"] + judged["classes"]
    assert kinds.count("unknown") == 120 - fitted["answered"] - judged["answered"]
    assert {row["decision"]["label"] for row in rows} >= {"traffic light"}
    right = sum(row["decision"]["label"] in (Path(row["path"]).parent.name, "traffic light") for row in rows)
    assert right == fitted["right"] + judged["right"]


def test_the_same_photos_give_the_same_copy() -> None:
    calibrated("photos", "-o", COPY)
    calibrated("photos", "-o", "again.tflite", "--jobs", "1")
    assert COPY.read_bytes() == Path("again.tflite").read_bytes()
    assert calibrated("photos", "--seed", "1")["rules"] != calibrated("photos", "--seed", "2")["rules"]


def test_photos_of_other_things_get_no_right_answer() -> None:
    for number in range(30):
        pixels = np.random.default_rng(number).integers(100, 156, (16, 18, 3))
        Path("photos/unknown").mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(f"photos/unknown/{number}.png")
    Path("photos/NONE").mkdir()
    result = calibrated("photos", "--target", "0.8")
    assert result["fitted"]["other_photos"] + result["judged"]["other_photos"] == 30
    text = calibrate("photos", "--target", "0.8").stdout
    assert "photos of other things:" in text


def test_a_class_may_be_called_none(make_model: MakeModel) -> None:
    model = make_model(name="checked", labels=("red", "green", "none"))
    Path("photos/none").mkdir()
    result = calibrated("photos", "--target", "0.7", model=model)
    assert result["judged"]["other_photos"] == 0


def test_a_table_names_the_classes() -> None:
    lines = [f"{path},{path.parent.name}" for path in sorted(Path("photos").rglob("*.png"))]
    Path("flat").mkdir()
    Path("truth.csv").write_text("\n".join(line.replace("photos/", "") for line in lines))
    assert calibrated("photos", "--truth", "truth.csv") == calibrated("photos")


def test_a_taught_models_rule_of_unknown_photos_is_fitted() -> None:
    Path("colours.taxonomy.csv").unlink()
    write_colours(Path("train"), {"red": 8, "green": 8, "blue": 8})
    taught = run("teach", "train", "-m", "colours.tflite", "-o", "taught.tflite")
    assert taught.exit_code == 0, taught.stderr
    write_colours(Path("more"), {"red": 30, "green": 30, "blue": 30}, begin=50)
    write_colours(Path("more"), {"yellow": 40})
    Path("more/yellow").rename("more/unknown")
    result = calibrated("more", "-o", COPY, "--target", "0.9", model="taught.tflite")
    assert result["rules"]["unknown"]["means"] == "class_means.npy"
    assert result["judged"]["other_photos"] == 20
    kinds = [row["decision"]["kind"] for row in rows_of("more/unknown")]
    answered = result["fitted"]["other_photos_answered"] + result["judged"]["other_photos_answered"]
    assert kinds.count("class") == answered


# What it says


def test_the_table_is_for_people() -> None:
    outcome = calibrate("photos", "--target", "0.9", "-o", COPY)
    assert outcome.exit_code == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert lines[0] == "colours"
    assert lines[1].startswith("class if its score is at least 0.")
    assert lines[2].startswith("group if its score is at least 0.")
    assert [line.split("  ")[0] for line in lines if line.startswith(("fitted", "judged", "top-1"))] == [
        "fitted on", "judged on", "top-1 alone at that precision"
    ]  # fmt: skip
    assert "so the intervals are wide" in outcome.stderr
    assert "copy.tflite: the model with these thresholds" in outcome.stderr
    assert calibrate("photos", "-q").stderr == ""


def test_the_plot_is_a_picture() -> None:
    pytest.importorskip("matplotlib")
    assert calibrate("photos", "--plot", "curve.png").exit_code == 0
    assert calibrate("photos", "--plot", "curve.svg").exit_code == 0
    assert Path("curve.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in Path("curve.svg").read_text()


def test_photos_that_cannot_be_read_do_not_count() -> None:
    Path("photos/red/broken.png").write_bytes(b"no image")
    result = calibrated("photos", "-o", COPY, exit_code=4)
    assert result["fitted"]["photos"] + result["judged"]["photos"] == 120
    assert COPY.exists()


# What it refuses


def test_a_target_out_of_reach_writes_nothing() -> None:
    outcome = calibrate("photos", "--target", "0.999", "-o", COPY)
    assert outcome.exit_code == 3
    assert "no thresholds reach a precision of 99.9%" in outcome.stderr
    assert "the highest without is" in outcome.stderr
    assert outcome.stdout == ""
    assert not COPY.exists()


def test_too_few_photos_are_refused() -> None:
    shutil.rmtree("photos/red")
    for path in sorted(Path("photos/green").iterdir())[20:]:
        path.unlink()
    outcome = calibrate("photos")
    assert outcome.exit_code == 3
    assert "20 photos of known classes are too few" in outcome.stderr


def test_nothing_is_overwritten_unless_it_is_said() -> None:
    COPY.write_bytes(b"somebody's")
    Path("curve.png").write_bytes(b"somebody's")
    for arguments in (("-o", COPY), ("--plot", "curve.png")):
        outcome = calibrate("photos", *arguments)
        assert outcome.exit_code == 3
        assert "exists already; --overwrite replaces it" in outcome.stderr
    assert COPY.read_bytes() == b"somebody's"
    assert calibrate("photos", "-o", COPY, "--overwrite").exit_code == 0
    assert COPY.read_bytes() != b"somebody's"


@pytest.mark.parametrize("link", [False, True])
def test_the_model_itself_is_not_overwritten(link: bool) -> None:
    name = "same.tflite" if link else "colours.tflite"
    if link:
        Path(name).hardlink_to("colours.tflite")
    before = Path("colours.tflite").read_bytes()
    outcome = calibrate("photos", "-o", name, "--overwrite")
    assert outcome.exit_code == 2
    assert "is the model itself" in outcome.stderr
    assert Path("colours.tflite").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        (["-o", "copy.onnx"], 2, "the suffix must be .tflite"),
        (["-o", "nowhere/copy.tflite"], 3, "create it first"),
        (["--plot", "curve.jpg"], 2, "the suffix must be one of .png, .svg"),
        (["--overwrite"], 2, "--overwrite needs something to replace"),
        (["--target", "1"], 2, "1 is not between 0 and 1"),
        (["--target", "nan"], 2, "nan is not between 0 and 1"),
        (["--map", "nowhere.csv"], 3, "nowhere.csv"),
    ],
)
def test_impossible_options(arguments: list[str], exit_code: int, reason: str) -> None:
    before = names_in()
    outcome = calibrate("photos", *arguments)
    assert outcome.exit_code == exit_code
    assert reason in outcome.stderr
    assert names_in() == before


def test_a_folder_that_is_no_class_is_refused() -> None:
    Path("photos/pink").mkdir()
    outcome = calibrate("photos")
    assert outcome.exit_code == 3
    assert "'pink'" in outcome.stderr


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: signals of POSIX")
def test_a_signal_ends_it_and_leaves_nothing() -> None:
    env = {"DECODE_SECONDS": "0.2", "DECODED": "decoded"}
    command = patched(COUNT_DECODED, DECODE_SLOWLY)
    before = names_in()
    arguments = ("models", "calibrate", "colours.tflite", "photos", "-o", COPY, "--plot", "curve.png")
    with running(*arguments, command=command, env=env) as process:
        wait_until(Path("decoded").exists, "the first photo")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == b""
    assert names_in() == sorted([*before, "decoded"])
