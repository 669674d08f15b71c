"""`mobiclass models path` and `models show` as a process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from conftest import MakeModel
from program import run
from tiny_models import edgetpu_model

from mobiclass.catalog import find_model

CONFIG = '{"preprocessing": {"mean": 120, "crop_fraction": 0.5}, "license": "CC0-1.0"}'


@pytest.fixture
def model(make_model: MakeModel) -> Path:
    """Give a model with a fact from every source."""
    path = make_model(name="m", height=6, width=10, labels=("background", "b", "c"), mean=None, config=CONFIG)
    path.with_name("m.json").write_text('{"preprocessing": {"resize": "crop", "interpolation": "nearest"}}')
    return path


def test_path_prints_one_path_and_nothing_else() -> None:
    outcome = run("models", "path", "EfficientNet_lite0")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, f"{find_model()}\n", "")


def test_path_of_an_unknown_model_is_an_error() -> None:
    outcome = run("models", "path", "zebra")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("mobiclass: error: there is no model named 'zebra' here")


def test_show_says_each_fact_with_its_source(model: Path) -> None:
    outcome = run("models", "show", model)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = dict(line.split("  ", 1) for line in outcome.stdout.splitlines())
    shown = {name: text.strip() for name, text in lines.items()}
    assert shown["file"] == f"{model} ({model.stat().st_size:,} bytes)"
    assert shown["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert shown["license"] == "CC0-1.0  [embedded mobiclass.json]"
    assert shown["input"] == "uint8 1×6×10×3, real = (q − 127) · 0.00784313772"
    assert shown["output"] == "uint8 1×3, real = (q − 0) · 0.00390625, probabilities"
    assert shown["labels"] == "3, of which 0 is the background  [TFLite Metadata]"
    assert shown["resize"] == "crop  [m.json]"
    assert shown["crop fraction"] == "0.5  [embedded mobiclass.json]"
    assert shown["interpolation"] == "nearest  [m.json]"
    assert shown["mean"] == "120  [embedded mobiclass.json]"
    assert shown["std"] == "127.5  [input quantization]"


def test_show_as_json(model: Path) -> None:
    outcome = run("models", "show", model, "--format", "json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    shown = json.loads(outcome.stdout)
    assert shown["bytes"] == model.stat().st_size
    assert shown["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert (shown["name"], shown["path"]) == ("m", str(model))
    assert (shown["input"]["shape"], shown["input"]["dtype"], shown["input"]["zero_point"]) == (
        [1, 6, 10, 3],
        "uint8",
        127,
    )
    assert (shown["output"]["kind"], shown["output"]["scale"]) == ("probabilities", 1 / 256)
    assert (shown["labels"], shown["background_index"]) == (3, 0)
    assert shown["preprocessing"]["mean"] == {"value": [120.0] * 3, "source": "embedded mobiclass.json"}
    assert shown["preprocessing"]["resize"] == {"value": "crop", "source": "m.json"}
    assert shown["preprocessing"]["std"]["source"] == "input quantization"
    assert shown["sources"]["labels"] == "TFLite Metadata"
    assert (shown["custom_ops"], shown["edgetpu_compiled"]) == ([], False)


def test_show_of_a_compiled_model_needs_no_edge_tpu(make_model: MakeModel) -> None:
    path = make_model(edgetpu_model())
    outcome = run("models", "show", path)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert "edgetpu-custom-op" in outcome.stdout
    assert json.loads(run("models", "show", path, "--format", "json").stdout)["edgetpu_compiled"] is True


def test_show_of_a_model_without_labels_says_so(make_model: MakeModel) -> None:
    outcome = run("models", "show", make_model(labels=None))
    assert outcome.exit_code == 0
    assert "none: predictions have indices only" in outcome.stdout


def test_show_needs_no_runtime(model: Path) -> None:
    # Neither is imported, so that neither need be there.
    import sys

    from program import PROGRAM

    outcome = run("models", "show", model, command=(sys.executable, "-X", "importtime", "-c", PROGRAM))
    packages = {line.rpartition("|")[2].strip().partition(".")[0] for line in outcome.stderr.splitlines()}
    assert "mobiclass" in packages
    assert packages.isdisjoint({"numpy", "PIL", "ai_edge_litert", "tflite_runtime"})


def test_control_sequences_in_a_description_are_not_obeyed(make_model: MakeModel) -> None:
    path = make_model(config='{"description": "\\u001b[2Jgone\\u202e"}')
    outcome = run("models", "show", path)
    assert outcome.exit_code == 0
    assert "\ufffd[2Jgone\ufffd" in outcome.stdout
    assert not set(outcome.stdout) & {"\x1b", "\u202e"}


def test_the_built_in_model_shows_itself() -> None:
    outcome = run("models", "show", "efficientnet_lite0")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert "uint8 1×224×224×3, real = (q − 127) · 0.0078125" in outcome.stdout
    assert "1000  [TFLite Metadata]" in outcome.stdout


@pytest.mark.parametrize(
    "arguments", [["models", "show"], ["models", "path"], ["models", "show", "a", "b"], ["models", "x"]]
)
def test_usage_errors(arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Error: " in outcome.stderr
