"""Fine-tuning as a command: what it learns and writes, what it refuses, and how it goes on after an interruption."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.support.keras_models import require_tensorflow
from tests.support.textures import CLASSES, write_textures
from tools.errors import GateRefusalError

pytest.importorskip("ai_edge_litert", reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is not installed")

SMALL = ("--arch", "mobilenet_v1", "--alpha", "0.25", "--resolution", "32", "--weights", "none", "--batch-size", "16")


@pytest.fixture(scope="module", autouse=True)
def _tensorflow() -> None:
    require_tensorflow()


@pytest.fixture(scope="module")
def few(tmp_path_factory: Any) -> Path:
    """Give three classes of twelve pictures: enough to run, not to learn."""
    return write_textures(tmp_path_factory.mktemp("few"), photos=12, side=32)


def finetune(*arguments: object) -> Result:
    from tools.finetune.command import main

    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def learned(tmp_path_factory: Any) -> tuple[Path, Result]:
    """Train on textures from nothing, and convert; gives the folder and what the command said."""
    folder = tmp_path_factory.mktemp("learned")
    photos = write_textures(folder / "photos", photos=100, side=48)
    result = finetune(
        photos, *SMALL, "--epochs", 40, "--patience", 40, "-o", folder / "m.keras", "--convert", folder / "m.tflite"
    )
    return folder, result


def test_textures_are_learned_and_the_int8_model_agrees(learned: tuple[Path, Result]) -> None:
    folder, result = learned
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    metrics = json.loads((folder / "m.metrics.json").read_text())
    assert metrics["validation_accuracy"] >= 0.95
    with_metadata = json.loads(_zip_member(folder / "m.tflite", "mobiclass.json"))
    assert with_metadata["preprocessing"]["mean"] == [127.5] * 3
    assert _agreement(folder) >= 0.97


def test_what_is_written_fits_together(learned: tuple[Path, Result]) -> None:
    folder, _ = learned
    names = {path.name for path in folder.iterdir()}
    assert names == {"photos", "m.keras", "m.tflite", "labels.txt", "m.metrics.json", "m.training.png"}
    assert (folder / "labels.txt").read_text() == "".join(f"{name}\n" for name in CLASSES)
    metrics = json.loads((folder / "m.metrics.json").read_text())
    assert [entry["name"] for entry in metrics["classes"]] == list(CLASSES)
    assert sum(map(sum, metrics["confusion"])) == metrics["photos"]["validation"]
    best = metrics["epochs"][metrics["best_epoch"] - 1]
    assert best["validation_loss"] == min(entry["validation_loss"] for entry in metrics["epochs"])
    assert metrics["validation_accuracy"] == pytest.approx(best["validation_accuracy"])
    with Image.open(folder / "m.training.png") as plot:
        assert (plot.format, len(plot.getcolors(1 << 20) or []) > 10) == ("PNG", True)


def test_the_network_on_the_disk_is_the_best_one(learned: tuple[Path, Result]) -> None:
    import keras

    from tools.finetune.batches import Photos
    from tools.finetune.dataset import find_photos
    from tools.finetune.network import NetworkSettings
    from tools.finetune.training import validate

    folder, _ = learned
    metrics = json.loads((folder / "m.metrics.json").read_text())
    model = keras.saving.load_model(folder / "m.keras")
    preprocessor = NetworkSettings("mobilenet_v1", 0.25, 32, weights="none").preprocessor()
    photos = Photos(find_photos(folder / "photos").validation, preprocessor, batch_size=32)
    result = validate(model, photos, 3)
    assert result.accuracy == metrics["validation_accuracy"]
    assert result.confusion.tolist() == metrics["confusion"]
    assert all(layer.trainable for layer in model.layers)


def _zip_member(path: Path, name: str) -> bytes:
    import zipfile

    return zipfile.ZipFile(path).read(name)


def _agreement(folder: Path) -> float:
    """Compare the converted model, run as users run it, with the Keras network on the validation photos."""
    import keras

    from mobiclass import Classifier
    from tools.finetune.batches import Photos
    from tools.finetune.dataset import find_photos
    from tools.finetune.network import NetworkSettings

    photos = find_photos(folder / "photos").validation
    preprocessor = NetworkSettings("mobilenet_v1", 0.25, 32, weights="none").preprocessor()
    model = keras.saving.load_model(folder / "m.keras")
    batches = Photos(photos, preprocessor, batch_size=32).validation_batches()
    wanted = np.concatenate([model.predict_on_batch(batch.inputs).argmax(axis=1) for batch in batches])
    classifier = Classifier.load(str(folder / "m.tflite"))
    found = [classifier.classify(str(photo.path), top_k=1)[0].label for photo in photos]
    return float(np.mean([CLASSES[index] == label for index, label in zip(wanted, found, strict=True)]))


def test_an_interrupted_run_goes_on_to_the_same_end(few: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from tools.finetune.command import _Progress

    whole, broken = tmp_path / "whole" / "m.keras", tmp_path / "broken" / "m.keras"
    for path in (whole, broken):
        path.parent.mkdir()
    arguments = (few, *SMALL, "--epochs", 4)
    uninterrupted = finetune(*arguments, "-o", whole)
    assert uninterrupted.exit_code == 0
    assert "epoch 4 of 4: 100%" in uninterrupted.stderr

    def interrupt(self: Any, epoch: int, batches: int, figures: dict[str, float]) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_Progress, "show", interrupt)
        result = finetune(*arguments, "-o", broken)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert [path.name for path in broken.parent.iterdir()] == [".m.checkpoint"]

    assert finetune(*arguments, "-o", broken).exit_code == 3  # not by accident
    other = finetune(few, *SMALL, "--epochs", 5, "-o", broken, "--resume")
    assert other.exit_code == 3
    assert "another run, with epochs 4 and not 5" in other.stderr
    assert finetune(*arguments, "-o", broken, "--resume").exit_code == 0
    epochs, again = (json.loads(path.with_name("m.metrics.json").read_text())["epochs"] for path in (whole, broken))
    assert [entry["epoch"] for entry in again] == [1, 2, 3, 4]
    for one, other_epoch in zip(epochs, again, strict=True):
        assert one["validation_loss"] == pytest.approx(other_epoch["validation_loss"], rel=1e-3)
    assert not (broken.parent / ".m.checkpoint").exists()


def test_pretrained_weights_train_the_head_first(few: Path, tmp_path: Path) -> None:
    from tools.finetune.network import NetworkSettings, build_network

    source = tmp_path / "source.keras"
    build_network(NetworkSettings("mobilenet_v1", 0.25, 32, weights="none"), 7).save(source)
    result = finetune(few, *SMALL, "--weights", source, "--epochs", 3, "-o", tmp_path / "m.keras")
    assert result.exit_code == 0, result.stderr
    epochs = json.loads((tmp_path / "m.metrics.json").read_text())["epochs"]
    assert [entry["stage"] for entry in epochs] == ["head", "head", "top"]
    assert epochs[2]["learning_rate"] == pytest.approx(epochs[0]["learning_rate"] / 10)


def test_no_progress_ends_the_run_early(few: Path, tmp_path: Path) -> None:
    result = finetune(few, *SMALL, "--learning-rate", 1e-9, "--epochs", 30, "--patience", 1, "-o", tmp_path / "m.keras")
    assert result.exit_code == 0, result.stderr
    assert len(json.loads((tmp_path / "m.metrics.json").read_text())["epochs"]) < 30


def test_a_refusal_of_the_gate_keeps_the_network(few: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise GateRefusalError("not good enough")

    monkeypatch.setattr("tools.finetune.command._convert", refuse)
    arguments = ("--epochs", 1, "-o", tmp_path / "m.keras", "--convert", tmp_path / "m.tflite")
    result = finetune(few, *SMALL, *arguments)
    assert result.exit_code == 5
    assert result.stderr.splitlines()[-1] == "Error: not good enough"
    assert (tmp_path / "m.keras").is_file()
    assert not (tmp_path / "m.tflite").exists()


def test_bad_photos_are_refused_before_anything_is_written(few: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tools.finetune.run.build_network", lambda *_: pytest.fail("was started"))
    photos = tmp_path / "photos"
    shutil.copytree(few, photos)
    (photos / "discs" / "000.png").write_bytes(b"no image")
    result = finetune(photos, *SMALL, "-o", tmp_path / "m.keras")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "000.png" in result.stderr
    one_class = finetune(tmp_path, *SMALL, "-o", tmp_path / "m.keras")
    assert one_class.exit_code == 3
    assert "two or more classes" in one_class.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-o", "m.h5"), 3, "must end in .keras"),
        (("-o", "nowhere/m.keras"), 3, "does not exist; create it first"),
        (("-o", "m.keras", "--convert", "nowhere/m.tflite"), 3, "does not exist; create it first"),
        (("-o", "m.keras", "--weights", "missing.keras"), 3, "missing.keras"),
        (("-o", "m.keras", "--resolution", "8"), 2, "32"),
        (("-o", "m.keras", "--arch", "resnet"), 2, "mobilenet_v1"),
        ((), 2, "-o"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    few: Path, tmp_path: Path, monkeypatch: Any, arguments: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = finetune(few, *SMALL, *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_not_replaced_unasked(few: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.keras"
    model.write_bytes(b"old")
    result = finetune(few, *SMALL, "-o", model)
    assert result.exit_code == 3
    assert "--overwrite" in result.stderr
    assert model.read_bytes() == b"old"
    assert finetune(few, *SMALL, "--epochs", 1, "-o", model, "--overwrite").exit_code == 0
    assert model.read_bytes() != b"old"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 1, "run": {}}'])
def test_a_damaged_checkpoint_is_said_to_be_one(few: Path, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / ".m.checkpoint"
    folder.mkdir()
    (folder / "state.json").write_bytes(content)
    result = finetune(few, *SMALL, "-o", tmp_path / "m.keras", "--resume")
    assert result.exit_code == 3
    assert "the checkpoint is damaged" in result.stderr
