"""``mobiclass models recommend``: real models on real photos, limits, and what cannot be judged."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from PIL import Image

from tests.support.program import environment, run
from tests.support.tiny_models import colour_model

COLOURS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of three colours; a model that names them, one that does not, one of other labels and a broken one."""
    for label, colour in COLOURS.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (16, 16), colour).save(tmp_path / "photos" / label / f"{number}.png")
    (tmp_path / "good.tflite").write_bytes(colour_model())
    (tmp_path / "wrong.tflite").write_bytes(colour_model(labels=("green", "blue", "red")))
    (tmp_path / "other.tflite").write_bytes(colour_model(labels=("cat", "dog", "owl")))
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    return tmp_path


def recommend(folder: Path, *arguments: str) -> Any:
    cache = {"MOBICLASS_CACHE": str(folder / "cache")}
    return run("models", "recommend", "photos", *arguments, cwd=folder, env=cache)


MODELS = ("./good.tflite", "./wrong.tflite", "./other.tflite", "./broken.tflite")


def test_the_best_model_is_recommended_and_the_others_say_why_not(folder: Path) -> None:
    done = recommend(folder, *MODELS, "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    by_name = {each["model"]: each for each in found["models"]}
    assert (found["recommended"], found["photos"], found["partial"]) == ("good", 12, False)
    assert (by_name["good"]["top1"], by_name["wrong"]["top1"]) == (1.0, 0.0)
    assert by_name["good"]["p50_ms"] > 0
    assert by_name["good"]["peak_rss_mb"] > 10
    assert by_name["good"]["verdict"] == "recommended"
    assert "are no classes of other" in by_name["other"]["verdict"]
    assert "not a TFLite model" in by_name["broken"]["verdict"]
    assert "are no classes of efficientnet_lite0" in by_name["efficientnet_lite0"]["verdict"]


def test_tables_for_people_and_for_programs(folder: Path) -> None:
    table = recommend(folder, *MODELS).stdout.splitlines()
    assert table[0].split() == ["model", "top-1", "95", "%", "interval", "ms", "peak", "MB", "MB"]
    assert table[1].startswith("good")
    assert table[1].endswith("recommended")
    rows = [*csv.DictReader(io.StringIO(recommend(folder, *MODELS, "--format", "csv").stdout))]
    assert [row["model"] for row in rows][0] == "good"
    assert float(rows[0]["top1"]) == 1.0


def test_nothing_within_the_limits_exits_with_3_after_the_table(folder: Path) -> None:
    done = recommend(folder, *MODELS, "--max-mb", "0.000001")
    assert done.exit_code == 3
    assert "larger than 1e-06 MB" in done.stdout
    assert "no model is within the limits" in done.stderr


def test_no_model_of_these_classes(folder: Path) -> None:
    done = recommend(folder)
    assert done.exit_code == 3
    assert "no model here has these classes" in done.stderr


def test_a_photo_that_cannot_be_read_exits_with_4(folder: Path) -> None:
    (folder / "photos" / "red" / "broken.png").write_bytes(b"no photo")
    done = recommend(folder, "./good.tflite")
    assert done.exit_code == 4
    assert "1 photos cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--plot", "p.pdf"], 2, "the suffix must be one of"),
        (["--plot", "none/p.png"], 3, "does not exist"),
        (["--overwrite"], 2, "needs --plot"),
        (["--max-latency", "0"], 2, "--max-latency"),
        (["no_such_model"], 3, "no_such_model"),
    ],
)
def test_what_is_refused_before_anything_is_measured(
    arguments: list[str], exit_code: int, message: str, folder: Path
) -> None:
    done = recommend(folder, *arguments)
    assert done.exit_code == exit_code
    assert message in done.stderr
    assert done.stdout == ""


def test_the_plot_is_written(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    assert recommend(folder, *MODELS, "--plot", "p.png").exit_code == 0
    with Image.open(folder / "p.png") as picture:
        assert picture.format == "PNG"
    assert recommend(folder, *MODELS, "--plot", "p.png").exit_code == 3


def test_models_that_cannot_be_fetched_do_not_stop_the_others(folder: Path) -> None:
    cache = {"MOBICLASS_CACHE": str(folder / "cache"), "MOBICLASS_OFFLINE": "1"}
    done = run("models", "recommend", "photos", "./good.tflite", "--pull", cwd=folder, env=cache)
    assert done.exit_code == 0
    assert "MOBICLASS_OFFLINE" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_gives_what_was_judged(folder: Path) -> None:
    for number in range(4, 900):
        Image.new("RGB", (700, 700), COLOURS["red"]).save(folder / "photos" / "red" / f"{number}.png", compress_level=0)
    process = subprocess.Popen(
        [sys.executable, "-m", "mobiclass", "models", "recommend", "photos", "./good.tflite", "--format", "json"],
        cwd=folder, env=environment({"MOBICLASS_CACHE": str(folder / "cache")}), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    sleep(4)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in (0, 130)  # a fast machine may be done
    if process.returncode == 130:
        assert b"interrupted" in stderr or not stdout
        if stdout:
            assert json.loads(stdout)["partial"] is True
