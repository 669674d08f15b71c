"""The cache folder's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.cache import cache_folder


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if value is None:
        monkeypatch.delenv("MOBICLASS_CACHE")
    else:
        monkeypatch.setenv("MOBICLASS_CACHE", value)
    assert cache_folder().name == "mobiclass"
    assert tmp_path in cache_folder().parents
