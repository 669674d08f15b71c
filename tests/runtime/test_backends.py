"""Choosing and importing a runtime, and what is said where one is missing."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

import pytest

from mobiclass.errors import ModelError, SetupError
from mobiclass.runtime.backends import RUNTIMES, Runtime, choose_runtime, import_runtime, load_interpreter, one_line
from tests.support.tiny_models import colour_model


def pretend_installed(monkeypatch: pytest.MonkeyPatch, names: Collection[str]) -> None:
    """Let the runtimes of `names`, and no others, be installed."""
    monkeypatch.setattr(Runtime, "installed", property(lambda runtime: runtime.name in names))


def test_auto_takes_litert_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_installed(monkeypatch, ["litert", "tflite"])
    assert choose_runtime("auto").name == choose_runtime().name == "litert"
    pretend_installed(monkeypatch, ["tflite"])
    assert choose_runtime("auto").name == "tflite"


def test_the_named_runtime_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_installed(monkeypatch, ["litert", "tflite"])
    assert choose_runtime("tflite").package == "tflite-runtime"
    assert choose_runtime("litert").package == "ai-edge-litert"


def test_a_missing_runtime_is_an_error_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_installed(monkeypatch, ["litert"])
    with pytest.raises(SetupError, match=r"pip install 'mobiclass\[tflite-runtime\]', or use --runtime litert"):
        choose_runtime("tflite")
    pretend_installed(monkeypatch, ["tflite"])
    with pytest.raises(SetupError, match="pip install ai-edge-litert, or use --runtime tflite"):
        choose_runtime("litert")


def test_without_any_runtime_both_commands_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_installed(monkeypatch, [])
    with pytest.raises(SetupError, match=r"pip install ai-edge-litert.*mobiclass\[tflite-runtime\]"):
        choose_runtime()


def test_the_installed_runtime_has_a_version() -> None:
    assert choose_runtime().version[0].isdigit()


def test_a_runtime_that_pip_does_not_know_has_no_known_version() -> None:
    assert choose_runtime()._replace(package="no-such-package-here").version == "unknown"


def test_tflite_runtime_beside_numpy_2_is_an_error_before_it_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(
        SetupError, match=r"tflite-runtime needs NumPy 1 and this is NumPy 2\.1\.0: pip install 'numpy<2'"
    ):
        import_runtime(RUNTIMES["tflite"])


def test_a_runtime_that_is_not_installed_whole_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise ImportError(f"libstdc++.so.6: cannot open\nshared object ({name})")

    monkeypatch.setattr(importlib, "import_module", fail)
    runtime = choose_runtime()
    with pytest.raises(
        SetupError, match=r"cannot be imported \(libstdc\+\+\.so\.6: cannot open shared object"
    ) as caught:
        import_runtime(runtime)
    assert runtime.install in str(caught.value)


def test_a_model_that_the_runtime_refuses_is_a_model_error() -> None:
    # Sound, but of an operator that no runtime knows.
    from tests.support.tiny_models import edgetpu_model

    with pytest.raises(
        ModelError, match=r"^some/file: it needs the custom operator edgetpu-custom-op, which .* not have"
    ):
        load_interpreter(choose_runtime(), edgetpu_model(), "some/file", num_threads=1)


def test_an_interpreter_is_loaded_with_its_tensors_allocated() -> None:
    interpreter = load_interpreter(choose_runtime(), colour_model(), "m", num_threads=1)
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 8, 8, 3]


def test_messages_of_a_runtime_are_put_on_one_line() -> None:
    assert one_line(ValueError("a\n  b\t c\n")) == "a b c"
    assert one_line(MemoryError()) == "MemoryError"
