"""The rows of docs/models-understood.md: a model in the form of each exporter, and what is understood of it.

Each model names the strongest channel, so that a red photo is red (of the binary head: yes). Its score comes out only
where input and output are read as they are meant.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from mobiclass import Classifier
from tests.support.graphs import (
    DEQUANTIZE,
    DIV,
    EXP,
    FLOAT16,
    LOGISTIC,
    MUL,
    RESHAPE,
    SUB,
    SUM,
    TRANSPOSE,
    WEIGHTS,
    Net,
)
from tests.support.tiny_models import COLOURS, INT16, MEAN, append_zip, colour_model, tflite_metadata

DOCUMENT = Path(__file__).parents[1] / "docs" / "models-understood.md"
PIXEL = (200, 20, 20)
SHAPE = (1, 8, 8, 3)
LIST = "red\ngreen\nblue\n"
NUMBERED = "0 red\n1 green\n2 blue\n"
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
GRAPH, GUESS, SAID = "the graph normalizes by itself", "default", "command line"


def rescaled(net: Net, factor: float, offset: float) -> int:
    """Multiply the image, and take something off."""
    return net.elementwise(SUB, net.elementwise(MUL, net.image, net.constant(factor)), net.constant(offset))


def classifier(net: Net, image: int | None = None) -> bytes:
    """End in a softmax."""
    return net.finish(net.softmax(net.logits(image)))


def keras() -> bytes:
    net = Net()
    return classifier(net, rescaled(net, 1 / 127.5, 1.0))


def keras_of_any_size() -> bytes:
    net = Net((1, 1, 1, 3), signature=(-1, -1, -1, 3))
    return classifier(net, rescaled(net, 1 / 127.5, 1.0))


def keras_binary() -> bytes:
    net = Net()
    return net.finish(net.unary(LOGISTIC, net.logits(rescaled(net, 1 / 127.5, 1.0), weights=(4.0, -2.0, -2.0))))


def keras_of_several_labels() -> bytes:
    net = Net()
    return net.finish(net.unary(LOGISTIC, net.logits()))


def keras_grey() -> bytes:
    net = Net((1, 8, 8))
    image = net.add(RESHAPE, (net.image, net.integers(1, 8, 8, 1)), (1, 8, 8, 1))
    return net.finish(net.softmax(net.logits(image, weights=(4.0, -2.0, -2.0))))


def model_maker() -> bytes:
    net = Net()
    described = tflite_metadata(mean=[127.0], std=[128.0], labels_file="labels.txt")
    return append_zip(net.finish(net.softmax(net.logits()), metadata=described), {"labels.txt": LIST})


def custom_vision() -> bytes:
    net = Net()
    image = net.elementwise(SUB, net.image, net.constant(104.0, 117.0, 124.0))
    logits = net.logits(image, weights=[weight / 128 for row in (2, 1, 0) for weight in WEIGHTS[3 * row : 3 * row + 3]])
    return net.finish(net.softmax(logits))


def ultralytics() -> bytes:
    said = {"task": "classify", "imgsz": [8, 8], "names": dict(enumerate(COLOURS))}
    return append_zip(classifier(Net()), {"metadata.json": json.dumps(said)})


def edge_impulse() -> bytes:
    net = Net((1, 192))
    return classifier(net, net.add(RESHAPE, (net.image, net.integers(*SHAPE)), SHAPE))


def integers(zero_point: int) -> bytes:
    return colour_model(scale=1 / 128, zero_point=zero_point, mean=None, labels=None)


def litert_torch(*, by_hand: bool) -> bytes:
    net = Net((1, 3, 8, 8))
    logits = net.logits(net.add(TRANSPOSE, (net.image, net.integers(0, 2, 3, 1)), SHAPE))
    if not by_hand:
        return net.finish(logits)
    powers = net.unary(EXP, logits)
    return net.finish(net.elementwise(DIV, powers, net.reduce(SUM, powers, (1,), keep=True)))


def with_features() -> bytes:
    net = Net()
    return net.finish(net.reduce(MEAN, net.image, (1, 2), keep=False), net.softmax(net.logits()))


def onnx2tf(dtype: int) -> bytes:
    net = Net(dtype=dtype, scale=1 / 32767 if dtype == INT16 else None)
    return classifier(net, net.add(DEQUANTIZE, (net.image,), SHAPE))


def tf_hub() -> bytes:
    net = Net()
    return net.finish(net.logits(rescaled(net, 2.0, 1.0)))


class Row(NamedTuple):
    """A row of the document.

    Attributes:
        exporter: as the document names it.
        model: the bytes of the model ``m.tflite``.
        beside: the name and the text of the label file beside it, if there is one.
        options: what has to be said.
        kind: what the output is understood to hold.
        source: where the normalization comes from.
        inputs: what the layer is fed for the red photo's three channels.
    """

    exporter: str
    model: bytes
    beside: tuple[str, str] | None
    options: dict[str, Any]
    kind: str
    source: str
    inputs: tuple[float, ...]


def centred(mean: float = 127.5, std: float = 127.5) -> tuple[float, ...]:
    return tuple((value - mean) / std for value in PIXEL)


UNIT = tuple(value / 255 for value in PIXEL)
STANDARD = tuple((value - m) / s for value, m, s in zip(PIXEL, IMAGENET["mean"], IMAGENET["std"], strict=True))
CAFFE = tuple((value - mean) / 128 for value, mean in zip(PIXEL, (124.0, 117.0, 104.0), strict=True))
GREY = (74 / 255,)
TXT = ("labels.txt", LIST)
ANY = {"mean": 0, "std": 255}

ROWS = {
    "a Rescaling": Row("Keras", keras(), TXT, {}, "probabilities", GRAPH, centred()),
    "any size": Row("Keras", keras_of_any_size(), TXT, {"resolution": 12}, "probabilities", GRAPH, centred()),
    "one sigmoid": Row("Keras", keras_binary(), ("labels.txt", "no\nyes\n"), {}, "probabilities", GRAPH, centred()),
    "sigmoids": Row("Keras", keras_of_several_labels(), TXT, {}, "multilabel", GUESS, centred()),
    "grey": Row("Keras", keras_grey(), TXT, ANY, "probabilities", SAID, GREY),
    "numbered labels": Row(
        "Teachable Machine", classifier(Net()), ("labels.txt", NUMBERED), {"crop_fraction": 1}, "probabilities", GUESS,
        centred(),
    ),
    "dict.txt": Row(
        "AutoML, Vertex AI", integers(127), ("dict.txt", LIST), {}, "probabilities", "input quantization",
        centred(127, 128),
    ),
    "metadata": Row(
        "Model Maker, MediaPipe", model_maker(), None, {}, "probabilities", "TFLite Metadata", centred(127, 128)
    ),
    "means of Caffe": Row("Custom Vision", custom_vision(), TXT, {}, "probabilities", GRAPH, CAFFE),
    "names": Row("Ultralytics", ultralytics(), None, {}, "probabilities", "Ultralytics' metadata.json", UNIT),
    "one row": Row("Edge Impulse", edge_impulse(), TXT, ANY, "probabilities", SAID, UNIT),
    "uint8": Row(
        "Coral", integers(128), ("m_labels.txt", NUMBERED), {}, "probabilities", "input quantization",
        centred(128, 128),
    ),
    "channels first": Row(
        "litert-torch", litert_torch(by_hand=False),
        ("id2label.json", '{"0": "red", "1": "green", "2": "blue"}'), IMAGENET, "logits", SAID, STANDARD,
    ),
    "a softmax by hand": Row(
        "litert-torch", litert_torch(by_hand=True), TXT, IMAGENET, "probabilities", SAID, STANDARD
    ),
    "features too": Row("litert-torch", with_features(), TXT, {}, "probabilities", GUESS, centred()),
    "a batch": Row("onnx2tf", classifier(Net((4, 8, 8, 3))), TXT, {}, "probabilities", GUESS, centred()),
    "float16": Row("onnx2tf", onnx2tf(FLOAT16), TXT, {}, "probabilities", GUESS, centred()),
    "int16": Row("onnx2tf", onnx2tf(INT16), TXT, {}, "probabilities", GUESS, centred()),
    "2x − 1": Row("TF-Hub", tf_hub(), TXT, {}, "logits", GRAPH, centred()),
}  # fmt: skip


def expected(row: Row) -> float:
    """Work out the score of red, or of yes."""
    inputs = row.inputs
    if len(inputs) == 1:
        logits = [4 * inputs[0], -2 * inputs[0], -2 * inputs[0]]
    else:
        layer = [WEIGHTS[start : start + 3] for start in (0, 3, 6)]
        logits = [sum(weight * value for weight, value in zip(line, inputs, strict=True)) for line in layer]
    if row.kind == "multilabel" or row.beside == ("labels.txt", "no\nyes\n"):
        return 1 / (1 + math.exp(-logits[0]))
    return math.exp(logits[0]) / sum(map(math.exp, logits))


@pytest.mark.parametrize("name", ROWS)
def test_the_form_of_each_exporter_is_understood(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    path = tmp_path / "m.tflite"
    path.write_bytes(row.model)
    if row.beside is not None:
        file, text = row.beside
        (tmp_path / file).write_text(text)
    classifier = Classifier.load(path, num_threads=1, **row.options)
    best = classifier.classify(np.full((20, 20, 3), PIXEL, np.uint8))[0]
    assert best.label == ("yes" if name == "one sigmoid" else "red")
    assert best.score == pytest.approx(expected(row), abs=0.004 if row.source == "input quantization" else 1e-3)
    assert (classifier.model.output_kind, classifier.model.preprocessing.sources["mean"]) == (row.kind, row.source)


def test_the_document_has_a_row_for_each_exporter() -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("|---|---|---|---|---|\n")[2].partition("\n\n")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines()] == list(
        dict.fromkeys(row.exporter for row in ROWS.values())
    )
