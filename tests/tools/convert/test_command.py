"""The command on real models: what it writes, that it writes the same twice, and that the gate refuses."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mobiclass.tflite.info import read_model
from tests.support.keras_models import require_keras, tiny_classifier, write_labels, write_photos
from tools.convert.command import main

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a model, its labels and 24 photos."""
    require_keras()
    folder = tmp_path_factory.mktemp("convert")
    tiny_classifier().save(folder / "tiny.keras")
    write_labels(folder / "labels.txt", 4)
    write_photos(folder / "photos" / "deep", 24)
    return folder


def run(folder: Path, output: Path, *arguments: str) -> Result:
    """Convert the tiny model, which only --mean and --std tell how it is normalized."""
    return CliRunner().invoke(
        main,
        ["--keras", str(folder / "tiny.keras"), "--mean", "127.5", "--std", "127.5", "-o", str(output)]
        + ["--calibration", str(folder / "photos"), *arguments],
    )


@pytest.fixture(scope="module")
def written(folder: Path) -> Path:
    output = folder / "first.tflite"
    result = run(folder, output, "--report", str(folder / "report.json"), "--license", "CC0-1.0", "--author", "A. U.")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "labels: labels.txt beside the model" in result.stderr
    assert "material disagreement" in result.stderr
    return output


def test_the_model_says_what_it_is(written: Path) -> None:
    info = read_model(written)
    assert (info.input.dtype, info.input.shape, info.classes) == ("uint8", (1, 32, 32, 3), 4)
    assert info.labels == ("class 0", "class 1", "class 2", "class 3")
    assert (info.author, info.license) == ("A. U.", "CC0-1.0")
    assert (info.preprocessing.mean, info.preprocessing.std) == ((127.5,) * 3, (127.5,) * 3)
    assert info.preprocessing.interpolation == "bicubic"


def test_it_says_where_it_comes_from(written: Path) -> None:
    with zipfile.ZipFile(written) as archive:
        config = json.loads(archive.read("mobiclass.json"))
    provenance = config["provenance"]
    assert config["source"] == provenance["source"] == "tiny.keras"
    assert provenance["versions"]["tensorflow"] == "2.21.0"
    assert len(provenance["calibration"]["sha256"]) == 64
    refinement = provenance["refinement"]
    assert set(refinement) == {"narrowed_ranges", "bias_correction_passes", "snr_db_stock", "snr_db"}
    assert refinement["snr_db"] >= refinement["snr_db_stock"]
    assert provenance["agreement"]["material_disagreement"] <= 0.03
    assert str(written.parent) not in json.dumps(config)


