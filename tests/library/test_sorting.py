"""Sorting photos into folders: what goes where, twice, after a crash, out of space, and back again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.folders import folder_of
from mobiclass.library.sorting import Sorter, SortSummary
from mobiclass.library.undoing import undo_sorting
from tests.support.program import run
from tests.support.sorted_photos import digests, failed, make_photo, other_file_system, row, tree, write_rows

UNKNOWN = {"decision": {"label": "unknown", "score": 0.3, "kind": "unknown"}}
BY_LABEL = folder_of("label")


def sort(into: Path, rows: list[dict[str, Any]], mode: Any = "copy", **options: Any) -> SortSummary:
    return Sorter(into, mode, BY_LABEL, **options).run(lambda: rows)


def names(folder: Path) -> list[str]:
    return [*tree(folder)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a/one.jpg", "a/two.jpg", "b/three.jpg"):
        make_photo(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_photos_go_into_the_folder_of_their_label(mode: str, photos: Path, tmp_path: Path) -> None:
    before = tree(photos)
    rows = [row(photos / "a/one.jpg"), row(photos / "a/two.jpg", "dog"), row(photos / "b/three.jpg")]
    summary = sort(tmp_path / "out", rows, mode)
    assert names(tmp_path / "out") == ["cat/one.jpg", "cat/three.jpg", "dog/two.jpg"]
    assert (summary.transferred, summary.problems, dict(summary.folders)) == (3, [], {"cat": 2, "dog": 1})
    assert tree(tmp_path / "out")["dog/two.jpg"] == before["a/two.jpg"]  # content and time
    assert tree(photos) == ({} if mode == "move" else before)


@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_a_second_run_changes_nothing(mode: str, photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg"), row(photos / "a/two.jpg", "dog")]
    sort(tmp_path / "out", rows, mode)
    after = tree(tmp_path / "out")
    summary = sort(tmp_path / "out", rows, mode)
    assert (summary.transferred, summary.present, summary.problems) == (0, 2, [])
    assert tree(tmp_path / "out") == after


def test_the_unknown_and_the_failed_have_folders_of_their_own(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg", **UNKNOWN), failed(photos / "a/two.jpg"), row(photos / "b/three.jpg", "unknown")]
    sort(tmp_path / "out", rows)
    unknown, errors, label = sorted(names(tmp_path / "out"), key=lambda name: (name[0] != "u" or "~" in name, name))
    assert (unknown, errors) == ("unknown/one.jpg", "errors/two.jpg")
    assert label.startswith("unknown~")  # a class of that name is not taken for it
    assert label.endswith("/three.jpg")


def test_decisions_come_before_predictions(photos: Path, tmp_path: Path) -> None:
    decision = {"label": "domestic cat", "score": 0.92, "kind": "group"}
    sort(tmp_path / "out", [row(photos / "a/one.jpg", "tabby", 0.4, decision=decision)], min_score=0.9)
    assert names(tmp_path / "out") == ["domestic cat/one.jpg"]


def test_photos_of_one_name_both_get_a_mark_whatever_the_order(tmp_path: Path) -> None:
    paths = [make_photo(tmp_path / "photos" / folder / "img.jpg") for folder in "abc"]
    rows = [row(path) for path in paths]
    sort(tmp_path / "one", rows)
    sort(tmp_path / "other", rows[::-1])
    assert tree(tmp_path / "one") == tree(tmp_path / "other")
    assert len(names(tmp_path / "one")) == 3
    assert all(name.startswith("cat/img~") and name.endswith(".jpg") for name in names(tmp_path / "one"))


def test_names_that_differ_in_case_alone_do_not_meet(tmp_path: Path) -> None:
    rows = [
        row(make_photo(tmp_path / "photos" / folder / name)) for folder, name in (("a", "IMG.jpg"), ("b", "img.jpg"))
    ]
    sort(tmp_path / "out", rows)
    assert len({name.casefold() for name in names(tmp_path / "out")}) == 2


@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_a_later_run_of_other_rows_overwrites_nothing(mode: str, tmp_path: Path) -> None:
    first, second = (make_photo(tmp_path / "photos" / folder / "img.jpg") for folder in "ab")
    before = digests(tmp_path / "photos")
    sort(tmp_path / "out", [row(first)], mode)
    rows = [row(second)]
    sort(tmp_path / "out", rows, mode)
    assert len(names(tmp_path / "out")) == 2
    assert sort(tmp_path / "out", rows, mode).present == 1
    assert digests(tmp_path / "out") == before


def test_the_best_of_each_folder(photos: Path, tmp_path: Path) -> None:
    rows = [
        row(photos / "a/one.jpg", score=0.5),
        row(photos / "a/two.jpg", score=0.9),
        row(photos / "b/three.jpg", "dog"),
    ]
    summary = sort(tmp_path / "out", rows, top=1)
    assert names(tmp_path / "out") == ["cat/two.jpg", "dog/three.jpg"]
    assert summary.left_out == 1


def test_a_photo_in_two_rows_is_sorted_once(photos: Path, tmp_path: Path) -> None:
    assert sort(tmp_path / "out", [row(photos / "a/one.jpg")] * 3).transferred == 1


def test_only_photos_that_are_as_they_were_are_moved(photos: Path, tmp_path: Path) -> None:
    changed = row(photos / "a/one.jpg")
    (photos / "a/one.jpg").write_bytes(b"edited")
    unknown_age = {name: value for name, value in row(photos / "a/two.jpg").items() if name != "mtime_ns"}
    before = tree(photos)
    summary = sort(tmp_path / "out", [changed, unknown_age], "move")
    assert [problem for _, problem in summary.problems] == [
        "it has changed since it was classified; classify it again",
        "its row does not say how large and how old it was; only --copy and --link can sort it",
    ]
    assert tree(photos) == before
    assert sort(tmp_path / "out", [unknown_age], "link").transferred == 1


def test_a_missing_photo_is_a_problem_and_the_others_are_sorted(photos: Path, tmp_path: Path) -> None:
    summary = sort(tmp_path / "out", [row(photos / "gone.jpg"), row(photos / "a/one.jpg")])
    assert summary.transferred == 1
    assert summary.problems == [(str(photos / "gone.jpg"), "the photo cannot be read (No such file or directory)")]


@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_rows_that_are_added_leave_what_is_there_under_its_name(mode: str, tmp_path: Path) -> None:
    first, second = (make_photo(tmp_path / "photos" / folder / "img.jpg") for folder in "ab")
    before = digests(tmp_path / "photos")
    rows = [row(first), row(second)]
    sort(tmp_path / "out", rows[:1], mode)
    summary = sort(tmp_path / "out", rows, mode)
    assert (summary.transferred, summary.present, summary.problems) == (1, 1, [])
    assert "cat/img.jpg" in names(tmp_path / "out")
    assert digests(tmp_path / "out") == before
    assert sort(tmp_path / "out", rows[:1], mode).present == 1


def test_the_copy_on_a_file_system_of_even_seconds_is_known_again(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg")]
    sort(tmp_path / "out", rows)
    copied = tmp_path / "out" / "cat" / "one.jpg"
    os.utime(copied, ns=(0, copied.stat().st_mtime_ns // (2 * 10**9) * 2 * 10**9))  # as FAT keeps it
    assert sort(tmp_path / "out", rows).present == 1
    assert names(tmp_path / "out") == ["cat/one.jpg"]


def test_moved_by_date_twice_is_once(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg")]
    for found in (1, 0):
        summary = Sorter(tmp_path / "out", "move", folder_of("date")).run(lambda: rows)
        assert (summary.transferred, summary.present, summary.problems) == (found, 1 - found, [])


def test_what_an_earlier_run_has_moved_elsewhere_is_named(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg")]
    sort(tmp_path / "out", rows, "move")
    for mode in ("copy", "link", "move"):
        summary = sort(tmp_path / "out", [rows[0] | row("", "dog") | {"path": rows[0]["path"]}], mode)
        place = tmp_path / "out" / "cat" / "one.jpg"
        assert summary.problems == [
            (str(photos / "a/one.jpg"), f"an earlier run has moved it to {place}; --undo puts it back")
        ]
    assert names(tmp_path / "out") == ["cat/one.jpg"]


def test_a_move_that_was_interrupted_is_not_made_to_another_folder(photos: Path, tmp_path: Path) -> None:
    from mobiclass.library.sort_log import Entry, SortLog

    (tmp_path / "out" / "cat").mkdir(parents=True)
    with SortLog(tmp_path / "out") as log:
        log.write([Entry("folder", "cat"), Entry("move", "cat/one.jpg", str(photos / "a/one.jpg"))], sync=True)
    (tmp_path / "out" / "cat" / "one.jpg").hardlink_to(photos / "a/one.jpg")
    (problem,) = sort(tmp_path / "out", [row(photos / "a/one.jpg", "dog")], "move").problems
    assert problem[1].startswith("an earlier run was moving it to")
    assert sort(tmp_path / "out", [row(photos / "a/one.jpg")], "move").transferred == 1
    assert names(photos) == ["a/two.jpg", "b/three.jpg"]


@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_photos_that_are_in_their_folder_stay_there(mode: str, tmp_path: Path) -> None:
    inside = make_photo(tmp_path / "out" / "cat" / "one.jpg")
    outside = make_photo(tmp_path / "photos" / "one.jpg")
    (tmp_path / "alias").symlink_to(tmp_path / "out")
    summary = sort(tmp_path / "out", [row(inside), row(outside), row(tmp_path / "alias" / "cat" / "one.jpg")], mode)
    assert (summary.transferred, summary.present, summary.problems) == (1, 2, [])
    assert len(names(tmp_path / "out")) == 2
    assert inside.exists()


def test_photos_that_change_places_in_the_folder_are_moved_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = [row(make_photo(out / "cat" / "1.jpg"), "dog"), row(make_photo(out / "dog" / "1.jpg"), "cat")]
    before = tree(out)
    assert sort(out, rows, "move").transferred == 2
    after = tree(out)
    assert sort(out, rows, "move").present == 2
    assert tree(out) == after
    assert undo_sorting(out).problems == []
    assert tree(out) == before


def test_a_link_to_a_photo_is_not_moved_and_the_photo_behind_it_is_linked_and_copied(
    photos: Path, tmp_path: Path
) -> None:
    (photos / "link.jpg").symlink_to("a/one.jpg")
    content = (photos / "a/one.jpg").read_bytes()
    rows = [row(photos / "link.jpg")]
    for mode in ("copy", "link"):
        sort(tmp_path / mode, rows, mode)
        assert (tmp_path / mode / "cat" / "link.jpg").read_bytes() == content
        assert not (tmp_path / mode / "cat" / "link.jpg").is_symlink()
        assert sort(tmp_path / mode, rows, mode).present == 1
    (problem,) = sort(tmp_path / "move", rows, "move").problems
    assert problem[1].startswith("a symbolic link")
    assert (photos / "link.jpg").is_symlink()


def test_a_link_that_leads_to_the_photo_is_neither_its_copy_nor_its_new_place(photos: Path, tmp_path: Path) -> None:
    content = (photos / "a/one.jpg").read_bytes()
    (photos / "a/twin.jpg").hardlink_to(photos / "a/one.jpg")
    for mode in ("copy", "move"):
        out = tmp_path / mode
        (out / "cat").mkdir(parents=True)
        (out / "cat" / "one.jpg").symlink_to(photos / "a/one.jpg")
        assert sort(out, [row(photos / "a/one.jpg")], mode).transferred == 1
        (found,) = [path for path in (out / "cat").iterdir() if not path.is_symlink()]
        assert found.read_bytes() == content


def test_the_parent_of_a_linked_folder_is_where_the_system_finds_it(tmp_path: Path) -> None:
    right, wrong = make_photo(tmp_path / "other" / "1.jpg", b"right"), make_photo(tmp_path / "1.jpg", b"wrong")
    (tmp_path / "other" / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "other" / "deep")
    sort(tmp_path / "out", [row(f"{tmp_path}/link/../1.jpg"), row(right)], "move")
    assert (tmp_path / "out" / "cat" / "1.jpg").read_bytes() == b"right"
    assert wrong.exists()


def test_copied_first_and_moved_then(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg")]
    for mode in ("copy", "link", "move"):
        sort(tmp_path / "out", rows, mode)
    assert [name for name in names(tmp_path / "out") if name == "cat/one.jpg"]
    assert names(photos) == ["a/two.jpg", "b/three.jpg"]


HOSTILE = [
    "../../escape", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "c:", "CON", "nul.txt", "x" * 300, "\u202etxt.exe",
    "new\nline", "tab\t", "<script>", "trailing. ", " leading", "e\u0301", "\U0001f431", "~", ".hidden", "\x00zero",
]  # fmt: skip


@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_hostile_labels_stay_inside(mode: str, tmp_path: Path) -> None:
    inside = tmp_path / "deep" / "down" / "out"
    rows = [row(make_photo(tmp_path / "photos" / f"{number}.jpg"), label) for number, label in enumerate(HOSTILE)]
    summary = sort(inside, rows, mode)
    assert summary.problems == []
    assert len(names(inside)) == len(HOSTILE)
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "photos"}
    assert all(name.count("/") == 1 for name in names(inside))


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux's")
def test_hostile_file_names_stay_inside(tmp_path: Path) -> None:
    texts = [b"-rf", b"new\nline.jpg", b"\xff\xfe.jpg", "\u202egpj.exe".encode(), b"n" * 255, b"a:b?.jpg", b"%2e%2e"]
    photos = [make_photo(tmp_path / "photos" / os.fsdecode(text)) for text in texts]
    rows = []
    for photo in photos:
        found = row(photo)
        try:
            os.fspath(photo).encode()
        except UnicodeEncodeError:
            import base64

            found["path_base64"] = base64.b64encode(os.fsencode(photo)).decode()
        rows.append(found)
    assert sort(tmp_path / "out", rows, "move").problems == []
    assert len(names(tmp_path / "out")) == len(texts)
    assert undo_sorting(tmp_path / "out").problems == []
    assert sorted(os.fsencode(path.name) for path in (tmp_path / "photos").iterdir()) == sorted(texts)


def test_a_link_that_waits_in_the_folder_is_not_followed(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "cat").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match="not a folder of its own"):
        sort(tmp_path / "out", [row(photos / "a/one.jpg")])
    assert names(tmp_path / "elsewhere") == []


def test_what_a_killed_copy_has_left_is_deleted_by_the_next_run(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg")]
    sort(tmp_path / "out", rows)
    (tmp_path / "out" / "cat" / ".mobiclass-part-one.jpg").hardlink_to(tmp_path / "out" / "cat" / "one.jpg")
    assert sort(tmp_path / "out", rows).present == 1
    assert [path.name for path in (tmp_path / "out" / "cat").iterdir()] == ["one.jpg"]


@pytest.mark.skipif(other_file_system() is None, reason="NOT TESTED: there is no second file system at /dev/shm")
@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_another_file_system(mode: Any, photos: Path) -> None:
    before = tree(photos)
    other = other_file_system()
    assert other is not None
    out = other / f"mobiclass-sorted-{os.getpid()}"
    try:
        rows = [row(photos / "a/one.jpg"), row(photos / "a/two.jpg", "dog")]
        summary = sort(out, rows, mode)
        assert (summary.transferred, summary.problems) == (2, [])
        assert summary.symbolic == (2 if mode == "link" else 0)
        assert tree(out)["cat/one.jpg"] == before["a/one.jpg"]
        assert sort(out, rows, mode).present == 2
        if mode == "move":
            assert undo_sorting(out).transferred == 2
        assert tree(photos) == before
    finally:
        shutil.rmtree(out, ignore_errors=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """Mount a file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False
    ) if shutil.which("mount") else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("NOT TESTED: only root can mount a small file system to fill")
    yield folder
    subprocess.run(["umount", folder], check=False)


