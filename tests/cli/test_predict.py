"""`mobiclass predict` as a process: its exit code, its stdout and its stderr."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import click
import pytest

import mobiclass.cli
from mobiclass.runtime.backends import RUNTIMES, choose_runtime
from tests.conftest import MakeModel
from tests.support.graphs import MUL, Net
from tests.support.program import COMMAND, Outcome, environment, run, run_and_list_modules, shell
from tests.support.tiny_models import edgetpu_model

Predict = Callable[..., Outcome]


@pytest.fixture
def predict(colours: Path) -> Predict:
    """Give a function that runs `mobiclass predict` with the model that names colours."""

    def run_predict(*arguments: Any, **named: Any) -> Outcome:
        return run("predict", "--model", colours, *arguments, **named)

    return run_predict


@pytest.fixture
def red(pictures: Path) -> Path:
    """Give the red picture."""
    return pictures / "red.png"


def rows(outcome: Outcome) -> list[dict[str, Any]]:
    """Parse JSON lines."""
    return [json.loads(line) for line in outcome.stdout.split("\n")[:-1]]


def best(outcome: Outcome) -> list[str | None]:
    """Give the first label of each row, ``None`` where there is none."""
    return [row["predictions"][0]["label"] if row["predictions"] else None for row in rows(outcome)]


RED_PREDICTIONS = [
    {"index": 0, "label": "red", "score": 0.99609375},
    {"index": 1, "label": "green", "score": 0.0},
    {"index": 2, "label": "blue", "score": 0.0},
]


def test_piped_the_default_is_json_lines(predict: Predict, red: Path) -> None:
    outcome = predict(red)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert rows(outcome) == [
        {"path": str(red), "predictions": RED_PREDICTIONS, "model": "colours", "device": "cpu", "error": None}
    ]
    assert outcome.stdout.endswith("}\n")


def test_json_is_one_array(predict: Predict, pictures: Path) -> None:
    outcome = predict("--format", "json", "-k", "1", pictures / "red.png", pictures / "blue.png")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    array = json.loads(outcome.stdout)
    assert [row["predictions"][0]["label"] for row in array] == ["red", "blue"]
    assert [len(row["predictions"]) for row in array] == [1, 1]


def test_csv_is_one_line_a_prediction(predict: Predict, red: Path, tmp_path: Path) -> None:
    outcome = predict("--format", "csv", "-k", "2", red, tmp_path / "none.png")
    assert outcome.exit_code == 4
    assert outcome.stdout == (
        "path,rank,index,label,score,error\n"
        f"{red},1,0,red,0.99609375,\n"
        f"{red},2,1,green,0.0,\n"
        f"{tmp_path / 'none.png'},,,,,not_found: there is no such file\n"
    )


def test_the_table_of_one_image(predict: Predict, red: Path) -> None:
    outcome = predict("--format", "table", "-k", "2", red)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == "red     99.6 %  ███████████████████▉\ngreen    0.0 %\n"


def test_the_table_of_several_images_names_them(predict: Predict, pictures: Path) -> None:
    outcome = predict("--format", "table", "-k", "1", pictures / "red.png", pictures / "none.png")
    assert outcome.exit_code == 4
    assert outcome.stdout == (
        f"{pictures / 'red.png'}\n  red   99.6 %  ███████████████████▉\n\n"
        f"{pictures / 'none.png'}\n  not classified: there is no such file\n"
    )
    assert outcome.stderr == f"mobiclass: {pictures / 'none.png'}: there is no such file\n"


def test_threshold_drops_predictions(predict: Predict, red: Path) -> None:
    assert rows(predict("--threshold", "0.5", red))[0]["predictions"] == RED_PREDICTIONS[:1]
    outcome = predict("--threshold", "1", "--format", "table", red)
    assert (outcome.exit_code, outcome.stdout) == (0, "no prediction reaches the threshold\n")


def test_timing_says_where_the_time_went(predict: Predict, red: Path) -> None:
    timing = rows(predict("--timing", red))[0]["timing_ms"]
    assert list(timing) == ["decode", "preprocess", "invoke", "postprocess"]
    assert all(milliseconds >= 0 for milliseconds in timing.values())
    line = predict("--timing", "--format", "table", red).stdout.splitlines()[-1]
    assert [part.split()[0] for part in line.split(", ")] == list(timing)


def test_some_that_cannot_be_classified_do_not_stop_the_others(predict: Predict, pictures: Path) -> None:
    outcome = predict(pictures / "red.png", pictures / "none.png", pictures, pictures / "blue.png")
    assert outcome.exit_code == 4
    assert best(outcome) == ["red", None, None, "blue"]
    assert [row["error"] and row["error"]["kind"] for row in rows(outcome)] == [None, "not_found", "unreadable", None]
    assert outcome.stderr.splitlines() == [
        f"mobiclass: {pictures / 'none.png'}: there is no such file",
        f"mobiclass: {pictures}: a folder, not an image file",
    ]


def test_quiet_says_nothing_but_ends_the_same(predict: Predict, red: Path, tmp_path: Path) -> None:
    outcome = predict("-q", red, tmp_path / "none.png")
    assert (outcome.exit_code, outcome.stderr, best(outcome)) == (4, "", ["red", None])


def test_quiet_still_says_what_ends_the_program(red: Path) -> None:
    outcome = run("predict", "-q", "--model", "zebra", red)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("mobiclass: error: there is no model named 'zebra' here")


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "not_an_image", "the file is empty"),
        (b"a plain text file, not a picture\n", "not_an_image", "not an image in any known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "unsupported", "PostScript"),
        (b"\x89PNG\r\n\x1a\n", "truncated", "cut short"),
    ],
)
def test_files_that_are_no_images(predict: Predict, tmp_path: Path, content: bytes, kind: str, reason: str) -> None:
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    outcome = predict(path)
    assert outcome.exit_code == 4
    (row,) = rows(outcome)
    assert (row["path"], row["predictions"]) == (str(path), [])
    assert (row["error"]["type"], row["error"]["kind"]) == ("ImageError", kind)
    assert reason in row["error"]["message"]
    first, *hints = outcome.stderr.splitlines()
    assert first == f"mobiclass: {path}: {row['error']['message']}"
    assert ["--allow-truncated" in hint for hint in hints] == [True] * (kind == "truncated")


def test_a_fifo_does_not_hang(predict: Predict, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    outcome = predict(tmp_path / "fifo.jpg", timeout=30)
    assert (outcome.exit_code, rows(outcome)[0]["error"]["kind"]) == (4, "unreadable")


def test_a_truncated_image_is_refused_unless_it_is_allowed(predict: Predict, tmp_path: Path) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(buffer, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    outcome = predict(path)
    assert (outcome.exit_code, rows(outcome)[0]["error"]["kind"]) == (4, "truncated")
    assert "--allow-truncated" in outcome.stderr
    assert "--allow-truncated" not in outcome.stdout
    assert "--allow-truncated" not in predict("-q", path).stderr
    outcome = predict("--allow-truncated", path)
    assert (outcome.exit_code, outcome.stderr, rows(outcome)[0]["error"]) == (0, "", None)


def test_a_file_without_permission(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("NOT TESTED: this user, root perhaps, may read every file")
    outcome = predict(path)
    assert (outcome.exit_code, rows(outcome)[0]["error"]["kind"]) == (4, "unreadable")
    assert "Permission denied" in outcome.stderr


@pytest.mark.parametrize(
    "name", ["two\nlines.png", "\x1b[31mred\x07.png", "\u202egnp.exe", " spaces ", "-k.png", "ü.png"]
)
def test_odd_names_are_whole_in_json_and_harmless_elsewhere(
    predict: Predict, tmp_path: Path, red: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(red.read_bytes())
    outcome = predict("--", path, cwd=tmp_path)
    assert (outcome.exit_code, rows(outcome)[0]["path"]) == (0, str(path))
    assert outcome.stdout.count("\n") == 1
    missing = f"{path}.none"
    outcome = predict("--format", "table", "-k", "1", "--", path, missing)
    assert outcome.exit_code == 4
    shown = "".join(character if character.isprintable() else "\ufffd" for character in missing)
    assert outcome.stderr == f"mobiclass: {shown}: there is no such file\n"
    assert outcome.stdout.splitlines()[3] == shown
    assert not set(outcome.stdout + outcome.stderr) & {"\x1b", "\x07", "\u202e"}
    records = list(csv.reader(io.StringIO(predict("--format", "csv", "-k", "1", "--", path).stdout)))
    assert records[1][0] == str(path)


@pytest.mark.skipif(sys.platform == "darwin", reason="NOT TESTED: macOS has no file names that are not UTF-8")
def test_a_name_that_is_not_utf8_keeps_its_bytes(predict: Predict, tmp_path: Path, red: Path) -> None:
    import base64

    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(path, "wb") as file:  # noqa: PTH123 - Path cannot be made of bytes
        file.write(red.read_bytes())
    outcome = predict(path)
    (row,) = rows(outcome)
    assert (outcome.exit_code, best(outcome)) == (0, ["red"])
    assert row["path"] == f"{tmp_path}/caf\ufffd.png"
    assert base64.b64decode(row["path_base64"]) == path
    for output_format in ("csv", "table", "json"):
        outcome = predict("--format", output_format, path, path + b"none")
        assert outcome.exit_code == 4
        assert "caf\ufffd.pngnone" in outcome.stdout
        assert "caf\ufffd.pngnone: there is no such file" in outcome.stderr


def test_an_image_on_stdin(predict: Predict, pictures: Path) -> None:
    outcome = predict("-", pictures / "blue.png", stdin=(pictures / "green.png").read_bytes())
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert [row["path"] for row in rows(outcome)] == ["-", str(pictures / "blue.png")]
    assert best(outcome) == ["green", "blue"]


@pytest.mark.parametrize(("content", "reason"), [(b"", "the file is empty"), (b"noise", "not an image")])
def test_what_is_no_image_on_stdin(predict: Predict, content: bytes, reason: str) -> None:
    outcome = predict("-", stdin=content)
    assert (outcome.exit_code, rows(outcome)[0]["error"]["kind"]) == (4, "not_an_image")
    assert outcome.stderr.startswith(f"mobiclass: -: {reason}")


def test_stdin_cannot_be_two_images(predict: Predict, red: Path) -> None:
    outcome = predict("-", "-", stdin=red.read_bytes())
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "standard input (-) can be classified only once" in outcome.stderr


def test_a_terminal_on_stdin_is_a_usage_error(predict: Predict) -> None:
    controller, terminal = pty.openpty()
    try:
        outcome = predict("-", stdin=terminal, timeout=30)
    finally:
        os.close(controller)
        os.close(terminal)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "nothing is piped in" in outcome.stderr


def test_a_closed_stdin_is_a_usage_error(colours: Path) -> None:
    outcome = shell(f'"$@" predict --model {shlex.quote(str(colours))} - <&-')
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "nothing is piped in" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Missing argument 'IMAGE...'"),
        (["--nonsense", "a.jpg"], "No such option"),
        (["-k", "0", "a.jpg"], "0 is not in the range x>=1"),
        (["-k", "-1", "a.jpg"], "-1 is not in the range x>=1"),
        (["--threshold", "1.5", "a.jpg"], "1.5 is not in the range"),
        (["--threshold", "nan", "a.jpg"], "nan"),
        (["--format", "xml", "a.jpg"], "'xml' is not one of"),
        (["--device", "gpu", "a.jpg"], "'gpu' is not one of auto, cpu, edgetpu"),
        (["--runtime", "onnx", "a.jpg"], "'onnx' is not one of"),
        (["--threads", "0", "a.jpg"], "0 is not in the range"),
        (["--std", "0.5", "a.jpg"], "std is in pixel units of 0–255 and 0.5 is too small"),
        (["--std", "0.99", "a.jpg"], "give 255 times as much (252.45)"),
        (["--crop-fraction", "1.5", "a.jpg"], "crop_fraction must be a number from 0.01 to 1"),
        (["--crop-fraction", "nan", "a.jpg"], "crop_fraction must be a number from 0.01 to 1"),
        (["--channels", "grb", "a.jpg"], "'grb' is not one of"),
        (["--layout", "hwc", "a.jpg"], "'hwc' is not one of"),
        (["--resolution", "224x", "a.jpg"], "resolution must be one side or HEIGHTxWIDTH"),
        (["--output-kind", "softmax", "a.jpg"], "'softmax' is not one of"),
        (["--std", "0.229,0.224,0.225", "a.jpg"], "give 255 times as much (57.12)"),
        (["--std", "-3", "a.jpg"], "positive"),
        (["--mean", "1,2", "a.jpg"], "mean must be one or three numbers"),
        (["--mean", "x", "a.jpg"], "could not convert"),
        (["--mean", "nan", "a.jpg"], "mean must be one or three numbers"),
        (["--resize", "stretch", "a.jpg"], "'stretch' is not one of"),
    ],
)
def test_usage_errors(arguments: list[str], reason: str) -> None:
    outcome = run("predict", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    # click may break a long message over lines.
    assert reason in " ".join(outcome.stderr.split())
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model", "none.tflite"], "none.tflite: there is no such model file"),
        (["--model", "effcientnet_lite0"], "did you mean efficientnet_lite0?"),
        (["--model", "."], "there is no model named '.'"),
        (["--model", "./"], "a folder, not a .tflite file"),
        (["--model", "x" * 5000], "there is no model named"),
        (["--model", "/" + "x" * 5000], "cannot be read (File name too long)"),
        (["--labels", "none.txt"], "none.txt: the label list cannot be read (No such file or directory)"),
        (["--labels", "labels.txt"], ": 2 labels do not fit the 1000 outputs"),
        (["--labels", "empty.txt"], "empty.txt: there is no label in it"),
    ],
)
def test_set_up_errors(arguments: list[str], reason: str, red: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\n")
    (tmp_path / "empty.txt").write_text("")
    outcome = run("predict", *arguments, red, cwd=tmp_path)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("mobiclass: error: ")
    assert outcome.stderr.count("\n") == 1
    assert reason in outcome.stderr


def test_labels_of_the_command_line(predict: Predict, red: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_bytes("\ufeff3 toed sloth\r\n\r\na\u2028b\r\n".encode())
    outcome = predict("--labels", labels, red)
    assert [p["label"] for p in rows(outcome)[0]["predictions"]] == ["3 toed sloth", "", "a\u2028b"]
    assert outcome.stdout.count("\n") == 1


def test_control_sequences_in_labels_do_not_reach_a_table(make_model: MakeModel, red: Path) -> None:
    path = make_model(labels=("\x1b]0;title\x07red", "b", "c"))
    outcome = run("predict", "--model", path, "--format", "table", red)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("\ufffd]0;title\ufffdred")


def test_native_chatter_is_on_stderr_and_with_v_only(make_model: MakeModel, red: Path) -> None:
    # Of a float model both runtimes say that they made their XNNPACK delegate.
    path = make_model(dtype="float32")
    outcome = run("predict", "--model", path, red)
    assert (outcome.exit_code, outcome.stderr, best(outcome)) == (0, "", ["red"])
    assert outcome.stdout.count("\n") == 1
    outcome = run("predict", "-v", "--model", path, red)
    assert (outcome.exit_code, best(outcome)) == (0, ["red"])
    assert "XNNPACK" in outcome.stderr
    assert outcome.stdout.count("\n") == 1


def test_verbose_explains_each_fact_with_its_source(make_model: MakeModel, red: Path) -> None:
    path = make_model(name="m", labels=("a", "b", "c"), config='{"preprocessing": {"crop_fraction": 0.5, "mean": 120}}')
    path.with_name("m.json").write_text('{"preprocessing": {"interpolation": "nearest"}}')
    outcome = run("predict", "-v", "--threads", "2", "--resize", "crop", "--model", path, red)
    lines = {line.split("  ")[0]: line for line in outcome.stderr.splitlines()}
    assert lines["model"].endswith("  m")
    assert str(path) in lines["file"]
    assert lines["labels"].endswith("3  [TFLite Metadata]")
    assert lines["resize"].endswith("crop  [command line]")
    assert lines["crop fraction"].endswith("0.5  [embedded mobiclass.json]")
    assert lines["interpolation"].endswith("nearest  [m.json]")
    assert lines["mean"].endswith("120  [embedded mobiclass.json]")
    assert lines["std"].endswith("127.5  [TFLite Metadata]")
    runtime = choose_runtime(os.environ.get("MOBICLASS_RUNTIME", "auto"))
    assert lines["runtime"] == f"runtime  {runtime.package} {runtime.version}, 2 threads, on cpu"


def test_a_guess_is_confessed_unless_quiet(make_model: MakeModel, red: Path) -> None:
    path = make_model(dtype="float32", mean=None, std=None)
    outcome = run("predict", "--model", path, red)
    assert outcome.exit_code == 0
    assert "does not say how its input is normalized" in outcome.stderr
    assert "--mean and --std" in outcome.stderr
    assert run("predict", "-q", "--model", path, red).stderr == ""
    assert run("predict", "--mean", "127.5", "--std", "127.5", "--model", path, red).stderr == ""


def test_the_environment_chooses_the_model_and_the_threads(colours: Path, red: Path) -> None:
    outcome = run("predict", "-v", red, env={"MOBICLASS_MODEL": str(colours), "MOBICLASS_THREADS": "3"})
    assert (outcome.exit_code, rows(outcome)[0]["model"]) == (0, "colours")
    assert "3 threads" in outcome.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MOBICLASS_THREADS", "0"), ("MOBICLASS_DEVICE", "gpu"), ("MOBICLASS_RUNTIME", "onnx")],
)
def test_an_impossible_environment_is_a_usage_error(red: Path, variable: str, value: str) -> None:
    outcome = run("predict", red, env={variable: value})
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Invalid value for '--" in outcome.stderr


def test_the_command_line_is_stronger_than_the_environment(predict: Predict, red: Path) -> None:
    outcome = predict(red, env={"MOBICLASS_MODEL": "zebra", "MOBICLASS_DEVICE": "edgetpu"})
    assert outcome.exit_code == 3
    outcome = predict("--device", "cpu", red, env={"MOBICLASS_MODEL": "zebra", "MOBICLASS_DEVICE": "edgetpu"})
    assert (outcome.exit_code, best(outcome)) == (0, ["red"])


def test_the_environment_chooses_the_runtime(predict: Predict, red: Path) -> None:
    runtime = choose_runtime()
    outcome = predict("-v", red, env={"MOBICLASS_RUNTIME": runtime.name})
    assert outcome.exit_code == 0
    assert f"runtime  {runtime.package}" in outcome.stderr


MISSING = [runtime for runtime in RUNTIMES.values() if not runtime.installed]


@pytest.mark.skipif(not MISSING, reason="NOT TESTED: both runtimes are installed")
def test_a_runtime_that_is_not_installed_is_named_with_its_command(predict: Predict, red: Path) -> None:
    outcome = predict("--runtime", MISSING[0].name, red)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert f"{MISSING[0].package} is not installed: {MISSING[0].install}" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.skipif(find_library("edgetpu") is not None, reason="NOT TESTED: libedgetpu is installed")
class TestWithoutLibedgetpu:
    """A machine that has no Edge TPU runtime."""

    def test_a_compiled_model_alone_names_the_library_and_the_next_step(self, make_model: MakeModel, red: Path) -> None:
        path = make_model(edgetpu_model(), name="birds_edgetpu")
        for device in ("auto", "edgetpu", "edgetpu:usb:0"):
            outcome = run("predict", "--model", path, "--device", device, red)
            assert (outcome.exit_code, outcome.stdout) == (3, "")
            assert "libedgetpu" in outcome.stderr
            assert "install" in outcome.stderr
            assert outcome.stderr.count("\n") == 1

    def test_the_sibling_stands_in_and_says_so(self, make_model: MakeModel, red: Path) -> None:
        path = make_model(edgetpu_model(), name="birds_edgetpu")
        sibling = make_model(name="birds")
        outcome = run("predict", "--model", path, red)
        (row,) = rows(outcome)
        assert (outcome.exit_code, best(outcome), row["model"], row["device"]) == (0, ["red"], "birds", "cpu")
        assert "libedgetpu" in row["fallback"]
        assert outcome.stderr.startswith(f"mobiclass: using {sibling} on the CPU: ")
        assert run("predict", "-q", "--model", path, red).stderr == ""

    def test_no_sibling_stands_in_where_the_edge_tpu_was_asked_for(self, make_model: MakeModel, red: Path) -> None:
        path = make_model(edgetpu_model(), name="birds_edgetpu")
        make_model(name="birds")
        outcome = run("predict", "--model", path, "--device", "edgetpu", red)
        assert (outcome.exit_code, outcome.stdout) == (3, "")


def test_a_model_for_the_cpu_on_the_edge_tpu_is_refused(predict: Predict, red: Path) -> None:
    outcome = predict("--device", "edgetpu", red)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert "is not compiled for the Edge TPU, and libedgetpu would let it run on the CPU" in outcome.stderr
    assert "--device cpu" in outcome.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: there is no /dev/full")
@pytest.mark.parametrize("output_format", ["jsonl", "json", "csv", "table"])
def test_a_full_disk_is_an_error_of_one_line(predict: Predict, red: Path, output_format: str) -> None:
    with Path("/dev/full").open("wb") as full:
        outcome = predict("--format", output_format, red, stdout=full)
    assert outcome.exit_code == 3
    assert outcome.stderr == "mobiclass: error: the results cannot be written: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: there is no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"]])
def test_help_on_a_full_disk_is_an_error_of_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        outcome = run(*arguments, stdout=full)
    assert outcome.exit_code == 3
    assert outcome.stderr == "mobiclass: error: the results cannot be written: No space left on device\n"


def test_a_closed_pipe_ends_quietly(colours: Path, red: Path) -> None:
    # More rows than a pipe holds: whoever writes them must notice.
    images = [str(red)] * 600
    process = subprocess.Popen(
        [*COMMAND, "predict", "--model", str(colours), *images],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["path"] == str(red)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


def test_a_closed_pipe_in_a_shell_ends_quietly(colours: Path, red: Path) -> None:
    script = (
        f'"$@" predict --format csv --model {shlex.quote(str(colours))} {f"{shlex.quote(str(red))} " * 50} | head -n 1'
    )
    outcome = shell(script)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "path,rank,index,label,score,error\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_harm_nothing(colours: Path, red: Path, closed: str) -> None:
    outcome = shell(f'"$@" predict --model {shlex.quote(str(colours))} {shlex.quote(str(red))} {closed}')
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert best(outcome) == ([] if ">&-" in closed.split() else ["red"])


@pytest.mark.parametrize(("number", "exit_code", "message"), [
    (signal.SIGINT, 130, b"mobiclass: error: interrupted\n"), (signal.SIGTERM, 143, b""),
])  # fmt: skip
def test_an_interrupted_run_keeps_what_is_done(
    colours: Path, red: Path, number: signal.Signals, exit_code: int, message: bytes
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "predict", "--model", str(colours), str(red), "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    # The first row is out before the second image is there; the program waits for that one now.
    assert json.loads(process.stdout.readline())["path"] == str(red)
    process.send_signal(number)
    assert (process.stdout.read(), process.stderr.read()) == (b"", message)
    assert process.wait(60) == exit_code
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def on_a_terminal(*arguments: str, columns: int = 80) -> tuple[int, str]:
    """Run the program with stdout on a terminal; give its exit code and what the terminal got."""
    import fcntl
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.DEVNULL,
        env=environment({"PYTHONUTF8": "1"}),
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(controller, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(controller)
    return process.wait(60), shown.decode("utf-8").replace("\r\n", "\n")


def test_on_a_terminal_the_default_is_the_table(colours: Path, red: Path) -> None:
    exit_code, shown = on_a_terminal("predict", "-k", "1", "--model", str(colours), str(red))
    assert (exit_code, shown) == (0, "red   99.6 %  ███████████████████▉\n")


def test_long_labels_fit_the_terminal(make_model: MakeModel, red: Path) -> None:
    path = make_model(labels=("a label as long as the way to the sea and back again" * 2, "b", "c"))
    exit_code, shown = on_a_terminal("predict", "--model", str(path), str(red), columns=60)
    assert exit_code == 0
    assert "…   99.6 %" in shown
    assert max(map(len, shown.splitlines())) <= 60


def test_python_m_mobiclass_is_the_same_program(colours: Path, red: Path) -> None:
    module = (sys.executable, "-m", "mobiclass")
    for arguments in (["--version"], ["predict", "--help"], ["predict", "--model", str(colours), str(red)], ["-x"]):
        assert run(*arguments, command=module) == run(*arguments)


def test_the_version() -> None:
    import mobiclass

    assert run("--version") == Outcome(0, f"mobiclass {mobiclass.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["predict"], ["models"], ["models", "show"], ["models", "path"]])
def test_help(arguments: list[str]) -> None:
    outcome = run(*arguments, "--help")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(f"Usage: {' '.join(['mobiclass', *arguments])} ")
    assert run(*arguments, "-h") == outcome


@pytest.mark.parametrize("arguments", [[], ["predict"], ["models", "show"]])
def test_examples_in_the_help_stand_on_lines_of_their_own(arguments: list[str]) -> None:
    lines = run(*arguments, "--help").stdout.splitlines()
    examples = [line for line in lines if line.strip().startswith("mobiclass ")]
    assert len(examples) >= 2
    assert not [line for line in lines if "\\b" in line or "\b" in line]


@pytest.mark.parametrize("arguments", [["predict", "--help"], ["--help"], ["--version"], ["models", "path", "-h"]])
def test_help_loads_neither_numpy_nor_pillow_nor_a_runtime(arguments: list[str], tmp_path: Path) -> None:
    outcome, loaded = run_and_list_modules(*arguments, folder=tmp_path)
    assert outcome.exit_code == 0
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint({"numpy", "PIL", "ai_edge_litert", "tflite_runtime", "flatbuffers", "platformdirs"})


def test_help_names_every_command_and_loads_none(tmp_path: Path) -> None:
    outcome, loaded = run_and_list_modules("--help", folder=tmp_path)
    listed = re.findall(r"^  (\w+) {2,}\S.*\.$", outcome.stdout.partition("Commands:\n")[2], re.MULTILINE)
    entries = Path(mobiclass.cli.__file__).parent.iterdir()
    modules = {path.stem for path in entries if path.suffix == ".py" or (path / "command.py").is_file()} - {"__init__"}
    commands = {
        name
        for name in modules
        if isinstance(getattr(importlib.import_module(f"mobiclass.cli.{name}"), name, None), click.Command)
    }
    assert len(commands) >= 6
    assert listed == sorted(commands)
    assert loaded.isdisjoint({f"mobiclass.cli.{name}" for name in commands})
    assert "mobiclass.cli.predict" in run_and_list_modules("predict", "--help", folder=tmp_path)[1]


def test_an_unknown_command_is_a_usage_error() -> None:
    outcome = run("classify", "a.jpg")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "No such command 'classify'" in outcome.stderr


def test_a_hostile_current_folder_runs_no_code(tmp_path: Path, colours: Path, red: Path) -> None:
    hostile, scripts = tmp_path / "hostile", tmp_path / "bin"
    hostile.mkdir()
    scripts.mkdir()
    modules = (
        "numpy", "json", "PIL", "click", "mobiclass", "struct", "zipfile", "hashlib", "subprocess", "encodings",
        "sitecustomize", "ai_edge_litert", "tflite_runtime", "platformdirs", "pi_heif",
    )  # fmt: skip
    for name in modules:
        (hostile / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    # What pip installs as the command `mobiclass`.
    script = scripts / "mobiclass"
    script.write_text("import sys\nfrom mobiclass.cli import main\nsys.exit(main())\n")
    # A cache without a mark that the model is sound: where a runtime needs a trial first, it takes place here.
    outcome = run(
        "predict", "--model", colours, red,
        command=(sys.executable, str(script)), cwd=hostile, env={"MOBICLASS_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert (outcome.exit_code, outcome.stderr, best(outcome)) == (0, "", ["red"])
    assert not (tmp_path / "ran").exists()


def test_the_built_in_model_names_a_real_photo(photos: dict[str, Path]) -> None:
    outcome = run("predict", "-k", "1", photos["coffee.png"])
    assert (outcome.exit_code, outcome.stderr, best(outcome)) == (0, "", ["espresso"])
    assert rows(outcome)[0]["model"] == "efficientnet_lite0"


# Label files


def test_labels_beside_a_model_are_used_and_named(make_model: MakeModel, red: Path) -> None:
    model = make_model(labels=None)
    labels = model.with_name("labels.txt")
    labels.write_text("2 bleu\n0 rouge\n1 vert\n")
    outcome = run("predict", "--model", model, "-k", "1", red)
    assert json.loads(outcome.stdout)["predictions"][0]["label"] == "rouge"
    assert f"colours: using the labels in {labels}; --labels FILE overrides them" in outcome.stderr
    model.with_name("other.tflite").touch()
    outcome = run("predict", "--model", model, "-k", "1", red)
    assert json.loads(outcome.stdout)["predictions"][0]["label"] is None
    assert f"ignoring the labels in {labels}: another model, other.tflite, lies there too" in outcome.stderr
    assert str(labels) not in run("predict", "-q", "--model", model, red).stderr
    shown = run("models", "show", model).stdout
    assert "none: predictions have indices only" in shown
    assert "another model, other.tflite, lies there too" in shown


def test_labels_are_read_in_the_forms_that_exporters_write(predict: Predict, red: Path, tmp_path: Path) -> None:
    forms = {
        "labels.csv": "id,name\n2,bleu\n0,rouge\n1,vert\n",
        "config.json": '{"id2label": {"0": "rouge", "1": "vert", "2": "bleu"}}',
        "class_indices.json": '{"bleu": 2, "rouge": 0, "vert": 1}',
        "map.pbtxt": 'item { id: 2 name: "vert" } item { id: 1 name: "rouge" } item { id: 3 name: "bleu" }',
        "data.yaml": "names: [rouge, vert, bleu]\n",
    }
    for name, content in forms.items():
        (tmp_path / name).write_text(content)
        outcome = predict("--labels", tmp_path / name, "-k", "1", red)
        assert json.loads(outcome.stdout)["predictions"][0]["label"] == "rouge"
    (tmp_path / "config.json").write_text('{"id2label": {"0": "a", "1": "b"}}')
    outcome = predict("--labels", tmp_path / "config.json", red)
    assert outcome.exit_code == 3
    assert "a JSON object of id2label with 2 entries does not fit the 3 outputs of colours.tflite" in outcome.stderr


def test_csv_for_spreadsheets_has_a_mark(predict: Predict, red: Path) -> None:
    plain = predict("--format", "csv", red).stdout
    assert predict("--format", "csv", "--csv-bom", red).stdout == f"\ufeff{plain}"
    assert predict("--csv-bom", red).exit_code == 2


def rows_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Parse the rows of a run that succeeded."""
    assert outcome.exit_code == 0, outcome.stderr
    return [json.loads(line) for line in outcome.stdout.splitlines()]


