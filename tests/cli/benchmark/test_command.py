"""``mobiclass benchmark`` as a process."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import MakeModel
from tests.support.batch_runs import patched, running
from tests.support.program import COMMAND, environment, run

FIELDS = [
    "model", "runtime", "device", "threads", "load_ms", "first_ms", "p50_ms", "p90_ms", "p99_ms", "images_per_second",
    "peak_rss_mb",
]  # fmt: skip
SHORT = ("benchmark", "--seconds", "0.05")


def test_json_is_a_list_with_a_measurement_for_each_number_of_threads(make_model: MakeModel) -> None:
    done = run(*SHORT, "--sweep-threads", "1,2", "--format", "json", make_model())
    assert done.exit_code == 0, done
    measurements = json.loads(done.stdout)
    assert [each["threads"] for each in measurements] == [1, 2]
    for each in measurements:
        assert each.keys() >= set(FIELDS)
        assert each["published_top1"] is None


def test_csv_has_the_fields_of_the_contract(make_model: MakeModel) -> None:
    done = run(*SHORT, "--threads", "1", "--format", "csv", make_model(), make_model(name="other"))
    assert done.exit_code == 0, done
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0])[: len(FIELDS)] == FIELDS
    assert [name for name in rows[0] if name.endswith("cess_ms")] == ["preprocess_ms", "postprocess_ms"]
    assert all(float(rows[0][f"{step}_ms"]) >= 0 for step in ("decode", "preprocess", "invoke", "postprocess"))
    assert rows[1]["model"] == "other"
    assert all(float(row["p50_ms"]) > 0 for row in rows)


def test_the_built_in_model_is_the_default_and_its_accuracy_is_known() -> None:
    done = run(*SHORT, "--threads", "1", "--format", "json", "-v")
    (measurement,) = json.loads(done.stdout)
    assert (done.exit_code, measurement["model"]) == (0, "efficientnet_lite0")
    assert measurement["published_top1"] == 0.744
    assert measurement["image"] is None
    assert re.search(r"efficientnet_lite0: \S+ \S+, \d+ runs", done.stderr)


def test_the_environments_model_is_the_default(make_model: MakeModel) -> None:
    done = run(*SHORT, "--format", "json", env={"MOBICLASS_MODEL": str(make_model(name="mine"))})
    assert json.loads(done.stdout)[0]["model"] == "mine"


def test_a_table_fits_eighty_columns_and_keeps_long_names_whole(make_model: MakeModel) -> None:
    done = run(*SHORT, "--threads", "1", make_model(name="n" * 40))
    heading, name, figures, _, _, _, photo_heading, photo_name, photo, legend, _ = done.stdout.splitlines()
    assert heading.split() == ["model", "device", "thr", "load", "first", "p50", "p90", "p99", "img/s", "MB"]
    assert name == photo_name == "n" * 40
    assert photo_heading.split()[2:] == [
        "thr",
        "decode",
        "preprocess",
        "invoke",
        "postprocess",
        "total",
        "file",
        "top-1",
    ]
    thread_count, *steps, total, megabytes, top1 = photo.split()
    assert (thread_count, megabytes, top1) == ("1", "0.0", "–")
    assert sum(map(float, steps)) == pytest.approx(float(total), abs=0.03)
    assert "a synthetic photo" in legend
    assert len(figures.split()) == 9
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_models_that_cannot_be_measured_are_said_and_the_others_go_on(make_model: MakeModel, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"no model")
    done = run(*SHORT, "--threads", "1", "--format", "json", damaged, make_model(), tmp_path / "absent.tflite")
    assert done.exit_code == 3
    assert len(json.loads(done.stdout)) == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("mobiclass: error: ")]
    assert len(errors) == 2
    assert "damaged.tflite: not a TFLite model" in errors[0]
    assert "Traceback" not in done.stderr


def test_a_model_that_fails_with_every_number_of_threads_is_said_once(tmp_path: Path) -> None:
    done = run(*SHORT, "--sweep-threads", "1,2", tmp_path / "absent.tflite")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.count("there is no such model file") == 1


def test_the_environments_threads_are_no_obstacle_to_a_sweep(make_model: MakeModel) -> None:
    done = run(*SHORT, "--sweep-threads", "1", "--format", "csv", make_model(), env={"MOBICLASS_THREADS": "2"})
    assert done.exit_code == 0, done.stderr
    assert [row["threads"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["1"]


def test_a_photo_that_cannot_be_read_ends_it(make_model: MakeModel, tmp_path: Path) -> None:
    done = run(*SHORT, "--image", tmp_path / "absent.jpg", make_model())
    assert (done.exit_code, done.stdout) == (4, "")
    assert "absent.jpg: there is no such file" in done.stderr


def test_a_plot_is_drawn_and_not_over_another_file(make_model: MakeModel, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed: pip install 'mobiclass[plots]'")
    plot = tmp_path / "latency.png"
    arguments = (*SHORT, "--threads", "1", "--plot", plot, make_model())
    assert run(*arguments).exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    again = run(*arguments)
    assert again.exit_code == 3
    assert "--overwrite replaces it" in again.stderr
    assert run(*arguments, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sweep-threads", "1,x"), ("--sweep-threads", "0"), ("--sweep-threads", "1,"), ("--seconds", "0"),
        ("--seconds", "nan"), ("--threads", "0"), ("--threads", "1", "--sweep-threads", "2"), ("--overwrite",),
        ("--plot", "latency.jpg"), ("--format", "jsonl"), ("--device", "gpu"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_measured(arguments: tuple[str, ...]) -> None:
    done = run("benchmark", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")


def test_a_plot_into_no_folder_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = run("benchmark", "--plot", tmp_path / "absent" / "latency.png")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "the folder" in done.stderr


def test_quiet_is_quiet(make_model: MakeModel) -> None:
    assert run(*SHORT, "-q", make_model()).stderr == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_ended_by_a_signal_it_leaves_no_process_behind(number: int, status: int) -> None:
    command = [*COMMAND, "benchmark", "--seconds", "60", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        child = wait_for_child(process.pid)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == status
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the measuring process lives on")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_by_a_signal_it_prints_what_was_measured(number: int, status: int, make_model: MakeModel) -> None:
    done, hung = make_model(), make_model(name="hung")
    hang = "import mobiclass.benchmark.measurement as b, time; real = b.measure\n"
    hang += "b.measure = lambda task: real(task) if 'hung' not in task.model else time.sleep(60)"
    arguments = (*SHORT, "--threads", "1", "--format", "json", "-v", str(done), str(hung))
    with running(*arguments, command=patched(hang)) as process:
        assert process.stderr is not None
        assert b"runs" in process.stderr.readline()
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == status
    assert [measured["model"] for measured in json.loads(stdout)] == ["colours"]


def test_an_odd_name_is_drawn_as_it_is(tmp_path: Path, make_model: MakeModel) -> None:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed: pip install 'mobiclass[plots]'")
    plot = tmp_path / "latency.png"
    done = run(*SHORT, "--threads", "1", "--plot", plot, make_model(name="$\\frac$\x1b[31m\n_^{" + "w" * 90))
    assert done.exit_code == 0, done.stderr
    assert plot.read_bytes().startswith(b"\x89PNG")


def wait_for_child(pid: int) -> int:
    """Wait for the process that `pid` starts; Linux tells which it is."""
    for _ in range(300):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            time.sleep(1)  # so that it is under way
            return int(children[0])
        time.sleep(0.05)
    raise AssertionError("no process was started")