def test_the_report_has_every_layer(written: Path, folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["passed"] is True
    assert report["photos"] == 6
    assert {layer["operator"] for layer in report["layers"]} >= {"CONV_2D", "FULLY_CONNECTED"}
    assert report["logit_snr_db"] > 20


def test_the_same_again(written: Path, folder: Path) -> None:
    again = folder / "again.tflite"
    arguments = ("--name", "first", "--license", "CC0-1.0", "--author", "A. U.")
    assert run(folder, again, *arguments).exit_code == 0
    assert again.read_bytes() == written.read_bytes()


def test_the_gate_refuses_and_writes_nothing_but_the_report(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Calibrated on a single grey, the model cannot tell one photo from another."""
    grey = [np.full((1, 32, 32, 3), value, np.float32) for value in np.linspace(-0.01, 0.01, 20)]
    monkeypatch.setattr("tools.convert.conversion.calibration_crops", lambda *arguments: grey)
    output, report = tmp_path / "out.tflite", tmp_path / "report.html"
    output.write_bytes(b"old")
    result = run(folder, output, "--report", str(report), "--no-bias-correction")
    assert result.exit_code == 5, result.output
    assert "material disagreement of" in result.stderr
    assert "Layers with the largest loss:\n" in result.stderr
    assert "channels saturated" in result.stderr
    assert "What to try:" in result.stderr
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tflite", "report.html"]
    page = report.read_text(encoding="utf-8")
    assert "refused" in page and "<svg" in page and "http" not in page


def test_the_stock_recipe_can_be_had(written: Path, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "first.tflite"
    result = run(folder, output, "--no-narrow-ranges", "--no-bias-correction")
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(output) as archive:
        assert json.loads(archive.read("mobiclass.json"))["provenance"]["refinement"] is None


def test_native_chatter_stays_out_of_both_streams(folder: Path, tmp_path: Path) -> None:
    """The converter and the runtime write to descriptors 1 and 2 from C."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "tools.convert", "--keras", str(folder / "tiny.keras"), "--mean", "127.5"]
    command += ["--std", "127.5", "--calibration", str(folder / "photos"), "-o", str(tmp_path / "out.tflite")]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "top-1 agreement" in done.stderr
    assert not {"INFO:", "WARNING:", "fully_quantize:"} & set(done.stderr.split())


def test_a_lenient_gate_lets_it_pass(folder: Path, tmp_path: Path) -> None:
    assert run(folder, tmp_path / "out.tflite", "--max-disagreement", "1", "--no-bias-correction").exit_code == 0


def test_logits_get_a_softmax(tmp_path: Path, folder: Path) -> None:
    tiny_classifier(activation=None).save(tmp_path / "tiny.keras")
    write_labels(tmp_path / "labels.txt", 4)
    (tmp_path / "photos").symlink_to(folder / "photos")
    assert run(tmp_path, tmp_path / "out.tflite").exit_code == 0
    assert read_model(tmp_path / "out.tflite").output_kind == "probabilities"


def test_labelled_photos_say_how_it_is_normalized(folder: Path, tmp_path: Path) -> None:
    keras = require_keras()
    from PIL import Image

    model = keras.saving.load_model(folder / "tiny.keras")
    for number, photo in enumerate(sorted((folder / "photos").rglob("*.png"))):
        image = Image.open(photo)
        (tmp_path / "labelled").mkdir(exist_ok=True)
        box = image.resize((32, 32), Image.Resampling.BICUBIC, box=(13, 5, 83, 75))
        scores = model.predict((np.asarray(box, np.float32)[np.newaxis] - 127.5) / 127.5, verbose=0)
        target = tmp_path / "labelled" / f"class {int(scores.argmax())}"
        target.mkdir(exist_ok=True)
        image.save(target / f"{number}.png")
    result = run(folder, tmp_path / "out.tflite", "--evaluate", str(tmp_path / "labelled"))
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if "labelled photos with" in line]
    assert len(lines) == 5
    assert "[−1, 1]" in lines[0] or "127) / 128" in lines[0]
    assert "top-1 accuracy" in result.stderr


def test_edgetpu_without_the_compiler_prints_the_command(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    output = tmp_path / "out.tflite"
    result = run(folder, output, "--edgetpu")
    assert result.exit_code == 0
    assert f"edgetpu_compiler -s -o {tmp_path} {output}" in result.stderr


def test_imagenet_weights_from_the_cache_of_keras(tmp_path: Path) -> None:
    """A file that lies where Keras looks for it is taken; there is no network in tests."""
    import subprocess
    import sys

    require_keras()
    from tools.keras_models.architectures import build_keras

    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    build_keras("mobilenet_v1", alpha=0.25, resolution=128).save_weights(tmp_path / "random.weights.h5")
    model = build_keras("mobilenet_v1", alpha=0.25, resolution=128)
    _save_legacy_weights(model, models / "mobilenet_2_5_128_tf.h5")
    command = [
        sys.executable,
        "-m",
        "tools.convert",
        "--arch",
        "mobilenet_v1",
        "--alpha",
        "0.25",
        "--resolution",
        "128",
    ]
    command += ["--samples", "20", "--no-bias-correction", "-o", str(tmp_path / "out.tflite")]
    environment = {"PATH": "", "KERAS_HOME": str(tmp_path / "keras"), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    info = read_model(tmp_path / "out.tflite")
    assert info.labels is not None
    assert info.labels[0] == "tench"
    assert info.license == "Apache-2.0"


def _save_legacy_weights(model: Any, path: Path) -> None:
    """Write weights as Keras 2 did, which is how Keras publishes them."""
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


def test_without_a_network_the_file_and_its_place_are_named(tmp_path: Path, monkeypatch: Any) -> None:
    require_keras()

    def no_network(*arguments: Any, **options: Any) -> str:
        raise OSError("URL fetch failure")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    result = CliRunner().invoke(main, ["--arch", "mobilenet_v2", "--alpha", "0.5", "-o", str(tmp_path / "out.tflite")])
    assert result.exit_code == 3
    assert "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.5_224.h5" in result.stderr
    assert str(tmp_path / "keras" / "models") in result.stderr
    assert not (tmp_path / "out.tflite").exists()
