"""The albums that the pictures show: photos under everyday names, and what fails among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.errors import ImageError
from mobiclass.images import upright_image
from tools.screenshots.photos import make_album, make_labelled_album

pytest.importorskip("skimage", reason="NOT TESTED on photos: scikit-image is not installed")


def test_the_album_has_ten_photos_and_two_files_that_fail(tmp_path: Path) -> None:
    make_album(tmp_path / "album")
    failed = {}
    for path in sorted((tmp_path / "album").iterdir()):
        try:
            upright_image(path, min_height=224, min_width=224)
        except ImageError as error:
            failed[path.name] = error.kind
    assert failed == {"copied too early.jpg": "truncated", "notes.jpg": "not_an_image"}
    assert len(list((tmp_path / "album").iterdir())) == 12


def test_the_labelled_album_has_four_photos_a_class(tmp_path: Path) -> None:
    make_labelled_album(tmp_path / "labelled")
    folders = sorted((tmp_path / "labelled").iterdir())
    assert [(folder.name, len(list(folder.iterdir()))) for folder in folders] == [
        ("espresso", 4), ("missile", 4), ("tabby_cat", 4), ("tripod", 4),
    ]  # fmt: skip
