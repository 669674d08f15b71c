"""Which models are known, which are here, and in what state."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mobiclass.hub.catalog import BUILT_IN
from mobiclass.hub.inventory import KnownModel, known_models, needed_bytes
from tests.support.known_models import catalog_table, use_catalog

NAMES = ("here", "damaged", "cut", "begun", "away")
CONTENTS = {name: random.Random(name).randbytes(1000) for name in NAMES}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache with a model in each state."""
    use_catalog(monkeypatch, tmp_path / "package", [catalog_table(name, CONTENTS[name]) for name in NAMES])
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("MOBICLASS_CACHE", str(folder))
    (folder / "here.tflite").write_bytes(CONTENTS["here"])
    (folder / "damaged.tflite").write_bytes(CONTENTS["damaged"][:-1] + b"\0")
    (folder / "cut.tflite").write_bytes(CONTENTS["cut"][:500])
    (folder / "begun.tflite.part").write_bytes(CONTENTS["begun"][:500])
    (folder / "mine.tflite").write_bytes(b"my own")
    (folder / "alias.tflite").write_bytes(CONTENTS["away"])
    (folder / "folder.tflite").mkdir()
    (folder / "notes.txt").write_bytes(b"")
    return folder


def test_every_model_is_listed_in_its_state(cache: Path) -> None:
    models = {model.name: model for model in known_models()}
    assert {name: model.state for name, model in models.items()} == {
        BUILT_IN: "built-in", "here": "pulled", "damaged": "damaged", "cut": "damaged", "begun": "partial",
        "away": "not here", "alias": "own", "mine": "own",
    }  # fmt: skip
    assert list(models)[0] == BUILT_IN
    assert models["here"].path == cache / "here.tflite"
    assert [name for name, model in models.items() if model.path is None] == ["damaged", "cut", "begun", "away"]
    assert models["cut"].bytes == 1000
    assert (models["mine"].bytes, models["mine"].entry) == (6, None)


def test_a_known_model_under_another_name_is_known_by_its_bytes(cache: Path) -> None:
    alias = next(model for model in known_models() if model.name == "alias")
    assert alias.entry is not None
    assert alias.entry.name == "away"


def test_without_a_cache_nothing_is_here(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "nowhere"))
    assert [model.state for model in known_models()] == ["built-in", *["not here"] * 5]
    assert not (tmp_path / "nowhere").exists()


def test_what_wants_more_than_there_is_is_too_big() -> None:
    model = KnownModel("m", "own", 1_000_000, None, None)
    assert model.too_big(59_000_000)
    assert not model.too_big(60_000_000)
    assert not model.too_big(None)


def test_a_larger_model_wants_more() -> None:
    assert 50e6 < needed_bytes(0) < needed_bytes(5_000_000) < 80e6
    assert needed_bytes(18_544_312) == pytest.approx(98e6, rel=0.1)  # as was measured