def best_of(outcome: Outcome) -> tuple[int, str | None, float]:
    """Give the best prediction of a run with one photo."""
    (row,) = rows_of(outcome)
    best = row["predictions"][0]
    return best["index"], best["label"], round(best["score"], 4)


def test_what_a_model_does_not_say_is_said_with_options(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    net = Net((1, 1, 1, 3), signature=(-1, -1, -1, 3))
    path = make_model(net.finish(net.logits(), net.softmax(net.logits()), names=("raw", "scores")))
    labels = tmp_path / "said.txt"
    labels.write_text("red\ngreen\nblue\n")
    said = ["--model", path, "--labels", labels, "--mean", "127.5", "--std", "127.5", "--crop-fraction", "1"]
    outcome = run("predict", *said, pictures / "red.png")
    assert (outcome.exit_code, "--resolution" in outcome.stderr) == (3, True)
    said += ["--resolution", "12x16"]
    outcome = run("predict", *said, pictures / "red.png")
    assert (best_of(outcome), outcome.stderr) == ((0, "red", 0.9996), "")
    assert best_of(run("predict", *said, "--channels", "bgr", pictures / "red.png")) == (2, "blue", 0.9996)
    assert best_of(run("predict", *said, "--output-tensor", "raw", pictures / "red.png")) == (0, "red", 0.9996)
    kind = ["--output-tensor", "0", "--output-kind", "multilabel-logits"]
    assert best_of(run("predict", *said, *kind, pictures / "red.png")) == (0, "red", 0.9965)


def test_the_same_may_stand_in_a_file_beside_the_model(make_model: MakeModel, pictures: Path) -> None:
    net = Net((1, 3, 3, 3))
    path = make_model(net.finish(net.softmax(net.logits())))
    said = {
        "preprocessing": {"layout": "nhwc", "channels": "bgr", "mean": 127.5, "std": 127.5},
        "labels": ["r", "g", "b"],
    }
    path.with_suffix(".json").write_text(json.dumps(said))
    outcome = run("predict", "--model", path, pictures / "red.png")
    assert (best_of(outcome), outcome.stderr) == ((2, "b", 0.9996), "")


def test_the_notice_names_all_that_was_guessed(make_model: MakeModel, pictures: Path) -> None:
    net = Net()
    path = make_model(net.finish(net.softmax(net.logits())))
    path.with_name("labels.txt").write_text("red\ngreen\nblue\n")
    stderr = run("predict", "--model", path, pictures / "red.png").stderr
    assert (
        "does not say how its input is normalized; using (pixel - 127.5) / 127.5, a centre crop of 0.875, bicubic "
        "resizing and the labels of labels.txt. If that is wrong, give --mean and --std, --crop-fraction or --resize, "
        "--labels\n"
    ) in stderr
    stderr = run("predict", "--model", path, "--crop-fraction", "1", pictures / "red.png").stderr
    assert "centre crop" not in stderr


def test_pixels_as_they_are_are_warned_of_where_the_graph_does_not_normalize(
    make_model: MakeModel, pictures: Path
) -> None:
    raw = ["--mean", "0", "--std", "1", pictures / "red.png"]
    net = Net()
    plain = make_model(net.finish(net.softmax(net.logits())), name="plain")
    assert "it is fed pixels of 0-255 as they are" in run("predict", "--model", plain, *raw).stderr
    net = Net()
    scaled = net.elementwise(MUL, net.image, net.constant(1 / 255))
    path = make_model(net.finish(net.softmax(net.logits(scaled))), name="scaled")
    outcome = run("predict", "--model", path, *raw)
    assert (best_of(outcome), outcome.stderr) == ((0, None, 0.9719), "")
    assert best_of(run("predict", "--model", path, pictures / "red.png")) == (0, None, 0.9719)
