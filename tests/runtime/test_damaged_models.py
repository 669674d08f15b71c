"""Damaged models through the whole of mobiclass: an error of ours or a result, on either runtime."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from mobiclass import Classifier, MobiclassError
from mobiclass.hub.catalog import find_model
from mobiclass.runtime.backends import choose_runtime
from tests.support.bases import BASES
from tests.support.program import Outcome, run
from tests.support.tiny_models import COLOURS, append_zip, bare_model, colour_model, tflite_metadata

ON_TFLITE = choose_runtime().name == "tflite"
MODEL = colour_model()

# Found by trying: tflite-runtime 2.14 dies of SIGSEGV on these, while it constructs its interpreter.
CRASHES_TFLITE_RUNTIME = (31, 73, 113, 123)


def damaged_model(seed: int, content: bytes = MODEL) -> bytes:
    """Flip a few bits, the same for the same `seed`; every tenth model is cut short besides."""
    generator = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(generator.choice([1, 1, 2, 4])):
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
    return bytes(damaged[: generator.randrange(len(damaged))] if seed % 10 == 0 else damaged)


def check_outcome(outcome: Outcome) -> None:
    """Require one line of an error with status 3, or a whole result with status 0."""
    if outcome.exit_code == 3:
        assert outcome.stdout == ""
        assert outcome.stderr.startswith("mobiclass: error: ")
        assert outcome.stderr.count("\n") == 1
    else:
        assert outcome.exit_code == 0, outcome
        row = json.loads(outcome.stdout)
        assert row["error"] is None
        assert "Traceback" not in outcome.stderr


@pytest.mark.skipif(ON_TFLITE, reason="tflite-runtime would crash this process: its turn is in processes of their own")
@pytest.mark.parametrize(
    "model",
    [*(colour_model(dtype=dtype) for dtype in ("uint8", "int8", "float32")), BASES["int8, uint8 outside"]()],
    ids=["uint8", "int8", "float32", "int8 between uint8"],
)
def test_flipped_bits_give_predictions_or_our_own_errors(model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.tflite"
    pixels = np.full((20, 30, 3), (200, 20, 20), np.uint8)
    refused = classified = 0
    for seed in range(400):
        path.write_bytes(damaged_model(seed, model))
        try:
            predictions = Classifier.load(path, num_threads=1).classify(pixels)
        except MobiclassError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert all(0 <= prediction.score <= 1 for prediction in predictions)
            classified += 1
    assert min(refused, classified) > 40


@pytest.mark.skipif(ON_TFLITE, reason="tflite-runtime would crash this process: its turn is in processes of their own")
def test_flipped_bits_in_the_built_in_model(tmp_path: Path) -> None:
    content, path = find_model().read_bytes(), tmp_path / "damaged.tflite"
    pixels = np.full((224, 224, 3), 127, np.uint8)
    outcomes = set()
    # The graph stands at the file's start and, behind the weights, at its end.
    for seed in range(40):
        generator = random.Random(seed)
        damaged = bytearray(content)
        for _ in range(3):
            position = generator.randrange(3000) if seed % 2 else len(content) - 1 - generator.randrange(150_000)
            damaged[position] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        try:
            outcomes.add(len(Classifier.load(path, num_threads=2).classify(pixels)))
        except MobiclassError as error:
            outcomes.add(type(error).__name__)
    assert "ModelError" in outcomes
    assert 5 in outcomes


@pytest.mark.parametrize("seed", [*CRASHES_TFLITE_RUNTIME, *range(1, 16)])
def test_flipped_bits_through_the_program(seed: int, tmp_path: Path, pictures: Path) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damaged_model(seed))
    check_outcome(run("predict", "--model", path, pictures / "red.png"))


@pytest.mark.skipif(not ON_TFLITE, reason="NOT TESTED: LiteRT does not crash on damaged models")
@pytest.mark.parametrize("seed", CRASHES_TFLITE_RUNTIME)
def test_a_model_that_crashes_tflite_runtime_is_an_error_of_one_line(seed: int, tmp_path: Path, pictures: Path) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damaged_model(seed))
    outcome = run("predict", "--model", path, pictures / "red.png")
    check_outcome(outcome)
    assert (outcome.exit_code, "crashed (SIG" in outcome.stderr) == (3, True)


ODD_FILES = {
    "empty": (b"", "the file is empty"),
    "zeros": (bytes(100_000), "holds zeros, not a model"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(range(200)), "a JPEG image"),
    "html": (b"<html>404</html>", "a web page"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "a Keras HDF5 model"),
    "keras": (append_zip(b"", {"config.json": "{}"}), "a zip archive"),
    "cut": (MODEL[: len(MODEL) // 3], "damaged or was cut short"),
    "bomb": (append_zip(bare_model(), {"mobiclass.json": bytes(17 << 20)}, 8), "would be 17825792 bytes long"),
    "zip": (append_zip(bare_model(), {"mobiclass.json": "{}"})[:-30], "zip appended to the model"),
    "labels": (bare_model(metadata=tflite_metadata(labels_file="l.txt")), "hold no such file"),
    "latin": (
        append_zip(bare_model(metadata=tflite_metadata(labels_file="l.txt")), {"l.txt": b"\xe9t\xe9\n"}),
        "not UTF-8",
    ),
    "fit": (colour_model(labels=(*COLOURS, "more")), "4 labels do not fit the 3 outputs"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_model_through_the_program(kind: str, tmp_path: Path, pictures: Path) -> None:
    content, reason = ODD_FILES[kind]
    path = tmp_path / "odd.tflite"
    path.write_bytes(content)
    outcome = run("models", "show", path)
    check_outcome(outcome)
    assert outcome.exit_code == 3
    assert str(path) in outcome.stderr or "labels" in outcome.stderr
    assert reason in outcome.stderr
