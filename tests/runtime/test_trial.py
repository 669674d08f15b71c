"""The trial in a child process: whatever becomes of the child, this process goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mobiclass.errors import ModelError
from mobiclass.runtime import trial
from mobiclass.runtime.backends import choose_runtime
from mobiclass.runtime.trial import require_loadable
from mobiclass.tflite.info import ModelInfo, read_model
from tests.conftest import MakeModel
from tests.support.tiny_models import edgetpu_model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MOBICLASS_CACHE", str(folder))
    return folder


@pytest.fixture
def model(make_model: MakeModel) -> ModelInfo:
    """Give a sound model."""
    return read_model(make_model())


def child(tmp_path: Path, script: str) -> str:
    """Make a program that takes Python's place and runs the shell `script`."""
    program = tmp_path / "child"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def markers(cache: Path) -> list[str]:
    """List the models that are remembered."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_a_sound_model_is_tried_once_and_remembered_by_its_hash(
    model: ModelInfo, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_loadable(model, choose_runtime())
    assert markers(cache) == [model.sha256]
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    require_loadable(model, choose_runtime())


def test_a_model_that_the_runtime_refuses_is_refused_with_its_reason(make_model: MakeModel, cache: Path) -> None:
    model = read_model(make_model(edgetpu_model(), name="compiled"))
    with pytest.raises(ModelError, match=r"compiled\.tflite: .*edgetpu-custom-op") as caught:
        require_loadable(model, choose_runtime())
    assert "\n" not in str(caught.value)
    assert markers(cache) == []


def test_a_child_that_dies_of_a_signal_condemns_the_model(
    model: ModelInfo, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", child(tmp_path, "kill -SEGV $$"))
    with pytest.raises(
        ModelError, match=r"crashed \(SIGSEGV\) when it loaded this model.* damaged: copy or download it again"
    ):
        require_loadable(model, choose_runtime())
    assert markers(cache) == []


def test_a_child_that_hangs_condemns_the_model(
    model: ModelInfo, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(sys, "executable", child(tmp_path, "exec sleep 60"))
    with pytest.raises(ModelError, match=r"did not finish within 0\.5 s when it loaded this model"):
        require_loadable(model, choose_runtime())
    assert markers(cache) == []


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "file"))
    require_loadable(model, choose_runtime())
    assert (tmp_path / "file").read_bytes() == b""


def test_the_child_runs_no_code_of_a_hostile_current_folder(
    model: ModelInfo, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("numpy", "json", "os", "struct", "mobiclass", "PIL", "tflite_runtime", "ai_edge_litert", "encodings"):
        (hostile / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(0)\n")
    runtime = choose_runtime()
    monkeypatch.chdir(hostile)
    # `python -c` and an interactive Python have the current folder first.
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    require_loadable(model, runtime)
    assert not (tmp_path / "ran").exists()
    assert markers(cache) == [model.sha256]


@pytest.mark.skipif(choose_runtime().name != "tflite", reason="NOT TESTED: LiteRT does not crash on damaged models")
def test_a_model_that_crashes_tflite_runtime_is_a_model_error(make_model: MakeModel, cache: Path) -> None:
    from tests.runtime.test_damaged_models import CRASHES_TFLITE_RUNTIME, damaged_model

    for seed in CRASHES_TFLITE_RUNTIME:
        model = read_model(make_model(damaged_model(seed)))
        with pytest.raises(ModelError, match="tflite-runtime crashed .* when it loaded this model"):
            require_loadable(model, choose_runtime())
