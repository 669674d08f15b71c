"""The loaded model: tensors in, tensors out, and errors that are the model's."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError, SetupError
from mobiclass.runtime import interpreter as interpreter_module
from mobiclass.runtime.backends import RUNTIMES, choose_runtime
from mobiclass.runtime.interpreter import Interpreter, available_cores
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_the_output_is_one_vector_of_the_models_dtype(dtype: str, make_model: MakeModel) -> None:
    interpreter = Interpreter(read_model(make_model(dtype=dtype)), RunOptions(num_threads=1))
    raw = interpreter.invoke(np.zeros((1, 8, 8, 3), dtype))
    assert (raw.shape, raw.dtype) == ((3,), np.dtype(dtype))


def test_an_output_outlives_the_next_one(make_model: MakeModel) -> None:
    interpreter = Interpreter(read_model(make_model()), RunOptions())
    red = np.full((1, 8, 8, 3), (255, 0, 0), np.uint8)
    first = interpreter.invoke(red)
    kept = first.copy()
    interpreter.invoke(red[..., ::-1].copy())
    assert first.tolist() == kept.tolist() == [255, 0, 0]


def test_a_tensor_of_another_shape_is_a_model_error(make_model: MakeModel) -> None:
    path = make_model()
    interpreter = Interpreter(read_model(path), RunOptions())
    with pytest.raises(ModelError, match="cannot be run by .*[Dd]imension mismatch") as caught:
        interpreter.invoke(np.zeros((1, 9, 8, 3), np.uint8))
    assert str(caught.value).startswith(str(path))


def test_a_model_that_gives_other_outputs_than_it_says_is_damaged(make_model: MakeModel) -> None:
    # The runtimes work out a layer's shape anew, and what stands in the file is overruled.
    info = read_model(make_model(classes=4, labels=None))
    lying = dataclasses.replace(info, output=info.output._replace(shape=(1, 3)))
    interpreter = Interpreter(lying, RunOptions())
    with pytest.raises(ModelError, match="declares 3 outputs and returns 4"):
        interpreter.invoke(np.zeros((1, 8, 8, 3), np.uint8))


def test_threads(make_model: MakeModel) -> None:
    info = read_model(make_model())
    assert Interpreter(info, RunOptions(num_threads=3)).num_threads == 3
    assert Interpreter(info, RunOptions()).num_threads == available_cores()


def test_the_cores_are_those_that_this_process_may_use() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_runtime_that_cannot_be_imported_is_not_laid_to_the_model(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    def fail(runtime: object) -> None:
        raise SetupError("needs NumPy 1")

    def never(*arguments: object) -> None:
        pytest.fail("the model was tried")

    monkeypatch.setattr(interpreter_module, "import_runtime", fail)
    monkeypatch.setattr("mobiclass.runtime.trial.require_loadable", never)
    with pytest.raises(SetupError, match="needs NumPy 1"):
        Interpreter(read_model(make_model()), RunOptions())


@pytest.mark.parametrize("crashes", [False, True])
def test_only_a_runtime_that_can_crash_tries_a_model_first(
    crashes: bool, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr("mobiclass.runtime.trial.require_loadable", lambda model, *_: tried.append(model.name))
    name = choose_runtime().name
    monkeypatch.setitem(RUNTIMES, name, RUNTIMES[name]._replace(crashes_on_damage=crashes))
    Interpreter(read_model(make_model()), RunOptions())
    assert tried == (["colours"] if crashes else [])
