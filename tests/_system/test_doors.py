"""The doors of the rooms: lazy, and no more than what they name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

DOOR = 'from mobiclass._system import open_door\n\nopen_door(__name__, {"inner": ("a", "B")})\n'


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Give a package with a door in front of one module."""
    (tmp_path / "parlour").mkdir()
    (tmp_path / "parlour" / "__init__.py").write_text(DOOR)
    (tmp_path / "parlour" / "inner.py").write_text("a, B, c = 1, 2, 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("parlour")
    for name in [name for name in sys.modules if name.partition(".")[0] == "parlour"]:
        del sys.modules[name]


def test_a_module_is_loaded_when_one_of_its_names_is_wanted(room: ModuleType) -> None:
    assert "parlour.inner" not in sys.modules
    assert (room.a, room.B) == (1, 2)
    assert "parlour.inner" in sys.modules


def test_what_the_door_does_not_name_is_not_there(room: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'parlour' has no attribute 'c'"):
        _ = room.c
    with pytest.raises(ImportError, match="cannot import name 'c' from 'parlour'"):
        exec("from parlour import c")


def test_what_replaces_a_name_in_its_module_is_what_others_get(room: ModuleType) -> None:
    assert room.a == 1
    sys.modules["parlour.inner"].a = 4  # type: ignore[attr-defined]
    assert room.a == 4


def test_it_lists_its_names(room: ModuleType) -> None:
    assert {"a", "B"} <= set(dir(room))
    assert "inner" not in dir(room)
