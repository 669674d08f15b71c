"""Where a model runs, and which model takes over on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobiclass import Classifier, DelegateError
from mobiclass.runtime.edgetpu import process as edgetpu_process
from mobiclass.runtime.session import sibling_path
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel
from tests.support.edge_tpus import Simulator
from tests.support.tiny_models import edgetpu_model

GREEN = np.full((20, 30, 3), (20, 200, 20), np.uint8)


@pytest.fixture
def _no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no libedgetpu be found."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder for pulled models."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("MOBICLASS_CACHE", str(folder))
    return folder


def compiled(make_model: MakeModel, **how: Any) -> Path:
    """Make a compiled model named birds_edgetpu."""
    return make_model(edgetpu_model(**how), name="birds_edgetpu")


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(("device", "ran_on"), [("auto", "edgetpu"), ("edgetpu:usb", "edgetpu:usb")])
def test_a_compiled_model_runs_on_the_edge_tpu(make_model: MakeModel, device: str, ran_on: str) -> None:
    classifier = Classifier.load(compiled(make_model), device=device)
    result = classifier.result("name", GREEN, top_k=1)
    classifier.close()
    assert (classifier.device, classifier.fallback) == (ran_on, None)
    assert (result.device, result.fallback, result.predictions[0].label) == (ran_on, None, "green")
    assert result.model is classifier.model


@pytest.mark.usefixtures("_no_library")
def test_without_an_edge_tpu_the_sibling_takes_over(make_model: MakeModel) -> None:
    path, sibling = compiled(make_model), make_model(name="birds")
    notices: list[str] = []
    classifier = Classifier.load(path, notify=notices.append)
    assert (classifier.model.path, classifier.device) == (sibling, "cpu")
    assert classifier.fallback == "the Edge TPU's library libedgetpu.so.1 is not installed"
    result = classifier.result("name", GREEN)
    assert (result.fallback, result.predictions[0].label) == (classifier.fallback, "green")
    assert notices == [
        f"using {sibling} on the CPU: {classifier.fallback}: install Debian's package libedgetpu1-std "
        "(https://coral.ai/software), or use --device cpu with a model for the CPU"
    ]
    # Rows of either model are this classifier's.
    assert {model.sha256 for model in classifier.models()} == {read_model(path).sha256, read_model(sibling).sha256}


@pytest.mark.usefixtures("_no_library")
@pytest.mark.parametrize("device", ["edgetpu", "edgetpu:usb"])
def test_an_edge_tpu_that_was_asked_for_by_name_has_no_fallback(make_model: MakeModel, device: str) -> None:
    make_model(name="birds")
    with pytest.raises(DelegateError, match="is not installed"):
        Classifier.load(compiled(make_model), device=device)


def test_a_system_without_the_means_is_told_so(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edgetpu_process, "_SUPPORTED", False)
    with pytest.raises(DelegateError, match="libedgetpu.*works on Linux and macOS only.*use --device cpu"):
        Classifier.load(compiled(make_model), device="edgetpu")


@pytest.mark.usefixtures("_no_library", "own_cache")
def test_without_edge_tpu_and_sibling_there_is_an_error(make_model: MakeModel) -> None:
    with pytest.raises(DelegateError, match=r"libedgetpu.*There is no fallback on the CPU: there is no birds\.tflite"):
        Classifier.load(compiled(make_model))
    with pytest.raises(DelegateError, match=r"There is no fallback.*the name swift\.tflite does not end in _edgetpu"):
        Classifier.load(make_model(edgetpu_model(), name="swift"))


@pytest.mark.usefixtures("_no_library")
def test_a_sibling_that_cannot_take_over_is_named(make_model: MakeModel, tmp_path: Path) -> None:
    path = compiled(make_model)
    make_model(edgetpu_model(), name="birds")
    with pytest.raises(DelegateError, match=r"birds\.tflite is compiled for the Edge TPU too"):
        Classifier.load(path)
    make_model(b"no model", name="birds")
    with pytest.raises(DelegateError, match=r"libedgetpu.*There is no fallback.*birds\.tflite: not a TFLite model"):
        Classifier.load(path)
    make_model(classes=4, labels=["a", "b", "c", "d"], name="birds")
    labels = tmp_path / "labels.txt"
    labels.write_text("rot\ngrün\nblau\n", encoding="utf-8")
    with pytest.raises(DelegateError, match=r"libedgetpu.*There is no fallback.*3 labels do not fit the 4 outputs"):
        Classifier.load(path, labels=labels)


def test_the_sibling_is_beside_it_or_pulled(make_model: MakeModel, own_cache: Path, tmp_path: Path) -> None:
    model = read_model(compiled(make_model))
    assert sibling_path(model) is None
    (tmp_path / "birds").write_bytes(b"")  # a file of that name in the current folder is no model
    pulled = own_cache / "birds.tflite"
    pulled.write_bytes(b"any")
    assert sibling_path(model) == pulled
    beside = make_model(name="birds")
    assert sibling_path(model) == beside


def test_a_file_in_the_current_folder_is_no_sibling(
    make_model: MakeModel, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "birds").write_bytes(b"")
    monkeypatch.chdir(tmp_path / "here")
    assert sibling_path(read_model(compiled(make_model))) is None


def test_the_built_in_model_is_a_sibling_too(make_model: MakeModel, own_cache: Path) -> None:
    found = sibling_path(read_model(make_model(edgetpu_model(), name="efficientnet_lite0_edgetpu")))
    assert found is not None and found.name == "efficientnet_lite0.tflite"


def test_a_model_for_the_cpu_is_refused_for_the_edge_tpu(colours: Path) -> None:
    with pytest.raises(DelegateError, match=r"not compiled for the Edge TPU.*libedgetpu.*`edgetpu_compiler colours\."):
        Classifier.load(colours, device="edgetpu")


def test_a_compiled_model_on_the_cpu_is_an_error_that_names_the_sibling(make_model: MakeModel, own_cache: Path) -> None:
    path = compiled(make_model)
    with pytest.raises(DelegateError, match=r"cannot run on the CPU: use the \.tflite that it was compiled from"):
        Classifier.load(path, device="cpu")
    sibling = make_model(name="birds")
    with pytest.raises(DelegateError, match=f"use {sibling}"):
        Classifier.load(path, device="cpu")


@pytest.mark.parametrize("sides", [(8, 8), (8, 6), (8, 40)])
def test_a_fallback_sees_what_it_would_see_alone(
    sides: tuple[int, int], make_model: MakeModel, simulator: Simulator, tmp_path: Path
) -> None:
    # It may be of another size, normalization and label list than the compiled model.
    side, siblings_side = sides
    path = compiled(make_model, side=side)
    sibling = make_model(
        name="birds", dtype="float32", height=siblings_side, width=siblings_side, labels=["rot", "grün", "blau"],
        mean=[0.0], std=[255.0], gain=1.0,
    )  # fmt: skip
    photo = tmp_path / "photo.jpg"
    noise = np.random.default_rng(7).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo)
    simulator.switch(gone=2)
    classifier = Classifier.load(path)
    assert classifier.device == "edgetpu"
    result = classifier.result("photo", photo)
    alone = Classifier.load(sibling).result("photo", photo)
    assert result.predictions == alone.predictions
    assert (result.device, result.model.name, classifier.device) == ("cpu", "birds", "cpu")
    assert result.fallback is not None and result.timing is not None


def test_each_worker_gets_a_fallback_of_its_own(make_model: MakeModel, simulator: Simulator) -> None:
    path = compiled(make_model)
    make_model(name="birds")
    notices: list[str] = []
    simulator.switch(gone=4)
    first = Classifier.load(path, num_threads=1, notify=notices.append)
    second = first.clone()
    assert first is not second
    assert [each.result("", GREEN).device for each in (first, second)] == ["edgetpu", "edgetpu"]
    assert [each.result("", GREEN).device for each in (first, second)] == ["cpu", "cpu"]
    assert first._session.interpreter is not second._session.interpreter
    assert [notice.startswith("using ") for notice in notices] == [False, True]
    assert len(simulator.pids()) == 2


def test_a_missing_image_is_no_failure_of_the_device(make_model: MakeModel, simulator: Simulator) -> None:
    classifier = Classifier.load(compiled(make_model))
    result = classifier.result("gone.jpg", "gone.jpg")
    classifier.close()
    assert result.error is not None and (result.device, result.fallback) == ("edgetpu", None)
    assert len(simulator.log("invoke")) == 1
