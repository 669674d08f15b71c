"""The cache of features: what was written comes back, and what is damaged or in the way costs time alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mobiclass.teaching.feature_cache import FeatureCache
from mobiclass.teaching.samples import PhotoFeatures

SHA256 = "ab" * 32


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def features(views: int = 2, sha256: str = SHA256) -> PhotoFeatures:
    values = np.arange(views * 6, dtype=np.int8).reshape(views, 6) - 5
    return PhotoFeatures(sha256, values, np.linspace(0.1, 0.2, views, dtype=np.float32))


def test_features_come_back() -> None:
    FeatureCache("a way").write(features())
    found = FeatureCache("a way").read(SHA256, 6)
    assert found is not None
    assert np.array_equal(found.values, features().values)
    assert np.array_equal(found.scales, features().scales)
    assert FeatureCache("another way").read(SHA256, 6) is None
    assert FeatureCache("a way").read("cd" * 32, 6) is None


def test_more_views_replace_fewer() -> None:
    cache = FeatureCache("a way")
    cache.write(features(2))
    cache.write(features(8))
    found = cache.read(SHA256, 6)
    assert found is not None
    assert len(found.scales) == 8


def test_damaged_files_are_as_good_as_none(root: Path) -> None:
    cache = FeatureCache("a way")
    cache.write(features())
    (path,) = root.rglob("*.features")
    content = path.read_bytes()
    for damaged in (b"", content[:10], content[:-1], content[:-1] + b"\0", content + b"\0" * 10):
        path.write_bytes(damaged)
        assert cache.read(SHA256, 6) is None
    path.write_bytes(content)
    assert cache.read(SHA256, 7) is None
    assert cache.read(SHA256, 6) is not None


def test_the_files_used_longest_ago_are_dropped(root: Path) -> None:
    cache = FeatureCache("a way")
    for number in range(5):
        cache.write(features(sha256=f"{number:064x}"))
    for number, path in enumerate(sorted(root.rglob("*.features"))):
        os.utime(path, (number, number))
    (root / "features" / "notes.txt").write_text("somebody's")
    assert cache.read(f"{0:064x}", 6) is not None  # used now
    cache.prune(2 * max(path.stat().st_size for path in root.rglob("*.features")))
    assert sorted(path.stem[-1] for path in root.rglob("*.features")) == ["0", "4"]
    assert (root / "features" / "notes.txt").exists()


def test_a_cache_that_cannot_be_written_is_none(root: Path) -> None:
    root.write_text("a file in its place")
    cache = FeatureCache("a way")
    cache.write(features())
    cache.prune()
    assert cache.read(SHA256, 6) is None