@pytest.mark.parametrize("mode", ["--copy", "--move"])
def test_a_full_disk_loses_nothing_and_the_rest_follows(mode: str, small_disk: Path, tmp_path: Path) -> None:
    rows = [row(make_photo(tmp_path / "photos" / f"{n}.jpg", bytes([n]) * 50_000)) for n in range(8)]
    before = digests(tmp_path / "photos")
    write_rows(tmp_path / "rows.jsonl", rows)
    done = run("results", "sort", "rows.jsonl", "--into", small_disk, mode, cwd=tmp_path)
    assert done.exit_code == 3
    assert "cannot be written (No space left on device); run the same command again" in done.stderr
    assert {*digests(tmp_path / "photos", small_disk)} == {*before}
    assert not list(small_disk.rglob(".mobiclass-part-*"))
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    assert run("results", "sort", "rows.jsonl", "--into", small_disk, mode, cwd=tmp_path).exit_code == 0
    assert digests(small_disk) == before


def test_a_second_mount_of_one_file_system(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    rows = [row(make_photo(small_disk / "photos" / "1.jpg"))]
    before = tree(small_disk / "photos")
    subprocess.run(["mount", "--bind", small_disk, tmp_path / "mount"], check=True)
    try:
        out = tmp_path / "mount" / "out"
        assert sort(out, rows, "move").problems == []
        assert names(small_disk) == ["out/cat/1.jpg"]
        assert undo_sorting(out).problems == []
        assert tree(small_disk / "photos") == before
    finally:
        subprocess.run(["umount", tmp_path / "mount"], check=False)


def test_a_folder_that_cannot_be_written(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    write_rows(tmp_path / "rows.jsonl", [row(photos / "a/one.jpg")])
    done = run("results", "sort", "rows.jsonl", "--into", "file", "--move", cwd=tmp_path)
    assert done.exit_code == 2
    assert "Directory 'file' is a file" in done.stderr
    (tmp_path / "file2").write_text("not a folder")
    done = run("results", "sort", "rows.jsonl", "--into", "file2/out", "--move", cwd=tmp_path)
    assert done.exit_code == 3
    assert "the folder cannot be made (Not a directory)" in done.stderr
    assert len(names(photos)) == 3


def test_photos_on_a_read_only_disk_are_not_there_twice(small_disk: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [row(make_photo(small_disk / f"{n}.jpg")) for n in range(3)])
    before = tree(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run("results", "sort", "rows.jsonl", "--into", "out", "--move", cwd=tmp_path)
    assert done.exit_code == 3
    assert "0.jpg: cannot be written (Read-only file system)" in done.stderr
    assert (tree(small_disk), names(tmp_path / "out")) == (before, [])


def test_a_read_only_target_loses_nothing(small_disk: Path, photos: Path, tmp_path: Path) -> None:
    before = tree(photos)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    write_rows(tmp_path / "rows.jsonl", [row(photos / "a/one.jpg")])
    done = run("results", "sort", "rows.jsonl", "--into", small_disk, "--move", cwd=tmp_path)
    assert done.exit_code == 3
    assert "Read-only file system" in done.stderr
    assert tree(photos) == before


def test_two_runs_on_one_folder_at_once(photos: Path, tmp_path: Path) -> None:
    from mobiclass.library.sort_log import SortLog

    (tmp_path / "out").mkdir()
    with SortLog(tmp_path / "out"), pytest.raises(SetupError, match="is working in it"):
        sort(tmp_path / "out", [row(photos / "a/one.jpg")])


def test_a_dry_run_prints_neither_what_is_there_nor_what_fails(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg"), row(photos / "gone.jpg"), row(photos / "a/two.jpg")]
    sort(tmp_path / "out", rows[:1])
    before, plan = tree(tmp_path), []
    summary = sort(tmp_path / "out", rows, tell=plan.append)
    assert plan == [f"{photos}/a/two.jpg -> {tmp_path}/out/cat/two.jpg"]
    assert (summary.present, len(summary.problems)) == (1, 1)
    assert tree(tmp_path) == before


def test_a_dry_run_says_what_it_would_do(photos: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [row("a/one.jpg"), row("a/two.jpg", **UNKNOWN)])
    done = run("results", "sort", "rows.jsonl", "--into", "out", "--root", photos, "--dry-run", cwd=tmp_path)
    assert done.exit_code == 0
    assert done.stdout == (f"{photos}/a/one.jpg -> out/cat/one.jpg\n{photos}/a/two.jpg -> out/unknown/two.jpg\n")
    assert not (tmp_path / "out").exists()


def test_problems_exit_with_4(photos: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [row("gone.jpg"), row(photos / "a/one.jpg")])
    done = run("results", "sort", "rows.jsonl", "--into", "out", cwd=tmp_path)
    assert done.exit_code == 4
    assert "gone.jpg: the photo cannot be read" in done.stderr
    assert "1 copied, 1 failed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--into", "out"], "give the rows"),
        (["rows.jsonl", "--into", "out", "--undo"], "--undo takes no ROWS"),
        (["rows.jsonl", "--into", "out", "--taxonomy", "x.csv"], "--taxonomy is for --by group"),
    ],
)
def test_impossible_options(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = run("results", "sort", *arguments, cwd=tmp_path)
    assert done.exit_code == 2
    assert message in done.stderr
