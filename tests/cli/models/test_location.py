"""What ``-v`` says of where a model was found, by the commands that look for one."""

from __future__ import annotations

from pathlib import Path

from mobiclass.hub.catalog import find_model
from tests.conftest import MakeModel
from tests.support.program import run


def test_verbose_reports_where_the_model_was_found(make_model: MakeModel, tmp_path: Path) -> None:
    cached = make_model(name="cached")
    env = {"MOBICLASS_CACHE": str(cached.parent)}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (copy := elsewhere / "m.tflite").write_bytes(cached.read_bytes())
    for name, place, path in (
        ("efficientnet_lite0", "built-in model", find_model()),
        ("cached", "model in the cache folder", cached),
        (copy, "model file outside the cache folder", copy),
    ):
        outcome = run("models", "path", "-v", name, env=env)
        assert (outcome.stdout, outcome.stderr) == (f"{path}\n", f"{place}: {path}\n")
        assert run("models", "show", "-v", name, env=env).stderr == f"{place}: {path}\n"
