"""Photos to features: the same by any number of workers and from the cache, and a broken photo is told."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.images import Preprocessor, load_image
from mobiclass.teaching.base import Base, read_base
from mobiclass.teaching.features import Extraction, Extractor, Photo
from mobiclass.teaching.views import ALL_VIEWS, MANY_PHOTOS
from tests.conftest import MakeModel
from tests.support.colour_photos import write_colours

RUN = RunOptions(num_threads=1)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Photo]:
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "cache"))
    folder = write_colours(tmp_path / "photos", {"red": 4, "blue": 3})
    return [Photo(path.parent.name, str(path)) for path in sorted(folder.rglob("*.png"))]


def extractor(base: Base, *, jobs: int = 1, seed: int = 0) -> Extractor:
    return Extractor(base, RUN, base_sha256=base.model.sha256, seed=seed, jobs=jobs)


def extract(base: Base, photos: list[Photo], *, jobs: int = 1, seed: int = 0) -> Extraction:
    return extractor(base, jobs=jobs, seed=seed).extract(photos, Counter())


def tables(extraction: Extraction) -> list[tuple[str, bytes, bytes]]:
    return [(found.sha256, found.values.tobytes(), found.scales.tobytes()) for _, found in extraction.found]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_features_are_the_means_of_the_colours(make_model: MakeModel, photos: list[Photo], dtype: str) -> None:
    base = read_base(make_model(dtype=dtype))
    worker = extractor(base)
    extraction = worker.extract(photos, Counter())
    assert [photo for photo, _ in extraction.found] == photos
    preprocessor = Preprocessor(base.model.input, base.model.preprocessing)
    for photo, found in extraction.found:
        real = (found.values.astype(float) - worker.zero_point) * found.scales[:, np.newaxis]
        assert real.shape == (ALL_VIEWS, 3)
        pixels = preprocessor.pixels(load_image(photo.path, min_height=8, min_width=8))
        assert real[0] == pytest.approx((pixels.mean(axis=(0, 1)) - 127.5) / 127.5, abs=0.015)
        assert real[1] == pytest.approx(real[0], abs=0.02)  # mirrored


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(colours: Path, photos: list[Photo], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    device = tmp_path / "device.png"
    device.symlink_to("/dev/zero")
    odd = [Photo("red", str(tmp_path / "pipe.png")), Photo("red", str(device))]
    extraction = extract(read_base(colours), [*photos, *odd])
    assert [photo for photo, _ in extraction.found] == photos
    assert [error.kind for error in extraction.errors] == ["unreadable", "unreadable"]


def test_workers_and_cache_make_no_difference(colours: Path, photos: list[Photo]) -> None:
    base = read_base(colours)
    first = extract(base, photos, jobs=3)
    assert first.cached == 0
    again = extract(base, photos)
    assert again.cached == len(photos)
    assert tables(again) == tables(first)
    assert extract(base, photos, seed=1).cached == 0


def test_new_photos_alone_are_computed(colours: Path, photos: list[Photo]) -> None:
    base = read_base(colours)
    extract(base, photos[:5])
    assert extract(base, photos).cached == 5


def test_views_that_are_missing_in_the_cache_are_added(colours: Path, photos: list[Photo]) -> None:
    base = read_base(colours)
    whole = tables(extract(base, photos))
    for path in (Path(photos[0].path).parents[2] / "cache").rglob("*.features"):
        path.unlink()
    many = Counter({"red": MANY_PHOTOS, "blue": MANY_PHOTOS})
    few_views = extractor(base).extract(photos, many)
    assert {len(found.scales) for _, found in few_views.found} == {2}
    extraction = extract(base, photos)
    assert extraction.cached == 0
    assert tables(extraction) == whole


def test_a_broken_photo_is_told_and_the_others_have_features(
    colours: Path, photos: list[Photo], tmp_path: Path
) -> None:
    broken = tmp_path / "photos" / "red" / "broken.jpg"
    broken.write_bytes(b"no image")
    more = [*photos[:2], Photo("red", str(broken)), Photo("red", str(tmp_path / "gone.jpg")), *photos[2:]]
    seen: list[tuple[int, int]] = []
    extraction = extractor(read_base(colours), jobs=2).extract(
        more, Counter(), lambda so_far, total: seen.append((so_far.images, total))
    )
    assert [photo for photo, _ in extraction.found] == photos
    assert [(error.path, error.kind) for error in extraction.errors] == [
        (str(broken), "not_an_image"),
        (str(tmp_path / "gone.jpg"), "not_found"),
    ]
    assert extraction.failed == 2
    assert seen[-1] == (len(more), len(more))
