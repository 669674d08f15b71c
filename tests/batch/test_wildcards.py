"""Patterns: what they match, in which order, and that no tree makes them hang."""

from __future__ import annotations

import glob
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobiclass.batch.sources import ImageFinder
from mobiclass.batch.wildcards import matching_paths

TREE = (
    "a.jpg", "b.JPG", "c.png", ".h.jpg", "[x].jpg", "x.jpg", "one/a.jpg", "one/b.txt", "one/two/a.jpg", "one/two/c.jpg",
    "three/two/d.jpg", ".hidden/e.jpg", "[y]/f.jpg", "y/g.jpg",
)  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture(autouse=True)
def _in_the_tree(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["[x].jpg", "a.jpg", "x.jpg"]),
        ("?.[jJ][pP][gG]", ["a.jpg", "b.JPG", "x.jpg"]),
        (".*.jpg", [".h.jpg"]),
        ("*/*.jpg", ["[y]/f.jpg", "one/a.jpg", "y/g.jpg"]),
        ("./one/*", ["./one/a.jpg", "./one/b.txt", "./one/two"]),
        ("one/../*.png", ["one/../c.png"]),
        ("**/a.jpg", ["a.jpg", "one/a.jpg", "one/two/a.jpg"]),
        ("one/**/*.jpg", ["one/a.jpg", "one/two/a.jpg", "one/two/c.jpg"]),
        ("**/two/*", ["one/two/a.jpg", "one/two/c.jpg", "three/two/d.jpg"]),
        ("one/**", ["one", "one/two"]),
        ("[y]/*.jpg", ["[y]/f.jpg"]),  # there is a folder of that very name
        ("[z]/*.jpg", []),
        ("gone/*.jpg", []),
        ("gone/**/*.jpg", []),
        ("a.jpg/*", []),
        ("a.jpg/**", []),
    ],
)
def test_patterns_match_as_in_a_shell(pattern: str, expected: list[str]) -> None:
    assert list(matching_paths(pattern)) == expected


def test_an_absolute_pattern(tree: Path) -> None:
    assert list(matching_paths(f"{tree}/**/d.jpg")) == [f"{tree}/three/two/d.jpg"]
    assert list(matching_paths("/et?/host[n]ame"))[:1] in ([], ["/etc/hostname"])


PARTS = st.sampled_from(["*", "**", "one", "t*", "?wo", "*.jpg", "a.*", "[ac].???", "three", ".h*", "[!a]*"])


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=4).map("/".join))
def test_files_that_match_are_those_that_pythons_glob_finds(tree: Path, pattern: str) -> None:
    ours = {os.path.normpath(path) for path in matching_paths(f"{tree}/{pattern}")}
    theirs = {os.path.normpath(path) for path in glob.glob(f"{tree}/{pattern}", recursive=True)}  # noqa: PTH207
    if pattern.endswith("**"):  # here the folders alone, each of which stands for its images
        theirs = {path for path in theirs if Path(path).is_dir()}
    assert ours == theirs


def test_loops_of_links_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f/s").mkdir(parents=True)
    (tmp_path / "f/s/a.jpg").touch()
    # Two loops in one folder: Python's own glob would try 2^40 paths here.
    (tmp_path / "f/l1").symlink_to(".")
    (tmp_path / "f/l2").symlink_to("..")
    (tmp_path / "f/s/l3").symlink_to("../..")
    found = list(ImageFinder().find(["f/**/*.jpg"], io.BufferedReader(io.BytesIO())))
    assert len(found) == 1
    assert (tmp_path / found[0]).samefile(tmp_path / "f/s/a.jpg")


def test_a_match_comes_before_the_rest_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        (tmp_path / f"f/{number:02}").mkdir(parents=True)
        (tmp_path / f"f/{number:02}/a.jpg").touch()
    opened = []
    scandir = os.scandir
    monkeypatch.setattr("os.scandir", lambda folder: opened.append(folder) or scandir(folder))
    found = matching_paths("f/**/*.jpg")
    assert next(found) == "f/00/a.jpg"
    assert set(opened) == {"f", "f/00"}
    assert len(list(found)) == 29


def test_a_folder_that_cannot_be_listed_stands_for_what_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("f/locked", "f/open"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.jpg").touch()
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr("os.scandir", refuse)
    for pattern in ("f/**/*.jpg", "f/*/*.jpg", "f/**"):
        assert "f/locked" in list(matching_paths(pattern))
    assert list(matching_paths("f/*/*.jpg")) == ["f/locked", "f/open/a.jpg"]


def test_a_pattern_without_a_match_is_what_is_missing() -> None:
    assert list(ImageFinder().find(["*.tiff"], io.BufferedReader(io.BytesIO()))) == ["*.tiff"]


def test_a_file_of_that_very_name_is_meant() -> None:
    assert list(ImageFinder().find(["[x].jpg"], io.BufferedReader(io.BytesIO()))) == ["[x].jpg"]


def test_folders_that_match_give_their_images() -> None:
    assert list(ImageFinder().find(["o*"], io.BufferedReader(io.BytesIO()))) == [
        "one/a.jpg", "one/two/a.jpg", "one/two/c.jpg",
    ]  # fmt: skip
    assert list(ImageFinder(recursive=False).find(["one/**"], io.BufferedReader(io.BytesIO()))) == [
        "one/a.jpg", "one/two/a.jpg", "one/two/c.jpg",
    ]  # fmt: skip
