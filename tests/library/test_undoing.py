"""Photos that were moved go back: by content, name and time, over nothing, and nowhere else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.folders import folder_of
from mobiclass.library.sort_log import LOG_NAME
from mobiclass.library.sorting import Sorter, SortSummary
from mobiclass.library.undoing import undo_sorting
from tests.support.program import run
from tests.support.sorted_photos import make_photo, other_file_system, row, tree, write_rows


def sort(into: Path, rows: list[dict[str, Any]], mode: Any = "move") -> SortSummary:
    return Sorter(into, mode, folder_of("label")).run(lambda: rows)


def names(folder: Path) -> list[str]:
    return [*tree(folder)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a/one.jpg", "a/two.jpg", "b/three.jpg"):
        make_photo(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_what_was_moved_goes_back(photos: Path, tmp_path: Path) -> None:
    before = tree(photos)
    rows = [
        row(photos / name, label) for name, label in (("a/one.jpg", "cat"), ("a/two.jpg", "dog"), ("b/three.jpg", "x"))
    ]
    sort(tmp_path / "out", rows, "move")
    shutil.rmtree(photos)  # its folders too
    (tmp_path / "out" / "dog" / "mine.txt").write_text("not sorted here")
    assert undo_sorting(tmp_path / "out").transferred == 3
    assert tree(photos) == before
    assert names(tmp_path / "out") == ["dog/mine.txt"]  # and its folder


def test_going_back_overwrites_nothing(photos: Path, tmp_path: Path) -> None:
    sort(tmp_path / "out", [row(photos / "a/one.jpg")], "move")
    make_photo(photos / "a/one.jpg", b"another photo")
    summary = undo_sorting(tmp_path / "out")
    assert len(summary.problems) == 1
    assert (photos / "a/one.jpg").read_bytes() == b"another photo"
    assert names(tmp_path / "out") == ["cat/one.jpg"]
    (photos / "a/one.jpg").unlink()
    assert undo_sorting(tmp_path / "out").transferred == 1


def test_going_back_needs_a_log(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nothing was sorted into it"):
        undo_sorting(tmp_path)


def test_copies_and_links_stay_when_what_was_moved_goes_back(photos: Path, tmp_path: Path) -> None:
    sort(tmp_path / "out", [row(photos / "a/one.jpg")], "copy")
    assert undo_sorting(tmp_path / "out").transferred == 0
    assert names(tmp_path / "out") == ["cat/one.jpg"]


def test_a_dry_run_of_going_back_moves_nothing(photos: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [row(photos / "a/one.jpg"), row(photos / "a/two.jpg")])
    assert run("results", "sort", "rows.jsonl", "--into", "out", "--move", cwd=tmp_path).exit_code == 0
    make_photo(photos / "a/one.jpg", b"another photo")
    before = tree(tmp_path)
    done = run("results", "sort", "--into", "out", "--undo", "--dry-run", cwd=tmp_path)
    assert (done.exit_code, done.stdout) == (4, f"out/cat/two.jpg -> {photos}/a/two.jpg\n")
    assert "there is another file, so out/cat/one.jpg stays" in done.stderr
    assert tree(tmp_path) == before


def test_photos_that_were_sorted_again_after_going_back_in_part_go_back(photos: Path, tmp_path: Path) -> None:
    before = tree(photos)
    one, two = row(photos / "a/one.jpg"), row(photos / "a/two.jpg")
    sort(tmp_path / "out", [one, two])
    make_photo(photos / "a/two.jpg", b"in the way")
    assert len(undo_sorting(tmp_path / "out").problems) == 1
    sort(tmp_path / "out", [row(photos / "a/one.jpg", "dog")])
    (photos / "a/two.jpg").unlink()
    summary = undo_sorting(tmp_path / "out")
    assert (summary.transferred, summary.problems) == (2, [])
    assert tree(photos) == before
    assert [*(tmp_path / "out").iterdir()] == []


def test_two_photos_that_had_one_path_one_after_the_other(photos: Path, tmp_path: Path) -> None:
    path = photos / "a/one.jpg"
    sort(tmp_path / "out", [row(path)])
    make_photo(path, b"the next one")
    sort(tmp_path / "out", [row(path)])
    assert len(names(tmp_path / "out")) == 2
    summary = undo_sorting(tmp_path / "out")
    assert path.read_bytes() == b"the next one"
    assert [problem for _, problem in summary.problems] == [
        f"there is another file, so {tmp_path}/out/cat/one.jpg stays"
    ]
    assert names(tmp_path / "out") == ["cat/one.jpg"]


def test_the_time_comes_back_from_a_file_system_of_even_seconds(photos: Path, tmp_path: Path) -> None:
    before = tree(photos)
    rows = [row(photos / "a/one.jpg")]
    sort(tmp_path / "out", rows)
    moved = tmp_path / "out" / "cat" / "one.jpg"
    os.utime(moved, ns=(0, moved.stat().st_mtime_ns // (2 * 10**9) * 2 * 10**9))  # as FAT keeps it
    assert (sort(tmp_path / "out", rows).present, undo_sorting(tmp_path / "out").problems) == (1, [])
    assert tree(photos) == before


def test_a_photo_that_was_edited_in_its_folder_keeps_its_new_time(photos: Path, tmp_path: Path) -> None:
    sort(tmp_path / "out", [row(photos / "a/one.jpg")])
    make_photo(tmp_path / "out" / "cat" / "one.jpg", b"edited")
    edited = tree(tmp_path / "out")["cat/one.jpg"]
    assert undo_sorting(tmp_path / "out").problems == []
    assert tree(photos)["a/one.jpg"] == edited


@pytest.mark.skipif(other_file_system() is None, reason="NOT TESTED: there is no second file system")
def test_the_longest_name_comes_back_from_another_file_system(tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "photos" / ("\u732b" * 83 + ".jpg"))
    before = tree(tmp_path / "photos")
    other = other_file_system()
    assert other is not None
    out = other / f"mobiclass-undone-{os.getpid()}"
    try:
        sort(out, [row(photo)])
        assert undo_sorting(out).problems == []
        assert tree(tmp_path / "photos") == before
    finally:
        shutil.rmtree(out, ignore_errors=True)


@pytest.mark.parametrize(
    "target", ["/victim", "../victim", "cat/../../victim", "cat/deep/victim", "..", "", "cat/..", "victim"]
)
def test_a_log_that_leads_elsewhere_is_not_followed(target: str, tmp_path: Path) -> None:
    (tmp_path / "out" / "cat" / "deep").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "out", tmp_path / "out" / "cat" / "deep"):
        (folder / "victim").write_text("mine")
    if target == "/victim":
        target = f"{tmp_path}/victim"
    entries = [{"kind": "folder", "target": ".."}, {"kind": "folder", "target": "cat/deep"},
               {"kind": "move", "target": target, "source": f"{tmp_path}/stolen"}]  # fmt: skip
    (tmp_path / "out" / LOG_NAME).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (tmp_path / ".mobiclass-part-1").write_text("not in the folder")
    before = tree(tmp_path)
    summary = undo_sorting(tmp_path / "out")
    assert summary.problems == [(target, "the log names a place outside the folder")]
    assert tree(tmp_path) == before
    assert (tmp_path / ".mobiclass-part-1").exists()


def test_links_in_the_folder_are_not_followed(photos: Path, tmp_path: Path) -> None:
    sort(tmp_path / "out", [row(photos / "a/one.jpg"), row(photos / "a/two.jpg", "dog")])
    make_photo(tmp_path / "secret" / "one.jpg", b"secret")
    shutil.rmtree(tmp_path / "out" / "cat")
    (tmp_path / "out" / "cat").symlink_to(tmp_path / "secret")
    (tmp_path / "out" / "dog" / "two.jpg").unlink()
    (tmp_path / "out" / "dog" / "two.jpg").symlink_to(tmp_path / "secret" / "one.jpg")
    assert {problem for _, problem in undo_sorting(tmp_path / "out").problems} == {
        "a link, or in a folder that is one; it was not moved there"
    }
    assert names(tmp_path / "secret") == ["one.jpg"]
    assert names(photos) == ["b/three.jpg"]
