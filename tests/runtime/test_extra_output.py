"""A tensor from inside a model as a further output: the scores stay the same, and the tensor is what it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobiclass._system.processes import Ended
from mobiclass.choices import RunOptions
from mobiclass.errors import ModelError
from mobiclass.runtime import open_session, trial
from mobiclass.runtime.backends import RUNTIMES, choose_runtime
from mobiclass.runtime.extra_output import find_extra_output
from mobiclass.tflite import ModelInfo, dequantize, override_facts, read_model
from tests.support.bases import BASES
from tests.support.edge_tpus import Simulator, simulated_edge_tpu
from tests.support.tiny_models import bare_model, colour_model, edgetpu_model, feature_extractor

RUN = RunOptions(num_threads=1)


def read(folder: Path, content: bytes) -> ModelInfo:
    path = folder / "m.tflite"
    path.write_bytes(content)
    return read_model(path)


@pytest.mark.parametrize("kind", BASES)
def test_features_are_the_means_of_the_image_and_the_scores_stay(kind: str, tmp_path: Path) -> None:
    if kind == "int8, two heads":
        pytest.skip("which of two heads has the scores is not in the file")
    model = read(tmp_path, BASES[kind]())
    plain, _ = open_session(model, RUN, override_facts())
    session, _ = open_session(model, RUN, override_facts(), extra="features")
    assert plain.extra is None
    assert session.extra is not None
    rng = np.random.default_rng(0)
    tensor = rng.integers(0, 100, model.input.shape).astype(model.input.dtype)
    scores, raw = session.interpreter.invoke_with_extra(tensor)
    assert (scores == plain.interpreter.invoke(tensor)).all()
    assert (scores == session.interpreter.invoke(tensor)).all()
    channels_first = model.input.shape[1] == 3
    expected = dequantize(tensor, model.input.quantization).mean(axis=(0, 2, 3) if channels_first else (0, 1, 2))
    np.testing.assert_allclose(dequantize(raw, session.extra.quantization).reshape(-1), expected, atol=0.01)


def test_a_clone_has_it_too(tmp_path: Path) -> None:
    session, _ = open_session(read(tmp_path, colour_model()), RUN, override_facts(), extra="feature map")
    clone = session.clone()
    assert clone.extra_output is session.extra_output  # the changed model is in memory once
    _, raw = clone.interpreter.invoke_with_extra(np.zeros((1, 8, 8, 3), np.uint8))
    assert raw.shape == (1, 8, 8, 3)


def test_an_extractor_gives_its_features_twice(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(feature_extractor())
    model = read_model(path, override_facts(output_kind="multilabel"))
    session, _ = open_session(model, RUN, override_facts(), extra="features")
    tensor = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
    scores, raw = session.interpreter.invoke_with_extra(tensor)
    assert (scores == raw.reshape(-1)).all() and scores.any()


def test_the_cpu_takes_over_with_the_same_extra_output(tmp_path: Path, simulator: Simulator) -> None:
    edge_tpu = simulated_edge_tpu(tmp_path, simulator)
    compiled = bare_model([(1, 8, 8, 3)], [(1, 3)], code="edgetpu-custom-op", output_scale=0.05)
    edge_tpu.model.write_bytes(compiled)
    simulator.switch(gone=1)
    overrides = override_facts(output_kind="multilabel")
    session, fallback = open_session(read_model(edge_tpu.model, overrides), RUN, overrides, extra="features")
    assert fallback is not None
    assert (session.device, session.model.path) == ("cpu", edge_tpu.sibling)
    _, raw = session.interpreter.invoke_with_extra(np.full((1, 8, 8, 3), 9, np.uint8))
    assert raw.tolist() == [[9, 9, 9]]


@pytest.mark.parametrize("fault", ["fail", "crash"])
def test_a_new_process_gives_it_too(fault: str, tmp_path: Path, simulator: Simulator) -> None:
    path = tmp_path / "extractor_edgetpu.tflite"
    path.write_bytes(bare_model([(1, 8, 8, 3)], [(1, 3)], code="edgetpu-custom-op", output_scale=0.05))
    overrides = override_facts(output_kind="multilabel")
    simulator.switch(**{fault: 4})
    run = RunOptions("edgetpu", num_threads=1)
    session, _ = open_session(read_model(path, overrides), run, overrides, extra="features")
    try:
        rows = [
            session.interpreter.invoke_with_extra(np.full((1, 8, 8, 3), colour, np.uint8))
            for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))
        ]
    finally:
        session.interpreter.close()
    assert [scores.argmax() for scores, _ in rows] == [0, 1, 2]
    assert all((raw.reshape(-1) == scores).all() for scores, raw in rows)
    assert len(simulator.pids()) == 2


def test_a_compiled_classifier_has_no_features(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="compiled for the Edge TPU and cannot be taken apart"):
        find_extra_output(read(tmp_path, edgetpu_model()), "features")


def test_what_is_tried_first_is_what_will_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model may crash a runtime only once it has been changed."""
    name = choose_runtime().name
    monkeypatch.setitem(RUNTIMES, name, RUNTIMES[name]._replace(crashes_on_damage=True))
    tried = []

    def run_child(*arguments: str, stdin: bytes, timeout_seconds: float) -> Ended:
        tried.append(stdin)
        return real(*arguments, stdin=stdin, timeout_seconds=timeout_seconds)

    real = trial.run_child
    monkeypatch.setattr(trial, "run_child", run_child)
    monkeypatch.setattr(trial, "cache_folder", lambda: tmp_path / "cache")
    model = read(tmp_path, colour_model())
    session, _ = open_session(model, RUN, override_facts(), extra="features")
    session.clone()
    open_session(model, RUN, override_facts())
    assert session.extra_output is not None
    assert tried == [session.extra_output.content, model.content]


def test_a_model_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not from a dense layer"):
        find_extra_output(read(tmp_path, bare_model()), "features")
