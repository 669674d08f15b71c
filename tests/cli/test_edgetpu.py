"""The whole program on an Edge TPU: a simulated one, or with MOBICLASS_TEST_EDGETPU=1 the one that is connected."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mobiclass.tflite.info import read_model
from tests.support.batch_runs import (
    DECODE_SLOWLY,
    colour_of,
    descendants,
    lines_in,
    make_photos,
    patched,
    paths_of,
    read_rows,
    running,
    wait_until,
)
from tests.support.edge_tpus import EdgeTpu, Simulator, is_alive, simulated_edge_tpu
from tests.support.program import COMMAND, Outcome, run, run_and_list_modules
from tests.support.tiny_models import edgetpu_model

OUT = Path("o.jsonl")
PHOTOS = 200


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def simulated(tmp_path: Path, simulator: Simulator) -> EdgeTpu:
    """Give a simulated Edge TPU: for what cannot be done to a real one."""
    return simulated_edge_tpu(tmp_path, simulator)


def simulator_of(edge_tpu: EdgeTpu) -> Simulator:
    """Give the simulator of a simulated Edge TPU."""
    assert edge_tpu.simulator is not None
    return edge_tpu.simulator


def batch(edge_tpu: EdgeTpu, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
    """Classify the folder photos."""
    return run("batch", "photos", "-o", OUT, "-m", edge_tpu.model, *arguments, env=env)


def check_rows(rows: list[dict[str, Any]], edge_tpu: EdgeTpu) -> Counter[str]:
    """Require a right row for every photo, made by the model that it names; count them by device."""
    assert paths_of(rows) == [f"photos/p{number:05}.jpg" for number in range(len(rows))]
    models = {"edgetpu": read_model(edge_tpu.model), "cpu": read_model(edge_tpu.sibling)}
    sha256 = {device: model.sha256 for device, model in models.items()}
    for number, row in enumerate(rows):
        best, device = row["predictions"][0], row["device"]
        assert row["error"] is None
        assert best["label"] == colour_of(number)
        # The simulated Edge TPU gives the share of a colour, the model on the CPU a softmax: both are known.
        assert best["score"] < 0.9 if device == "edgetpu" else best["score"] > 0.9
        assert (row["model"], row["model_sha256"]) == (models[device].name, sha256[device])
        assert (device == "cpu") == ("libedgetpu" in row.get("fallback", ""))
    return Counter(row["device"] for row in rows)


# What also works on a real Edge TPU.


@pytest.mark.parametrize("device", ["auto", "edgetpu"])
def test_photos_are_named_on_the_edge_tpu(device: str, edge_tpu: EdgeTpu, pictures: Path) -> None:
    paths = sorted(pictures.glob("*.png"))
    done = run("predict", "-m", edge_tpu.model, "--device", device, "-k", "1", *paths)
    on_cpu = run("predict", "-m", edge_tpu.sibling, "--device", "cpu", "-k", "1", *paths)
    assert (done.exit_code, done.stderr) == (0, "")
    rows, rows_on_cpu = ([json.loads(line) for line in one.stdout.splitlines()] for one in (done, on_cpu))
    assert [row["device"] for row in rows] == ["edgetpu"] * 3
    assert not any("fallback" in row for row in rows)
    if edge_tpu.simulator:  # a quantized model may waver on plain colours
        assert [row["predictions"][0]["index"] for row in rows] == [
            row["predictions"][0]["index"] for row in rows_on_cpu
        ]


def test_real_photos_get_the_labels_that_they_get_on_the_cpu(edge_tpu: EdgeTpu, photos: dict[str, Path]) -> None:
    if edge_tpu.simulator:
        pytest.skip(
            "NOT TESTED: a simulated Edge TPU knows colours, no photos (MOBICLASS_TEST_EDGETPU=1 uses a real one)"
        )
    done = run("predict", "-m", edge_tpu.model, "--device", "edgetpu", "-k", "5", *photos.values())
    on_cpu = run("predict", "-m", edge_tpu.sibling, "--device", "cpu", "-k", "1", *photos.values())
    for row, row_on_cpu in zip(done.stdout.splitlines(), on_cpu.stdout.splitlines(), strict=True):
        best = json.loads(row_on_cpu)["predictions"][0]["label"]
        assert best in [prediction["label"] for prediction in json.loads(row)["predictions"]]


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_folder_is_classified_on_the_edge_tpu(jobs: str, edge_tpu: EdgeTpu, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", PHOTOS)
    done = batch(edge_tpu, "--device", "edgetpu", "--jobs", jobs, "--timing")
    assert done.exit_code == 0, done.stderr
    rows = read_rows(OUT)
    assert Counter(row["device"] for row in rows) == {"edgetpu": PHOTOS}
    assert all(row["timing_ms"]["invoke"] > 0 for row in rows)
    if edge_tpu.simulator:
        check_rows(rows, edge_tpu)


def test_the_device_is_free_when_the_program_has_ended(edge_tpu: EdgeTpu, pictures: Path) -> None:
    for _ in range(3):
        done = run("predict", "-m", edge_tpu.model, "--device", "edgetpu", pictures / "red.png")
        assert done.exit_code == 0, done.stderr
    if edge_tpu.simulator:
        assert not any(map(is_alive, edge_tpu.simulator.pids()))
        assert edge_tpu.simulator.log("destroy") == ["destroy"] * 3


def test_a_child_that_is_killed_in_the_middle_costs_nothing(edge_tpu: EdgeTpu, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 60)
    arguments = ("batch", "photos", "-o", OUT, "-m", edge_tpu.model, "--device", "edgetpu")
    with running(*arguments, command=patched(DECODE_SLOWLY), env={"DECODE_SECONDS": "0.02"}) as process:
        wait_until(lambda: lines_in(OUT) > 3, "some rows")
        (child,) = descendants(process.pid)
        os.kill(child, signal.SIGKILL)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert b"SIGKILL); trying again in a new process" in stderr
    assert Counter(row["device"] for row in read_rows(OUT)) == {"edgetpu": 60}


# What a real one cannot be made to do.


@pytest.mark.parametrize("device", ["edgetpu:usb:1", "edgetpu:pci", "edgetpu:2"])
def test_the_library_is_asked_for_the_device(device: str, simulated: EdgeTpu, pictures: Path) -> None:
    done = run("predict", "-m", simulated.model, "--device", device, pictures / "red.png")
    assert json.loads(done.stdout)["device"] == device
    option = {"edgetpu:usb:1": "usb:1", "edgetpu:pci": "pci", "edgetpu:2": ":2"}[device]
    assert simulator_of(simulated).log("create") == [f"create device={option}"]


FAILURES = {
    "no device": ({"no_device": 1}, "finds no usable Edge TPU for --device edgetpu: "),
    "too old": ({"old_runtime": 1}, "is too old for"),
    "crash at load": ({"crash": "load"}, "failed while it was loaded: its process crashed (SIGSEGV)"),
    "ABI mismatch": ({"crash": "prepare"}, "it was probably built for another TFLite"),
    "crash at create": ({"crash": "create"}, "failed while it opened the device: its process crashed (SIGSEGV)"),
    "abort": ({"abort": "create"}, "(SIGABRT); F simulated_driver.cc:1] transfer on tag 1 failed"),
    "crash at the first invoke": (
        {"crash": 1},
        "failed while it ran the model for the first time: its process crashed",
    ),
    "hang at load": ({"hang": "load"}, "did not answer for 0.7 s while it was loaded"),
    "hang at create": ({"hang": "create"}, "did not answer for 0.7 s while it opened the device"),
    "hang at prepare": ({"hang": "prepare"}, "did not answer for 0.7 s while it prepared the model"),
    "failing at the first invoke": ({"fail": 1}, "cannot run"),
    "gone after the first image": ({"gone": 3}, "finds no usable Edge TPU"),
}


def check_failure(done: Outcome, message: str, *, rows: int = 0) -> None:
    """Require exit code 3, and one error that has `message`, the library and a next step, and no noise."""
    assert done.exit_code == 3
    assert done.stdout.count("\n") == rows
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("mobiclass: error: ")
    assert message in lines[-1] and "libedgetpu" in lines[-1] and ": " in lines[-1]
    assert [line for line in lines[:-1] if "; trying again in a new process" not in line] == []
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_has_its_own_message(name: str, simulated: EdgeTpu, pictures: Path) -> None:
    switches, message = FAILURES[name]
    simulator_of(simulated).switch(**switches)
    arguments = (
        "predict",
        "-m",
        simulated.model,
        "--device-timeout",
        "0.7",
        pictures / "red.png",
        pictures / "red.png",
    )
    check_failure(run(*arguments, "--device", "edgetpu"), message, rows=int("gone" in name))
    assert not any(map(is_alive, simulator_of(simulated).pids()))
    simulator_of(simulated).switch(**switches)
    done = run(*arguments)
    assert done.exit_code == 0
    assert message in done.stderr and f"using {simulated.sibling} on the CPU: " in done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    assert (row["device"], row["model"], row["predictions"][0]["label"]) == ("cpu", "colours", "red")
    assert message.split(": it")[0].rstrip(": ") in row["fallback"] or name == "ABI mismatch"
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("content", [None, b"\x7fELF\2\1\1 and nothing more", b""], ids=["missing", "damaged", "empty"])
@pytest.mark.parametrize("device", ["auto", "edgetpu"])
def test_a_library_that_is_missing_or_damaged(
    content: bytes | None, device: str, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real loader: no simulator takes part.
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    if content is not None:
        (tmp_path / "libedgetpu.so.1").write_bytes(content)
    model = tmp_path / "swift_edgetpu.tflite"
    model.write_bytes(edgetpu_model())
    done = run("predict", "-m", model, "--device", device, pictures / "red.png")
    check_failure(
        done, "is not installed: install Debian's package libedgetpu1-std" if content is None else "cannot be loaded"
    )
    assert ("there is no swift.tflite" in done.stderr) == (device == "auto")


def test_another_library_under_its_name(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import _ctypes

    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    (tmp_path / "libedgetpu.so.1").symlink_to(Path(_ctypes.__file__))
    model = tmp_path / "swift_edgetpu.tflite"
    model.write_bytes(edgetpu_model())
    done = run("predict", "-m", model, "--device", "edgetpu", pictures / "red.png")
    check_failure(done, "is not libedgetpu, or is older than 2019")


def test_a_model_that_is_not_compiled(colours: Path, pictures: Path) -> None:
    done = run("predict", "-m", colours, "--device", "edgetpu", pictures / "red.png")
    check_failure(done, "compile it with `edgetpu_compiler colours.tflite`")


BREAKS = {
    "fails once": ({"fail": 90}, False),
    "hangs once": ({"hang": 90}, False),
    "crashes once": ({"crash": 90}, False),
    "hangs for ever": ({"hang_from": 90}, True),
    "disappears": ({"gone": 90}, True),
}


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize("name", BREAKS)
def test_a_batch_outlives_its_device(name: str, jobs: str, simulated: EdgeTpu, tmp_path: Path) -> None:
    switches, for_ever = BREAKS[name]
    simulator_of(simulated).switch(**switches)
    make_photos(tmp_path / "photos", PHOTOS)
    done = batch(simulated, "--device-timeout", "0.7", "--jobs", jobs)
    assert done.exit_code == 0, done.stderr
    rows = read_rows(OUT)
    counts = check_rows(rows, simulated)
    assert len(rows) == PHOTOS
    assert done.stderr.count("; trying again in a new process") == 1
    assert done.stderr.count(f"using {simulated.sibling} on the CPU: ") == int(for_ever)
    if not for_ever:
        assert counts == {"edgetpu": PHOTOS}
        return
    assert "\n  112 on the CPU as fallback for the Edge TPU\n" in done.stderr
    assert counts["edgetpu"] == 88  # the first invoke is the warm-up, the 90th failed
    if jobs == "1":
        assert [row["device"] for row in rows] == ["edgetpu"] * 88 + ["cpu"] * 112
    # Neither lost nor done again, whether or not the device has come back.
    for later in (switches, {}):
        simulator_of(simulated).switch(**later)
        again = batch(simulated, "--resume", "--device-timeout", "0.7")
        assert "200 reused from an earlier run" in again.stderr
        assert read_rows(OUT) == rows
    # Who insists on the device gets all rows from it.
    done = batch(simulated, "--resume", "--device", "edgetpu")
    assert "88 reused from an earlier run" in done.stderr
    assert check_rows(read_rows(OUT), simulated) == {"edgetpu": PHOTOS}


@pytest.mark.parametrize("name", ["hangs for ever", "disappears"])
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_batch_that_insists_on_the_device_stops_and_goes_on(
    name: str, jobs: str, simulated: EdgeTpu, tmp_path: Path
) -> None:
    simulator_of(simulated).switch(**BREAKS[name][0])
    make_photos(tmp_path / "photos", PHOTOS)
    done = batch(simulated, "--device", "edgetpu", "--device-timeout", "0.7", "--jobs", jobs)
    assert done.exit_code == 3
    kept = read_rows(OUT)
    assert check_rows(kept, simulated) == {"edgetpu": len(kept)}
    # One worker stops at the 90th invoke, the first of which was the warm-up. Three have 24 photos under way, of which
    # any may be the one that meets it; the rows before that photo's are kept.
    assert len(kept) == 88 if jobs == "1" else 88 - 24 <= len(kept) <= 88
    lines = done.stderr.splitlines()
    assert "; trying again in a new process" in lines[0]
    assert lines[1] == "the device failed; once it works, to resume:"
    assert lines[2].startswith("  mobiclass batch --resume photos ")
    assert lines[3].startswith("mobiclass: error: libedgetpu.so.1 ")
    assert len(lines) == 4
    simulator_of(simulated).switch()
    # As it was printed.
    script = f'mobiclass() {{ "$0" "$@"; }}\n{lines[2]}'.replace('"$0"', '"$PYTHON" -c "$PROGRAM"')
    again = run("-c", script, command=("sh",), env={"PYTHON": COMMAND[0], "PROGRAM": COMMAND[2]})
    assert again.exit_code == 0, again.stderr
    assert f"{len(kept)} reused from an earlier run" in again.stderr
    assert check_rows(read_rows(OUT), simulated) == {"edgetpu": PHOTOS}


def test_a_run_that_began_on_the_cpu_goes_on_on_the_device(simulated: EdgeTpu, tmp_path: Path) -> None:
    simulator_of(simulated).switch(no_device=1)
    make_photos(tmp_path / "photos", 10)
    assert batch(simulated).exit_code == 0
    make_photos(tmp_path / "photos", 15)
    for path in sorted((tmp_path / "photos").iterdir())[:10]:
        os.utime(path, ns=(0, 0))
    simulator_of(simulated).switch()
    done = batch(simulated, "--resume")
    assert check_rows(read_rows(OUT), simulated) == {"edgetpu": 15}, done.stderr


def test_quietly_it_falls_back_without_a_word(simulated: EdgeTpu, tmp_path: Path) -> None:
    simulator_of(simulated).switch(gone=5)
    make_photos(tmp_path / "photos", 10)
    done = batch(simulated, "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    assert check_rows(read_rows(OUT), simulated) == {"edgetpu": 3, "cpu": 7}


def test_its_chatter_is_heard_with_v_alone(simulated: EdgeTpu, pictures: Path) -> None:
    simulator_of(simulated).switch(chatter=1)
    arguments = ("predict", "-m", simulated.model, pictures / "red.png")
    done = run(*arguments)
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)
    done = run(*arguments, "-v")
    assert done.stdout.count("\n") == 1
    assert "W simulated chatter on stdout" in done.stderr and "W simulated chatter on stderr" in done.stderr
    assert "on edgetpu" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_on_the_device_what_is_under_way(number: int, simulated: EdgeTpu, tmp_path: Path) -> None:
    simulator_of(simulated).switch(slow_ms=30)
    make_photos(tmp_path / "photos", PHOTOS)
    arguments = ("batch", "photos", "-o", OUT, "-m", simulated.model, "--jobs", "2")
    with running(*arguments, command=("setsid", *COMMAND)) as process:
        wait_until(lambda: lines_in(OUT) > 3, "some rows")
        os.killpg(process.pid, number)  # as a terminal does
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 128 + number
    assert "trying again" not in stderr.decode()
    rows = read_rows(OUT)
    assert check_rows(rows, simulated) == {"edgetpu": len(rows)}
    assert 3 < len(rows) < PHOTOS
    assert not any(map(is_alive, simulator_of(simulated).pids()))


def test_a_second_ctrl_c_ends_it_while_the_device_hangs(simulated: EdgeTpu, tmp_path: Path) -> None:
    simulator_of(simulated).switch(hang_from=4)
    make_photos(tmp_path / "photos", 10)
    with running("batch", "photos", "-o", OUT, "-m", simulated.model, "--device-timeout", "1000") as process:
        wait_until(lambda: len(simulator_of(simulated).log("invoke")) == 4, "a hang")
        process.send_signal(signal.SIGINT)
        with pytest.raises(TimeoutError):
            _wait(process, 1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    (child,) = simulator_of(simulated).pids()
    wait_until(lambda: not is_alive(child), "the child's end")


def _wait(process: Any, seconds: float) -> None:
    import subprocess

    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error


def test_a_killed_run_leaves_its_output_and_its_pipes_free(simulated: EdgeTpu, tmp_path: Path) -> None:
    simulator_of(simulated).switch(hang_from=6)
    make_photos(tmp_path / "photos", 10)
    with running("batch", "photos", "-o", OUT, "-m", simulated.model, "--device-timeout", "1000") as process:
        wait_until(lambda: len(simulator_of(simulated).log("invoke")) == 6, "a hang")
        process.kill()
        process.communicate(timeout=60)  # ends when nobody holds the pipes any more
    simulator_of(simulated).switch()
    done = batch(simulated, "--resume")
    assert done.exit_code == 0, done.stderr
    assert check_rows(read_rows(OUT), simulated) == {"edgetpu": 10}


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_is_a_time(value: str, pictures: Path) -> None:
    done = run("predict", "--device-timeout", value, pictures / "red.png")
    assert done.exit_code == 2
    assert "--device-timeout" in done.stderr


@pytest.mark.parametrize("device", [[], ["--device", "auto"], ["--device", "cpu"]])
def test_a_model_for_the_cpu_pays_nothing_for_edge_tpus(
    device: list[str], simulated: EdgeTpu, pictures: Path, tmp_path: Path
) -> None:
    arguments = ("predict", "-m", simulated.sibling, *device, pictures / "red.png")
    done, modules = run_and_list_modules(*arguments, folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "mobiclass.runtime.session" in modules
    assert not [name for name in modules if "edgetpu" in name]
    assert simulator_of(simulated).log() == []
