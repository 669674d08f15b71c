"""The command: its exit codes, what it says where, and that nothing is left behind by a failure."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tools.build_builtin_model.command import main
from tools.build_builtin_model.variants import VARIANTS, Variant
from tools.errors import CalibrationError, DependencyError

builtin_model = pytest.importorskip(
    "tools.build_builtin_model.build", reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is not installed"
)


@pytest.fixture
def built(monkeypatch: Any) -> Any:
    """Stand in for the recipe, which takes TensorFlow and half a minute."""
    models = builtin_model.BuiltModels(int8=b"int8 model", float32=b"float model")
    monkeypatch.setattr("tools.build_builtin_model.build.build", lambda variant: models)
    return models


def test_writes_both_models_and_says_what(tmp_path: Path, built: Any) -> None:
    output, float_output = tmp_path / "a.tflite", tmp_path / "b.tflite"
    result = CliRunner().invoke(main, ["-o", str(output), "--float-output", str(float_output)])
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"{output}: 10 bytes, sha256 {hashlib.sha256(built.int8).hexdigest()}" in result.stderr
    assert (output.read_bytes(), float_output.read_bytes()) == (built.int8, built.float32)


def test_the_float_model_is_written_on_request_only(tmp_path: Path, built: Any) -> None:
    assert CliRunner().invoke(main, ["-o", str(tmp_path / "a.tflite")]).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.tflite"]


@pytest.mark.parametrize("error", [DependencyError("TensorFlow is not installed"), CalibrationError("too few")])
def test_a_failure_is_one_line_and_leaves_the_old_file(tmp_path: Path, monkeypatch: Any, error: Exception) -> None:
    def fail(variant: Variant) -> None:
        raise error

    monkeypatch.setattr("tools.build_builtin_model.build.build", fail)
    output = tmp_path / "a.tflite"
    output.write_bytes(b"old")
    result = CliRunner().invoke(main, ["-o", str(output)])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"Error: {error}"
    assert output.read_bytes() == b"old"


def test_a_missing_folder_is_found_before_building(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tools.build_builtin_model.build.build", lambda variant: pytest.fail("was started"))
    result = CliRunner().invoke(main, ["-o", str(tmp_path / "nowhere" / "a.tflite")])
    assert result.exit_code == 3
    assert "does not exist; create it first" in result.stderr


def test_two_outputs_cannot_be_one_file(tmp_path: Path, built: Any) -> None:
    path = str(tmp_path / "a.tflite")
    result = CliRunner().invoke(main, ["-o", path, "--float-output", path])
    assert result.exit_code == 3
    assert "cannot be the same file" in result.stderr
    assert not list(tmp_path.iterdir())


def test_each_variant_is_built_into_a_file_of_its_name(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        "tools.build_builtin_model.build.build",
        lambda variant: builtin_model.BuiltModels(variant.name.encode(), variant.title.encode()),
    )
    monkeypatch.chdir(tmp_path)
    for variant in ("lite1", "lite2"):
        result = CliRunner().invoke(main, ["--variant", variant])
        assert result.exit_code == 0, result.output
        assert (tmp_path / f"efficientnet_{variant}.tflite").read_text() == f"efficientnet_{variant}"
    assert CliRunner().invoke(main, ["--variant", "lite9"]).exit_code == 2


def test_help_and_usage() -> None:
    assert "Exit codes" in CliRunner().invoke(main, ["--help"]).stdout
    assert CliRunner().invoke(main, ["--no-such-option"]).exit_code == 2
    assert CliRunner().invoke(main, ["an argument"]).exit_code == 2


@pytest.mark.parametrize("weights", ["missing", "other version", "other bytes"])
def test_other_weights_are_refused(tmp_path: Path, monkeypatch: Any, weights: str) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.2.0" if weights == "other version" else "0.1.0")
    monkeypatch.setattr("tools.build_builtin_model.build.package_folder", lambda module, distribution: tmp_path)
    if weights == "other bytes":
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"evil")
    reason = {"missing": "cannot be read", "other version": r"0\.1\.0 is needed", "other bytes": "has the SHA-256"}
    with pytest.raises(DependencyError, match=reason[weights]):
        builtin_model._weights(VARIANTS["lite0"])
