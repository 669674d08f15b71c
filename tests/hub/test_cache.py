"""The cache folder's place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mobiclass.hub.cache import cache_folder, holds


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


def test_a_file_is_known_again_by_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    digest = hashlib.sha256(content).hexdigest()
    path = tmp_path / "file"
    assert not holds(path, len(content), digest)
    path.write_bytes(content)
    assert holds(path, len(content), digest)
    assert not holds(path, len(content) - 1, digest)
    assert not holds(tmp_path, len(content), digest)
    path.write_bytes(content[:-1] + b"x")
    assert not holds(path, len(content), digest)
