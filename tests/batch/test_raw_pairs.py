"""Raw files beside the camera's JPEG: one photo, one row."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mobiclass.batch.raw_pairs import RAW_SUFFIXES, without_paired_raws
from mobiclass.batch.sources import IMAGE_SUFFIXES, ImageFinder
from mobiclass.evaluation.dataset import list_class_folders


@pytest.mark.parametrize(
    "names, left_out",
    [
        (["a.jpg", "a.NEF"], ["a.NEF"]),
        (["IMG_1.CR2", "IMG_1.JPG", "IMG_1.XMP"], ["IMG_1.CR2"]),
        (["img_1.cr3", "IMG_1.jpeg"], ["img_1.cr3"]),
        (["a.dng", "a.arw", "a.jpg"], ["a.dng", "a.arw"]),
        (["a.nef", "b.jpg"], []),
        (["a.nef", "a.nef.jpg"], []),
        (["a.nef", "a.png"], []),
        (["a.tif", "a.jpg", "a.png"], []),
        (["nef", ".nef", "a"], []),
        ([], []),
    ],
)
def test_the_jpeg_stands_for_both(names: list[str], left_out: list[str]) -> None:
    assert without_paired_raws(names) == [name for name in names if name not in left_out]


@pytest.mark.parametrize("all_files", [False, True])
def test_in_folders_but_not_by_name(tmp_path: Path, all_files: bool) -> None:
    for name in ("a/1.jpg", "a/1.NEF", "a/2.dng", "a/b/1.nef", "a/b/2.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    finder, folder = ImageFinder(all_files=all_files), tmp_path / "a"
    found = finder.find([str(folder), str(folder / "1.NEF")], io.BufferedReader(io.BytesIO()))  # type: ignore[arg-type]
    assert [Path(path).relative_to(folder).as_posix() for path in found] == [
        "1.jpg", "2.dng", "b/1.nef", "b/2.jpg", "1.NEF",
    ]  # fmt: skip
    assert finder.paired_raws == 1
    classes = list_class_folders(str(tmp_path), all_files=all_files)
    assert [Path(path).name for path in classes.paths(["a"])] == ["1.jpg", "2.dng", "1.nef", "2.jpg"]


def test_raw_files_are_images() -> None:
    assert RAW_SUFFIXES < IMAGE_SUFFIXES
