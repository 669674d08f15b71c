"""Which files a batch takes from folders and names, in which order, and each of them once."""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobiclass.batch.sources import IMAGE_SUFFIXES, ImageFinder


def find(*sources: str | Path, stdin: bytes = b"", **how: bool) -> list[str]:
    return list(stream(*sources, stdin=stdin, **how))


def stream(*sources: str | Path, stdin: bytes = b"", **how: bool) -> Iterator[str]:
    return ImageFinder(**how).find([str(source) for source in sources], io.BufferedReader(io.BytesIO(stdin)))  # type: ignore[arg-type]


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_files_come_sorted_and_before_the_subfolders_one_folder_at_a_time(tmp_path: Path) -> None:
    touch(tmp_path, "f/b.jpg", "f/a.png", "f/B.jpg", "f/a/z.jpg", "f/a/y.jpg", "f/a/deep/x.jpg", "f/c/w.jpg")
    assert find("f") == [
        "f/B.jpg", "f/a.png", "f/b.jpg", "f/a/y.jpg", "f/a/z.jpg", "f/a/deep/x.jpg", "f/c/w.jpg",
    ]  # fmt: skip
    assert find("f", recursive=False) == ["f/B.jpg", "f/a.png", "f/b.jpg"]


def test_sources_keep_their_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/1.jpg", "a/2.jpg", "3.jpg")
    assert find("b", "3.jpg", "a") == ["b/1.jpg", "3.jpg", "a/2.jpg"]


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_folders_are_searched_for_every_image_suffix_in_any_case(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"f/a{suffix}", f"f/b{suffix.upper()}", f"f/c{suffix.title()}", f"f/d{suffix}x", f"f/{suffix[1:]}")
    assert find("f") == [f"f/a{suffix}", f"f/b{suffix.upper()}", f"f/c{suffix.title()}"]


def test_all_files_takes_every_suffix_but_nothing_hidden(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.txt", "f/b", "f/c.jpg", "f/.d.jpg", "f/.git/e.jpg")
    assert find("f", all_files=True) == ["f/a.txt", "f/b", "f/c.jpg"]
    assert find("f") == ["f/c.jpg"]


def test_what_is_named_outright_needs_no_suffix_and_may_be_hidden(tmp_path: Path) -> None:
    touch(tmp_path, "a.data", ".b.jpg", ".hidden/c.jpg")
    assert find("a.data", ".b.jpg", ".hidden") == ["a.data", ".b.jpg", ".hidden/c.jpg"]


def test_what_is_missing_is_given_once(tmp_path: Path) -> None:
    assert find("gone.jpg", "", "gone.jpg", "./gone.jpg") == ["gone.jpg", ""]


def test_a_missing_file_of_a_folder_that_was_listed_is_given(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.jpg")
    assert find("f", "f/gone.jpg", "f/a.jpg") == ["f/a.jpg", "f/gone.jpg"]


def test_a_file_that_came_after_its_folder_was_listed_is_given(tmp_path: Path) -> None:
    # As when a list of what arrives is piped in: inotifywait … | mobiclass batch f -
    touch(tmp_path, "f/a.jpg")
    found = ImageFinder().find(["f", "f/new.jpg", "f/a.jpg", "f/new.jpg"], io.BufferedReader(io.BytesIO()))
    assert next(found) == "f/a.jpg"
    touch(tmp_path, "f/new.jpg")
    assert list(found) == ["f/new.jpg"]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("f", "f"), ["f/a.jpg", "f/s/b.jpg"]),
        (("f", "f/s"), ["f/a.jpg", "f/s/b.jpg"]),
        (("f/s", "f"), ["f/s/b.jpg", "f/a.jpg"]),
        (("f", "f/s/b.jpg", "f/a.jpg"), ["f/a.jpg", "f/s/b.jpg"]),
        (("f/s/b.jpg", "f"), ["f/s/b.jpg", "f/a.jpg"]),
        (("f/a.jpg", "./f/a.jpg", "f/s/../a.jpg"), ["f/a.jpg"]),
        (("f/.", "f/s/.."), ["f/./a.jpg", "f/./s/b.jpg"]),
        (("f/*.jpg", "f"), ["f/a.jpg", "f/s/b.jpg"]),
    ],
)
def test_each_file_comes_once_however_arguments_overlap(
    tmp_path: Path, sources: tuple[str, ...], expected: list[str]
) -> None:
    touch(tmp_path, "f/a.jpg", "f/s/b.jpg")
    assert find(*sources) == expected


