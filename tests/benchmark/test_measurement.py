"""Measuring a model in a process of its own: real runs, and relations between figures, never their size."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mobiclass._system import processes
from mobiclass._system.processes import python_command
from mobiclass.benchmark import worker as benchmark_child
from mobiclass.benchmark.measurement import Task, measure
from mobiclass.choices import RunOptions
from mobiclass.errors import DelegateError, ImageError, ModelError
from mobiclass.runtime.backends import choose_runtime
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel
from tests.support.made_images import encode, scene
from tests.support.tiny_models import append_zip, colour_model

FIELDS = {
    "model", "runtime", "device", "threads", "load_ms", "first_ms", "p50_ms", "p90_ms", "p99_ms", "images_per_second",
    "peak_rss_mb",
}  # fmt: skip
SHORT = Task(run=RunOptions(num_threads=1), seconds=0.05)


def test_a_model_is_measured(make_model: MakeModel) -> None:
    found = measure(SHORT._replace(model=str(make_model())))
    assert found.keys() >= FIELDS
    assert found["device"] == "cpu"
    assert found["threads"] == 1
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"]
    assert min(found["load_ms"], found["first_ms"], found["images_per_second"], found["peak_rss_mb"]) > 0
    assert found["runs"] >= 2
    assert set(found["timing_ms"]) == {"decode", "preprocess", "invoke", "postprocess"}
    assert isinstance(found["noise"], list)


def test_the_peak_of_memory_is_the_models_own(make_model: MakeModel, tmp_path: Path) -> None:
    held = bytearray(os.urandom(1 << 20) * 200)  # 200 MB here are none of the child's
    small = make_model()
    large = tmp_path / "large.tflite"
    large.write_bytes(append_zip(small.read_bytes(), {"ballast": bytes(100 << 20)}))
    one, other = (measure(SHORT._replace(model=str(path))) for path in (small, large))
    assert one["peak_rss_mb"] < len(held) / 1e6
    assert other["peak_rss_mb"] > one["peak_rss_mb"] + 90


def test_a_photo_of_ones_own_is_timed(make_model: MakeModel, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encode(scene(64, 48), "JPEG"))
    assert measure(SHORT._replace(model=str(make_model()), image=str(photo)))["timing_ms"]["decode"] > 0


def test_a_photo_that_cannot_be_read_is_an_error_about_the_photo(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"absent\.jpg: there is no such file"):
        measure(SHORT._replace(model=str(make_model()), image=str(tmp_path / "absent.jpg")))


def test_a_model_that_is_not_there_is_the_models_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.tflite: there is no such model file"):
        measure(SHORT._replace(model=str(tmp_path / "absent.tflite")))


def test_the_wrong_device_is_the_devices_error(make_model: MakeModel) -> None:
    with pytest.raises(DelegateError, match="edgetpu_compiler"):
        measure(SHORT._replace(model=str(make_model()), run=RunOptions("edgetpu")))


def test_a_simulated_edge_tpu_is_measured(edge_tpu: object) -> None:
    found = measure(SHORT._replace(model=str(edge_tpu.model), run=RunOptions("edgetpu")))  # type: ignore[attr-defined]
    assert found["device"] == "edgetpu"
    assert found["p50_ms"] > 0


@pytest.mark.parametrize(
    ("program", "ending"),
    [("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"crashed \(SIGSEGV\)"), ("", "exited with status 0")],
)
def test_a_process_that_dies_is_the_models_error(program: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "python_command", lambda *_, **__: [sys.executable, "-c", program])
    with pytest.raises(ModelError, match=f"the process that measured it {ending}"):
        measure(SHORT)


def test_a_bug_in_the_process_that_measures_is_a_bug_and_not_the_models_error(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    breakage = "import mobiclass.benchmark.latency as latency; latency.measure_latency = None"

    def broken(module: str, *arguments: str, lifeline: int | None) -> list[str]:
        *python, program = python_command(module, *arguments, lifeline=lifeline)
        return [*python, program.replace("; from mobiclass.benchmark", f"; {breakage}; from mobiclass.benchmark")]

    monkeypatch.setattr(processes, "python_command", broken)
    with pytest.raises(RuntimeError, match="Traceback[^$]*'NoneType' object is not callable"):
        measure(SHORT._replace(model=str(make_model())))


@pytest.mark.skipif(
    not choose_runtime().crashes_on_damage, reason="NOT TESTED: this runtime does not crash and needs no trial"
)
def test_the_trial_of_a_model_comes_before_the_clock(make_model: MakeModel, shared_cache: Path) -> None:
    model = make_model(colour_model(gain=3.25))
    benchmark_child._prepare(Task(str(model)))
    tried = {path.name for path in (shared_cache / "loaded").rglob("*")}
    assert read_model(model).sha256 in tried
