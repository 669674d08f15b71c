"""`mobiclass models show` as a process: a model's facts, its layers, and what it sees of a photo."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobiclass.cli.models.layer_table import layers_text
from mobiclass.inspection.summary import inspect_model
from tests.conftest import MakeModel
from tests.support.closed_forms import closed_form, mobilenet_v1
from tests.support.graphs import MUL, RELU, SUB, Net
from tests.support.networks import network
from tests.support.program import Outcome, run, run_and_list_modules
from tests.support.tiny_models import (
    FLOAT32,
    MEAN,
    SOFTMAX,
    UINT8,
    Operator,
    Tensor,
    bare_model,
    colour_model,
    edgetpu_model,
    graph,
)

CONFIG = '{"preprocessing": {"mean": 120, "crop_fraction": 0.5}, "license": "CC0-1.0"}'


@pytest.fixture
def model(make_model: MakeModel) -> Path:
    """Give a model with a fact from every source."""
    path = make_model(name="m", height=6, width=10, labels=("background", "b", "c"), mean=None, config=CONFIG)
    path.with_name("m.json").write_text('{"preprocessing": {"resize": "crop", "interpolation": "nearest"}}')
    return path


def test_show_says_each_fact_with_its_source(model: Path) -> None:
    outcome = run("models", "show", model)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = dict(line.split("  ", 1) for line in outcome.stdout.splitlines())
    shown = {name: text.strip() for name, text in lines.items()}
    assert shown["file"] == f"{model} ({model.stat().st_size:,} bytes)"
    assert shown["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert shown["license"] == "CC0-1.0  [embedded mobiclass.json]"
    assert shown["input"] == "uint8 1×6×10×3, real = (q − 127) · 0.00784313772"
    assert shown["output"] == "uint8 1×3, real = (q − 0) · 0.00390625"
    assert shown["output kind"] == "probabilities  [graph: SOFTMAX]"
    assert shown["labels"] == "3, index 0 is the background  [TFLite Metadata]"
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


def test_show_needs_no_runtime(model: Path, tmp_path: Path) -> None:
    # Neither is imported, so that neither need be there.
    outcome, loaded = run_and_list_modules("models", "show", model, folder=tmp_path)
    assert outcome.exit_code == 0
    assert "mobiclass.tflite.info" in loaded
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint({"numpy", "PIL", "ai_edge_litert", "tflite_runtime"})


def test_control_sequences_in_a_description_are_not_obeyed(make_model: MakeModel) -> None:
    path = make_model(config='{"description": "\\u001b[2Jgone\\u202e"}')
    outcome = run("models", "show", path)
    assert outcome.exit_code == 0
    assert "\ufffd[2Jgone\ufffd" in outcome.stdout
    assert not set(outcome.stdout) & {"\x1b", "\u202e"}


def test_rules_are_shown_and_unusable_ones_too(make_model: MakeModel) -> None:
    rules = {"class_score": 0.7, "group_score": 0.8, "labels": {"red": 0.9}, "fitted_on": "60 photos"}
    shown = run("models", "show", make_model(config=json.dumps({"rules": rules}))).stdout
    assert (
        "class from 0.7, group of up to 300 classes from 0.8, own thresholds for 1 label; fitted on 60 photos"
        "  [embedded mobiclass.json]"
    ) in shown
    assert show_json(make_model(config=json.dumps({"rules": rules})))["rules"] == rules
    shown = run("models", "show", make_model(config='{"rules": {"klass": 1}}'))
    assert shown.exit_code == 0
    assert "unusable: " in shown.stdout
    assert "'klass'" in shown.stdout


def test_the_built_in_model_shows_itself() -> None:
    outcome = run("models", "show", "efficientnet_lite0")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert "uint8 1×224×224×3, real = (q − 127) · 0.0078125" in outcome.stdout
    assert "1000  [TFLite Metadata]" in outcome.stdout


def show_json(*arguments: str | Path) -> dict[str, Any]:
    """Run the command for JSON."""
    outcome = run("models", "show", *arguments, "--format", "json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    fields: dict[str, Any] = json.loads(outcome.stdout)
    return fields


def test_the_output_kind_and_the_graphs_own_normalization_are_shown_with_their_sources(make_model: MakeModel) -> None:
    net = Net()
    scaled = net.elementwise(SUB, net.elementwise(MUL, net.image, net.constant(1 / 127.5)), net.constant(1.0))
    path = make_model(net.finish(net.unary(RELU, net.logits(scaled))))
    facts = facts_of(run("models", "show", path))
    assert facts["in the graph"] == "normalizes by itself: x/127.5 − 1"
    assert facts["output kind"] == (
        "open: told by test images once the model is loaded  [graph: FULLY_CONNECTED, RELU does not tell]"
    )
    assert facts["std"] == "1  [the graph normalizes by itself]"
    shown = show_json(path)
    assert shown["output"]["kind"] == "open"
    assert shown["graph_normalization"]["std"] == pytest.approx([127.5] * 3)
    shown = show_json(path, "--output-kind", "multilabel")
    assert (shown["output"]["kind"], shown["output"]["kind_source"]) == ("multilabel", "command line")


def test_which_output_is_taken_is_shown(make_model: MakeModel) -> None:
    net = Net()
    path = make_model(net.finish(net.reduce(MEAN, net.image, (1, 2), keep=False), net.softmax(net.logits())))
    assert facts_of(run("models", "show", path))["output"] == "float32 1×3, output 1 (inner)"


def test_labels_that_somebody_gives_are_shown(make_model: MakeModel, tmp_path: Path) -> None:
    net = Net()
    path, labels = make_model(net.finish(net.reduce(MEAN, net.image, (1, 2), keep=False))), tmp_path / "said.txt"
    assert run("models", "show", path).exit_code == 3
    labels.write_text("a\nb\nc\n")
    assert show_json(path, "--labels", labels)["labels"] == 3


def facts_of(outcome: Outcome) -> dict[str, str]:
    """Read the facts under the tables."""
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = outcome.stdout.rpartition("\n\n")[2].splitlines()
    return {line[:15].strip(): line[15:] for line in lines if line[:1] != " "}


def test_layers_beside_the_published_figures(make_model: MakeModel) -> None:
    path = make_model(network(mobilenet_v1(1.0), 224, 1001))
    facts = facts_of(run("models", "show", path, "--layers"))
    assert facts["parameters"] == "4,222,057; published: 4.24 M"
    assert facts["multiply-adds"] == "568,741,376; published: 569 M"
    assert facts["published"].startswith("MobileNet V1, alpha 1, resolution 224, with ImageNet's classes  [https://")
    assert facts["separable"].startswith("13 pairs: ")
    assert facts["float layers"] == "none"
    assert facts["Edge TPU"].startswith("supports every layer")


def test_layers_of_the_built_in_model() -> None:
    outcome = run("models", "show", "efficientnet_lite0", "--layers")
    facts = facts_of(outcome)
    assert facts["parameters"] == "4,631,000; published: 4.7 M"
    assert facts["multiply-adds"] == "385,187,552; published: 407 M"
    rows = [line.split() for line in outcome.stdout.splitlines()]
    (second,) = [row for row in rows if row[:2] == ["2", "DEPTHWISE_CONV_2D"]]
    assert second[2:9] == ["3×3", "relu6", "112×112×32", "320", "3,612,672", "416", "int8/ch"]


def test_layers_as_json(make_model: MakeModel) -> None:
    shown = show_json(make_model(network(mobilenet_v1(0.25), 128, 1001)), "--layers")
    parameters, multiply_adds = closed_form(mobilenet_v1(0.25), 128, 1001)
    totals = shown["totals"]
    assert (totals["parameters"], totals["multiply_adds"], totals["uncounted"]) == (parameters, multiply_adds, [])
    assert sum(layer["parameters"] for layer in shown["layers"]) == parameters
    assert sum(layer["multiply_adds"] for layer in shown["layers"]) == multiply_adds
    assert sum(layer["bytes"] for layer in shown["layers"]) == totals["weight_bytes"]
    assert shown["architecture"] == {"name": "mobilenet_v1", "alpha": 0.25, "minimalistic": False}
    assert shown["published"]["multiply_adds"] == 14_000_000
    assert shown["catalog"] is None
    depthwise = shown["layers"][3]
    assert (depthwise["operator"], depthwise["kernel"], depthwise["stride"]) == ("DEPTHWISE_CONV_2D", [3, 3], [2, 2])
    assert (depthwise["activation"], depthwise["edgetpu_unsupported_reason"]) == ("relu6", None)
    weights, bias = depthwise["weights"]
    assert (weights["shape"], weights["dtype"], weights["scales"], weights["scale"]) == (
        [1, 3, 3, 16],
        "int8",
        16,
        [0.5] * 2,
    )
    assert (bias["dtype"], bias["bytes"]) == ("int32", 64)
    assert (depthwise["outputs"][0]["scale"], depthwise["outputs"][0]["zero_point"]) == (1 / 16, -128)
    assert shown["separable"][0]["formula"] == 1 / 16 + 1 / 9
    assert shown["edgetpu"] == {"compiled": False, "min_runtime": None, "cpu_layers": []}
    assert shown["float_layers"] == []


def test_float_layers_and_what_the_edge_tpu_leaves(make_model: MakeModel) -> None:
    outcome = run("models", "show", make_model(dtype="float32"), "--layers")
    assert facts_of(outcome)["float layers"] == "MEAN (#0), FULLY_CONNECTED (#1), SOFTMAX (#2)"
    assert facts_of(outcome)["Edge TPU"] == "supports 0 of 3 layers; not:"
    assert "MEAN (#0), FULLY_CONNECTED (#1), SOFTMAX (#2): float32 activations" in outcome.stdout


def test_layers_of_a_compiled_model(make_model: MakeModel) -> None:
    outcome = run("models", "show", make_model(edgetpu_model()), "--layers")
    facts = facts_of(outcome)
    assert facts["Edge TPU"] == "compiled"
    assert facts["on the CPU"] == "nothing"
    assert facts["parameters"] == facts["multiply-adds"] == "unknown, inside edgetpu-custom-op"


ODD_MODELS = {
    "detector": (bare_model(((1, 8, 8, 3),), ((1, 10, 4), (1, 10))), "2 outputs, and none is one vector of scores"),
    "two inputs": (bare_model(((1, 8, 8, 3), (1, 4))), "it takes 2 inputs, not one image"),
    "labels": (colour_model(labels=("a", "b")), "2 labels do not fit the 3 outputs"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD_MODELS)
def test_any_model_has_layers(kind: str, make_model: MakeModel) -> None:
    content, reason = ODD_MODELS[kind]
    path = make_model(content)
    assert run("models", "show", path).exit_code == 3
    outcome = run("models", "show", path, "--layers")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith("not a classifier")]
    assert reason in line
    shown = show_json(path, "--layers")
    assert reason in shown["no_classifier"]
    assert shown["layers"]
    assert shown["sha256"] == hashlib.sha256(content).hexdigest()


def test_what_is_no_model_has_no_layers(tmp_path: Path) -> None:
    path = tmp_path / "page.tflite"
    path.write_text("<html>")
    outcome = run("models", "show", path, "--layers")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr == f"mobiclass: error: {path}: not a TFLite model: this is a web page or XML\n"
    missing = run("models", "show", tmp_path / "missing.tflite", "--layers")
    assert (missing.exit_code, missing.stderr.count("\n")) == (3, 1)


def test_a_long_model_is_told_in_few_lines(make_model: MakeModel) -> None:
    # Float layers wherever one looks: as many as a table line has room for are named, or all at once.
    tensors = [Tensor(f"t{number}", (1, 3), UINT8 if number < 2 else FLOAT32, 1 / 256) for number in range(11)]
    operators = [Operator(SOFTMAX, (number,), (number + 1,)) for number in range(10)]
    some = facts_of(run("models", "show", make_model(graph(tensors, operators, [0], [10])), "--layers"))
    assert some["float layers"] == "SOFTMAX (#1, #2, #3, #4, #5, #6 and 3 more)"
    every = facts_of(run("models", "show", make_model(graph(tensors, operators[2:], [2], [10])), "--layers"))
    assert every["float layers"] == "all 8"


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    text = layers_text(inspect_model(network(mobilenet_v1(0.25), 128, 1001), "m"), width)
    tables, _, _ = text.rpartition("\n\n")
    assert max(map(len, tables.splitlines())) <= max(width, 73)
    rows = tables.splitlines()
    assert ("int8/ch" in rows[1]) == (width >= 80)
    assert ("int8 (q + 128)" in rows[1]) == (width >= 100)


def test_control_sequences_in_an_operator_s_name_are_not_obeyed(make_model: MakeModel) -> None:
    path = make_model(bare_model(code="\x1b[2Jgone\u202e" + "x" * 1000))
    outcome = run("models", "show", path, "--layers")
    assert outcome.exit_code == 0
    assert "\ufffd[2Jgone\ufffd" in outcome.stdout
    assert not set(outcome.stdout) & {"\x1b", "\u202e"}
    assert max(map(len, outcome.stdout.rpartition("\n\n")[0].splitlines()[-2:])) < 200


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_preprocess_writes_what_predict_sees(resize: str, photos: dict[str, Path], tmp_path: Path) -> None:
    picture = tmp_path / "seen.png"
    outcome = run(
        "models", "show", "efficientnet_lite0", "--preprocess", photos["rocket.jpg"], "-o", picture, "--resize", resize
    )
    assert outcome.exit_code == 0
    assert outcome.stderr == f"mobiclass: wrote {picture}: the input of efficientnet_lite0, 224×224 pixels\n"
    assert f"resize         {resize}" in outcome.stdout
    with Image.open(picture) as image:
        assert (image.size, image.mode) == ((224, 224), "RGB")
    predicted = json.loads(run("predict", photos["rocket.jpg"], "--resize", resize).stdout)["predictions"]
    # It has the input's size already: squashing leaves it as it is.
    seen = json.loads(run("predict", picture, "--resize", "squash").stdout)["predictions"]
    assert seen == predicted


def test_quiet_writes_the_picture_without_a_word(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    picture = tmp_path / "seen.png"
    outcome = run("models", "show", "-q", make_model(), "--preprocess", pictures / "green.png", "-o", picture)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert picture.is_file()


def test_mean_and_std_are_taken_with_it(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    picture = tmp_path / "seen.png"
    arguments = ["--preprocess", pictures / "red.png", "-o", picture, "--resize", "pad", "--mean", "10,20,30"]
    outcome = run("models", "show", make_model(), *arguments, "--std", "64")
    assert outcome.exit_code == 0
    assert "mean           10, 20, 30  [command line]" in outcome.stdout
    with Image.open(picture) as image:  # 30×20 pixels into 8×8: the padding is the mean
        pixels = np.asarray(image)
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[4, 4].tolist() == [200, 20, 20]


def test_a_picture_is_not_replaced_without_being_told(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    picture = tmp_path / "seen.png"
    picture.write_bytes(b"mine")
    arguments = ["models", "show", make_model(), "--preprocess", pictures / "red.png", "-o", picture]
    outcome = run(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr == f"mobiclass: error: {picture}: the file exists already; --overwrite replaces it\n"
    assert picture.read_bytes() == b"mine"
    assert run(*arguments, "--overwrite").exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_photo_that_is_none_is_exit_4_and_leaves_no_picture(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model()
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    for photo, reason in ((text, "not an image"), (tmp_path / "missing.jpg", "there is no such file")):
        outcome = run("models", "show", model, "--preprocess", photo, "-o", tmp_path / "seen.png")
        assert (outcome.exit_code, outcome.stdout) == (4, "")
        assert outcome.stderr.startswith(f"mobiclass: error: {photo}: ")
        assert reason in outcome.stderr
    assert sorted(tmp_path.iterdir()) == [model, text]


def test_a_picture_that_cannot_be_written_is_exit_3(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    arguments = ["models", "show", make_model(), "--preprocess", pictures / "red.png", "-o"]
    missing = tmp_path / "missing" / "seen.png"
    outcome = run(*arguments, missing)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr == f"mobiclass: error: {missing}: cannot be written (No such file or directory)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: a full disk, for want of Linux's /dev/full")
def test_a_full_disk_is_exit_3(make_model: MakeModel) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        assert run("models", "show", make_model(), "--layers", stdout=full).exit_code == 3


def test_preprocess_wants_a_classifier(make_model: MakeModel, pictures: Path, tmp_path: Path) -> None:
    arguments = ["--layers", "--preprocess", pictures / "red.png", "-o", tmp_path / "seen.png"]
    outcome = run("models", "show", make_model(bare_model(((1, 8, 8, 3), (1, 4)))), *arguments)
    assert outcome.exit_code == 3
    assert "no image classifier: it takes 2 inputs" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--preprocess", "photo.jpg"], "add -o FILE.png"),
        (["-o", "seen.png"], "-o needs --preprocess"),
        (["--overwrite"], "--overwrite needs --preprocess"),
        (["--preprocess", "photo.jpg", "-o", "seen.jpg"], "the suffix must be .png"),
        (["--preprocess", "x.png", "-o", "./x.png", "--overwrite"], "name the same file"),
        (["--resize", "stretch"], "is not one of"),
        (["--std", "0.5"], "is too small"),
    ],
)
def test_show_usage_errors(arguments: list[str], reason: str, make_model: MakeModel) -> None:
    outcome = run("models", "show", make_model(), *arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert reason in " ".join(outcome.stderr.split())


@pytest.mark.parametrize(
    "taught",
    [
        {},
        {"photos": 3, "base": 4, "cross_validation": []},
        {"photos": {"a": None}, "base": "x\u001b[2J", "cross_validation": {"top1": "all"}},
        {"cross_validation": {"top1": 0.5, "interval": ["low", None]}},
        {"photos": {f"class {number}": 1 for number in range(1000)}, "cross_validation": {"top1": 1}},
    ],
)
def test_what_a_model_says_that_it_was_taught_may_be_anything(make_model: MakeModel, taught: dict[str, Any]) -> None:
    outcome = run("models", "show", make_model(config=json.dumps({"taught": taught})))
    assert outcome.exit_code == 0, outcome.stderr
    assert "\x1b" not in outcome.stdout
    assert len(outcome.stdout) < 4000