def test_a_folder_that_was_listed_flat_gives_its_subfolders_later(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.jpg", "f/s/b.jpg")
    finder = ImageFinder(recursive=False)
    assert list(finder.find(["f", "f/s", "f"], io.BufferedReader(io.BytesIO()))) == ["f/a.jpg", "f/s/b.jpg"]


def test_files_that_a_folder_does_not_take_count_when_they_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.jpg", "f/notes", "f/.b.jpg")
    assert find("f", "f/notes", "f/.b.jpg", "f/notes") == ["f/a.jpg", "f/notes", "f/.b.jpg"]


class TestLinks:
    def test_a_link_to_a_file_that_comes_anyway_adds_nothing(self, tmp_path: Path) -> None:
        touch(tmp_path, "f/z.jpg", "f/s/y.jpg")
        (tmp_path / "f/a.jpg").symlink_to("z.jpg")
        (tmp_path / "f/b.jpg").symlink_to("s/y.jpg")
        # b.jpg is reached first: the file behind it comes under that name, and not again.
        assert find("f") == ["f/b.jpg", "f/z.jpg"]

    def test_a_link_to_a_file_elsewhere_counts_once(self, tmp_path: Path) -> None:
        touch(tmp_path, "f/z.jpg", "else/a.data")
        for name in ("f/1.jpg", "f/2.jpg"):
            (tmp_path / name).symlink_to(tmp_path / "else/a.data")
        assert find("f", "else/a.data") == ["f/1.jpg", "f/z.jpg"]

    def test_hard_links_are_files_of_their_own(self, tmp_path: Path) -> None:
        touch(tmp_path, "f/a.jpg")
        os.link(tmp_path / "f/a.jpg", tmp_path / "f/b.jpg")
        assert find("f", "f/b.jpg") == ["f/a.jpg", "f/b.jpg"]

    def test_links_to_folders_are_followed_and_loops_end(self, tmp_path: Path) -> None:
        touch(tmp_path, "f/a.jpg", "f/s/b.jpg", "else/c.jpg")
        (tmp_path / "f/s/parent").symlink_to("..")
        (tmp_path / "f/s/self").symlink_to(".")
        (tmp_path / "f/s/else").symlink_to(tmp_path / "else")
        (tmp_path / "f/t").symlink_to("s")
        assert find("f") == ["f/a.jpg", "f/s/b.jpg", "f/s/else/c.jpg"]
        assert find("f", "else") == ["f/a.jpg", "f/s/b.jpg", "f/s/else/c.jpg"]
        assert find("f", recursive=False) == ["f/a.jpg"]

    @pytest.mark.parametrize("target", ["missing.jpg", "x.jpg", "y.jpg", "/nowhere/x.jpg"])
    def test_a_link_that_leads_nowhere_is_given(self, tmp_path: Path, target: str) -> None:
        folder = touch(tmp_path / "f", "z.jpg")
        (folder / "x.jpg").symlink_to(target)
        if target == "y.jpg":  # a loop of two
            (folder / "y.jpg").symlink_to("x.jpg")
        assert "f/x.jpg" in find("f")
        assert "f/z.jpg" in find("f")


class TestStreaming:
    def test_a_tree_is_listed_no_further_than_it_is_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(50):
            touch(tmp_path, f"f/{number:02}/a.jpg")
        opened = []
        scandir = os.scandir
        monkeypatch.setattr("os.scandir", lambda folder: opened.append(str(folder)) or scandir(folder))
        found = stream("f")
        assert next(found) == "f/00/a.jpg"
        assert opened == ["f", "f/00"]
        assert next(found) == "f/01/a.jpg"
        assert opened == ["f", "f/00", "f/01"]
        assert len(list(found)) == 48

    def test_a_folder_that_vanishes_meanwhile_is_given_itself(self, tmp_path: Path) -> None:
        touch(tmp_path, "f/a.jpg", "f/s/b.jpg", "f/t/c.jpg")
        found = stream("f")
        assert next(found) == "f/a.jpg"
        (tmp_path / "f/s/b.jpg").unlink()
        (tmp_path / "f/s").rmdir()
        assert list(found) == ["f/s", "f/t/c.jpg"]

    def test_a_folder_that_cannot_be_listed_is_given_itself_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        touch(tmp_path, "f/a.jpg", "f/locked/b.jpg", "f/z/c.jpg")
        scandir = os.scandir

        def refuse(folder: str) -> object:
            if str(folder).endswith("locked"):
                raise PermissionError(13, "Permission denied")
            return scandir(folder)

        monkeypatch.setattr("os.scandir", refuse)
        assert find("f", "f/locked") == ["f/a.jpg", "f/locked", "f/z/c.jpg"]

    def test_folders_may_be_nested_deeper_than_calls(self, tmp_path: Path) -> None:
        depth = 250
        (tmp_path / "f").mkdir()
        descriptor = os.open("f", os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=descriptor)
            below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.close(descriptor)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(len(inspect.stack(0)) + 150)
        try:
            assert find("f") == ["f/" + "d/" * depth + "a.jpg"]
            assert find("f/**/*.jpg") == ["f/" + "d/" * depth + "a.jpg"]
        finally:
            sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline.jpg",
        b"\xff\xfe.jpg",
        "\u202egpj.gnp.jpg".encode(),
        "🐈.jpg".encode(),
        b"-rf.jpg",
        b" .jpg",
        b"[a].jpg",
    ],
)
def test_strange_names_come_as_they_are(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "f").mkdir()
    try:
        (tmp_path / "f" / os.fsdecode(name)).touch()
    except OSError:
        pytest.skip("NOT TESTED: this file system refuses such names")
    assert [os.fsencode(path) for path in find("f")] == [b"f/" + name]
    assert [os.fsencode(path) for path in find(os.fsdecode(b"f/" + name))] == [b"f/" + name]
