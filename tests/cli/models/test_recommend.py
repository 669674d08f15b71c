"""``mobiclass models recommend``: real models on real photos, limits, and what cannot be judged."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.program import environment, run
from tests.support.tiny_models import colour_model, edgetpu_model

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
    assert "no model here can be judged on these photos" in done.stderr


def test_two_files_of_one_name_are_two_models(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "good.tflite").write_bytes(colour_model(labels=("green", "blue", "red")))
    (folder / "efficientnet_lite0.tflite").write_bytes(colour_model(gain=5.0))
    models = ("./good.tflite", "other/good.tflite", "good.tflite", "./efficientnet_lite0.tflite")
    found = json.loads(recommend(folder, *models, "--format", "json").stdout)
    accuracies = {each["model"]: each["top1"] for each in found["models"]}
    assert accuracies == {
        "good": 1.0, "other/good.tflite": 0.0, "efficientnet_lite0": None, "efficientnet_lite0.tflite": 1.0,
    }  # fmt: skip


def test_a_compiled_model_is_not_judged_by_the_one_that_stands_in_for_it(folder: Path) -> None:
    (folder / "good_edgetpu.tflite").write_bytes(edgetpu_model(labels=("red", "green", "blue")))
    done = recommend(folder, "./good.tflite", "./good_edgetpu.tflite", "--format", "json")
    assert done.exit_code == 0, done.stderr
    by_name = {each["model"]: each for each in json.loads(done.stdout)["models"]}
    assert by_name["good"]["verdict"] == "recommended"
    assert by_name["good_edgetpu"]["verdict"].startswith("needs the Edge TPU: ")
    assert by_name["good_edgetpu"]["p50_ms"] is None


def test_folders_of_other_things_and_those_that_the_map_excludes_are_left_out(folder: Path) -> None:
    for name in ("unknown", "sea"):
        (folder / "photos" / name).mkdir()
        Image.new("RGB", (16, 16), (20, 20, 230)).save(folder / "photos" / name / "0.png")
    (folder / "map.csv").write_text("sea,\n")
    done = recommend(folder, "./good.tflite", "--map", "map.csv", "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["photos"], found["models"][0]["top1"]) == (12, 1.0)


def test_no_photo_that_can_be_read_exits_with_4(folder: Path) -> None:
    for photo in (folder / "photos").glob("*/*.png"):
        photo.write_bytes(b"no photo")
    done = recommend(folder, "./good.tflite")
    assert done.exit_code == 4
    assert "has judged no photo" in done.stdout
    assert "no photo can be read" in done.stderr


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


def test_only_models_that_fit_are_fetched_and_those_that_cannot_be_do_not_stop_the_others(folder: Path) -> None:
    cache = {"MOBICLASS_CACHE": str(folder / "cache"), "MOBICLASS_OFFLINE": "1"}
    done = run("models", "recommend", "photos", "./good.tflite", "--pull", cwd=folder, env=cache)
    assert done.exit_code == 0
    assert set(re.findall(r"(\S+) is not fetched", done.stderr)) == {
        "mobilenet_v2_1.0_224_inat_bird_quant", "mobilenet_v2_1.0_224_inat_insect_quant",
    }  # fmt: skip
    for label, wnid in zip(COLOURS, ("n01440764", "n01491361", "n01498041"), strict=True):
        (folder / "photos" / label).rename(folder / "photos" / wnid)
    done = run("models", "recommend", "photos", "--pull", "--max-mb", "1", cwd=folder, env=cache)
    assert done.exit_code == 3
    assert re.findall(r"(\S+) is not fetched", done.stderr) == ["mobilenet_v1_0.25_128_quant"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_gives_what_was_judged(folder: Path) -> None:
    for number in range(4, 900):
        Image.new("RGB", (700, 700), COLOURS["red"]).save(folder / "photos" / "red" / f"{number}.png", compress_level=0)
    process = subprocess.Popen(
        [sys.executable, "-m", "mobiclass", "models", "recommend", "photos", "./good.tflite", "--format", "json", "-v"],
        cwd=folder, env=environment({"MOBICLASS_CACHE": str(folder / "cache")}), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    assert b"good" in process.stderr.readline()  # it is measured, and judging begins
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted" in stderr
    found = json.loads(stdout)
    assert found["partial"] is True
    assert found["models"][0]["photos"] < found["photos"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_while_models_are_measured_gives_those_that_were(folder: Path) -> None:
    models = []
    for number in range(30):
        models.append(f"./m{number}.tflite")
        (folder / models[-1]).write_bytes(colour_model())
    process = subprocess.Popen(
        [sys.executable, "-m", "mobiclass", "models", "recommend", "photos", *models, "--format", "json", "-v"],
        cwd=folder, env=environment({"MOBICLASS_CACHE": str(folder / "cache")}), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr
    assert b"m0" in process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the process that measures too
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = json.loads(stdout)
    by_name = {each["model"]: each for each in found["models"]}
    assert (found["partial"], found["recommended"]) == (True, None)
    assert by_name["m0"]["p50_ms"] is not None
    assert by_name["m29"]["verdict"] == "not measured: interrupted"
