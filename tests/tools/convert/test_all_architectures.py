"""Every architecture becomes an int8 model that both runtimes and MediaPipe take.

One of each family; with MOBICLASS_ALL_ARCHITECTURES=1 every published alpha and resolution (`make
test-all-architectures`). MOBICLASS_TFLITE_PYTHON names a Python that has tflite-runtime, which needs an older NumPy.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from mobiclass import Classifier
from mobiclass.tflite.info import read_model
from tests.support.keras_models import require_keras, write_labels
from tools.convert.command import main
from tools.keras_models.architectures import ARCHITECTURES, build_keras

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

_ROOT = Path(__file__).resolve().parents[3]
_OF_EACH_FAMILY = [
    ("mobilenet_v1", 0.25, 96, False, "uint8"),
    ("mobilenet_v2", 0.35, 96, False, "float32"),
    ("mobilenet_v3_small", 0.75, 96, False, "uint8"),
    ("mobilenet_v3_large", 1.0, 64, True, "int8"),
]
_ALL = [
    (name, entry.alpha, entry.resolution, entry.minimalistic, io)
    for name, architecture in ARCHITECTURES.items()
    for entry in architecture.published
    for io in ("uint8", "float32")
]
CASES = _ALL if os.environ.get("MOBICLASS_ALL_ARCHITECTURES") else _OF_EACH_FAMILY


@pytest.fixture
def converted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Convert one architecture with random weights, by way of a file as users have it."""
    keras = require_keras()
    from tools.quantization.tflite_converter import float_operators

    name, alpha, resolution, minimalistic, io = request.param
    keras.utils.set_random_seed(0)
    source, output = tmp_path / "model.keras", tmp_path / "model.tflite"
    build_keras(name, alpha=alpha, resolution=resolution, minimalistic=minimalistic, classes=7).save(source)
    keras.backend.clear_session()
    labels = write_labels(tmp_path / "labels.txt", 7)
    arguments = ["--keras", str(source), "--labels", str(labels), "--io", io, "--samples", "20", "-o", str(output)]
    # Random weights give noise, on which there is nothing to be corrected.
    result = CliRunner().invoke(main, [*arguments, "--no-bias-correction"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert f"{name} alpha {alpha:g}" in result.stderr
    assert float_operators(output.read_bytes()) == []
    return output, io


@pytest.mark.parametrize("converted", CASES, indirect=True, ids=lambda case: "-".join(map(str, case)))
def test_it_runs_everywhere(converted: tuple[Path, str], skimage_photos: Any) -> None:
    path, io = converted
    info = read_model(path)
    assert (info.input.dtype, info.output.dtype, info.classes) == (io, io, 7)
    assert info.labels == tuple(f"class {number}" for number in range(7))
    assert info.output_kind == "probabilities"
    photo = skimage_photos[3]
    litert = [p.score for p in Classifier.load(str(path), runtime="litert").classify(photo, top_k=7)]
    assert np.sum(litert) == pytest.approx(1, abs=0.05)
    _check_mediapipe(path, io, photo)
    _check_tflite_runtime(path, photo)


def _check_mediapipe(path: Path, io: str, photo: Path) -> None:
    mediapipe = pytest.importorskip("mediapipe", reason="NOT TESTED with MediaPipe: mediapipe is not installed")
    if io == "int8":
        return  # which MediaPipe does not take
    vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions
    options = vision.ImageClassifierOptions(base_options=base(model_asset_path=str(path)), max_results=1)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        result = classifier.classify(mediapipe.Image.create_from_file(str(photo)))
    assert result.classifications[0].categories[0].category_name.startswith("class ")


def _check_tflite_runtime(path: Path, photo: Path) -> None:
    python = os.environ.get("MOBICLASS_TFLITE_PYTHON")
    if python is None:
        return
    command = [python, "-m", "mobiclass", "predict", "--runtime", "tflite", "--model", str(path), str(photo)]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    assert '"label": "class ' in run.stdout
