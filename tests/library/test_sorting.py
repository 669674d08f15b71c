"""Sorting photos into folders: what goes where, twice, after a crash, out of space, and back again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.folders import folder_of
from mobiclass.library.sorting import Sorter, SortSummary, undo_sorting
from tests.support.program import environment, run
from tests.support.sorted_photos import digests, failed, make_photo, row, tree, write_rows

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


def test_what_a_killed_copy_has_left_is_deleted_by_the_next_run(photos: Path, tmp_path: Path) -> None:
    rows = [row(photos / "a/one.jpg")]
    sort(tmp_path / "out", rows)
    (tmp_path / "out" / "cat" / ".mobiclass-part-one.jpg").hardlink_to(tmp_path / "out" / "cat" / "one.jpg")
    assert sort(tmp_path / "out", rows).present == 1
    assert [path.name for path in (tmp_path / "out" / "cat").iterdir()] == ["one.jpg"]


def test_going_back_needs_a_log(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nothing was sorted into it"):
        undo_sorting(tmp_path)


def test_copies_and_links_stay_when_what_was_moved_goes_back(photos: Path, tmp_path: Path) -> None:
    sort(tmp_path / "out", [row(photos / "a/one.jpg")], "copy")
    assert undo_sorting(tmp_path / "out").transferred == 0
    assert names(tmp_path / "out") == ["cat/one.jpg"]


def _start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mobiclass", "results", "sort", *arguments], cwd=folder, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("mode", ["--copy", "--link", "--move"])
def test_killed_at_any_point_it_loses_nothing_and_completes(mode: str, tmp_path: Path) -> None:
    rows = [
        row(make_photo(tmp_path / "photos" / f"{number % 9}" / f"{number // 3}.jpg"), f"label {number % 5}")
        for number in range(2000)
    ]
    before = tree(tmp_path / "photos")
    write_rows(tmp_path / "rows.jsonl", rows)
    delays = random.Random(7)
    for _ in range(20):
        process = _start(tmp_path, "rows.jsonl", "--into", "out", mode)
        sleep(0.25 + delays.random() * 0.35)
        process.kill()
        process.wait()
        everywhere = {digest for folder in ("photos", "out") for digest, _ in tree(tmp_path / folder).values()}
        assert everywhere >= {digest for digest, _ in before.values()}  # at every moment each photo is somewhere, whole
        assert everywhere <= {digest for digest, _ in before.values()}
    assert _start(tmp_path, "rows.jsonl", "--into", "out", mode).wait() == 0
    assert digests(tmp_path / "out") == sorted(digest for digest, _ in before.values())
    assert not list((tmp_path / "out").rglob(".mobiclass-part-*"))
    if mode == "--move":
        assert digests(tmp_path / "photos") == []
        for _ in range(5):
            process = _start(tmp_path, "--into", "out", "--undo")
            sleep(0.2 + delays.random() * 0.2)
            process.kill()
            process.wait()
        _start(tmp_path, "--into", "out", "--undo").wait()
        _start(tmp_path, "--into", "out", "--undo").wait()
    assert tree(tmp_path / "photos") == before


def _other_file_system() -> Path | None:
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and folder.stat().st_dev != Path(__file__).stat().st_dev else None


@pytest.mark.skipif(_other_file_system() is None, reason="NOT TESTED: there is no second file system at /dev/shm")
@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_another_file_system(mode: Any, photos: Path) -> None:
    before = tree(photos)
    other = _other_file_system()
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


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="NOT TESTED: needs root to mount read-only")
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
