"""Changes to a model: what is not changed stays byte for byte, and what is damaged is refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError
from mobiclass.hub import find_model
from mobiclass.runtime import choose_runtime, load_interpreter
from mobiclass.tflite import find_head, head_weights, replace_head, with_extra_output
from mobiclass.tflite.editing import ModelEdit, tensor_spec, without_zip
from mobiclass.tflite.graph import read_graph
from mobiclass.tflite.new_head import NewHead
from tests.support.tiny_models import append_zip, bare_model, colour_model, edgetpu_model

RUNTIME = choose_runtime(RunOptions().runtime)


def run(content: bytes, image: np.ndarray) -> list[np.ndarray]:  # type: ignore[type-arg]
    interpreter = load_interpreter(RUNTIME, content, "m", num_threads=1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def test_a_model_that_is_written_unchanged_does_what_it_did() -> None:
    content = find_model(None).read_bytes()
    again = ModelEdit(content, "m").finish()
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3)).astype(np.uint8)
    assert (run(content, image)[0] == run(again, image)[0]).all()
    assert again.endswith(without_zip(content))
    assert len(again) - len(without_zip(content)) < 50_000
    assert ModelEdit(content, "m").finish() == again


def test_a_zip_and_metadata_about_other_classes_are_left_out() -> None:
    content = colour_model(labels=("a", "b", "c"))
    edited = ModelEdit(content, "m").finish()
    assert read_graph(content, "m").metadata.labels_file == "labels.txt"
    assert read_graph(edited, "m").metadata.labels_file is None
    assert without_zip(edited) == edited


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_any_tensor_becomes_an_output(dtype: str) -> None:
    content = colour_model(dtype=dtype)
    image = np.full((1, 8, 8, 3), 7, dtype)
    scores, logits = run(with_extra_output(content, 5), image)
    assert (scores == run(content, image)[0]).all()
    assert logits.shape == (1, 3)
    assert tensor_spec(content, 5, "m").name == "logits"


@pytest.mark.parametrize("tensor", [-1, 99])
def test_a_tensor_that_is_not_there(tensor: int) -> None:
    with pytest.raises(ModelError, match="m: it has no tensor"):
        with_extra_output(colour_model(), tensor, "m")


def test_weights_outside_the_graph_are_not_lost_silently() -> None:
    from tests.support.tiny_models import Fields, finish

    table = Fields(
        {
            0: ("I", 3),
            2: ("tables", [Fields({4: ("str", "main")})]),
            4: ("tables", [Fields({1: ("Q", 4096), 2: ("Q", 64)})]),
        }
    )
    with pytest.raises(ModelError, match="its weights lie outside its graph"):
        ModelEdit(finish(table, b"TFL3"), "m")


def test_a_field_that_is_too_new_is_said() -> None:
    from tests.support.tiny_models import Fields, finish

    table = Fields({0: ("I", 3), 2: ("tables", [Fields({4: ("str", "main")})]), 12: ("i", 7)})
    with pytest.raises(ModelError, match=r"has a field \(slot 12\) that is too new"):
        ModelEdit(finish(table, b"TFL3"), "m")


def edit_everything(content: bytes) -> None:
    """Do to a model all that can be done; raises nothing but `ModelError`."""
    head = find_head(content, "m")
    with_extra_output(content, head.features_tensor, "m")
    if head.classes:
        head_weights(content, head, "m")
    weights = np.zeros((2, head.width), np.float32)
    replace_head(content, head, NewHead(weights, np.zeros(2, np.float32), (-1.0, 1.0)), "m")


def test_damaged_models_are_refused_or_edited() -> None:
    models = [
        colour_model(),
        colour_model(dtype="float32"),
        bare_model(),
        edgetpu_model(),
        append_zip(colour_model(), {}),
    ]
    chance = random.Random(11)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(chance.choice(models))
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            edit_everything(bytes(damaged))
        except ModelError:
            refused += 1
    assert 0 < refused < 1500


def test_edited_models_are_whole_files(tmp_path: Path) -> None:
    content = find_model(None).read_bytes()
    edited = with_extra_output(content, find_head(content, "m").features_tensor)
    assert edited[4:8] == b"TFL3"
    assert len(read_graph(edited, "m").outputs) == 2
