"""Sorting that is killed: no photo is ever lost or changed, and the next run completes it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any, Final

import pytest

from mobiclass.library.folders import folder_of
from mobiclass.library.sorting import Sorter
from mobiclass.library.undoing import undo_sorting
from tests.support.program import environment
from tests.support.sorted_photos import digests, make_photo, other_file_system, row, tree, write_rows

PHOTOS: Final = 2000
FAR_PHOTOS: Final = 500  # each is synced
KILLS: Final = 20

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is POSIX's")
needs_second = pytest.mark.skipif(other_file_system() is None, reason="NOT TESTED: there is no second file system")
FAR: Final = pytest.param(True, marks=needs_second)
FAR_MOVE: Final = pytest.param("move", True, marks=needs_second)


@pytest.fixture
def out(is_far: bool, tmp_path: Path) -> Iterator[Path]:
    other = other_file_system()
    if not is_far or other is None:
        yield tmp_path / "out"
        return
    folder = other / f"mobiclass-killed-{os.getpid()}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mobiclass", "results", "sort", *arguments], cwd=folder, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _count(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _kill_when(is_time: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Kill a run as soon as it has come so far, wherever it is then; say whether it was still running."""
    while process.poll() is None and not is_time():
        sleep(0.004)
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("mode", "is_far"), [("copy", False), ("link", False), ("move", False), FAR_MOVE])
def test_killed_at_random_moments_it_loses_nothing_and_completes(
    mode: str, is_far: bool, out: Path, tmp_path: Path
) -> None:
    photos, count = tmp_path / "photos", FAR_PHOTOS if is_far else PHOTOS
    rows = [
        row(make_photo(photos / f"{number % 9}" / f"{number // 3}.jpg"), f"label {number % 5}")
        for number in range(count)
    ]
    before = tree(photos)
    everything = {digest for digest, _ in before.values()}
    write_rows(tmp_path / "rows.jsonl", rows)
    chance = random.Random(7)
    forward: list[str | Path] = ["rows.jsonl", "--into", out, f"--{mode}"]

    killed = 0
    for done in sorted(chance.sample(range(count), KILLS)):
        killed += _kill_when(lambda: _count(out) > done, _start(tmp_path, *forward))  # noqa: B023
        assert {*digests(photos, out)} == everything
    assert killed > KILLS // 2
    assert _start(tmp_path, *forward).wait() == 0
    assert digests(out) == sorted(everything)  # each is there once
    assert not list(out.rglob(".mobiclass-part-*"))
    assert tree(photos) == ({} if mode == "move" else before)
    if mode != "move":
        return

    killed = 0
    for left in sorted(chance.sample(range(count), KILLS), reverse=True):
        killed += _kill_when(lambda: _count(out) < left, _start(tmp_path, "--into", out, "--undo"))  # noqa: B023
        assert {*digests(photos, out)} == everything
    assert killed > KILLS // 2
    _start(tmp_path, "--into", out, "--undo").wait()
    assert tree(photos) == before
    assert _count(photos) == count
    assert list(out.iterdir()) == []


_STEPS: Final = {
    "open", "os.link", "os.symlink", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.utime", "os.chmod",
    "os.truncate", "fcntl.ioctl", "fcntl.flock",
}  # fmt: skip
"""What the interpreter announces before it does it."""


def _died_at_step(step: int, action: Callable[[], Any]) -> bool:
    """Do `action` in a child that dies before its file operation number `step`, and say whether it died."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which do nothing here
        child = os.fork()
    if child == 0:
        steps = 0

        def die(event: str, _: Any) -> None:
            nonlocal steps
            if event in _STEPS:
                steps += 1
                if steps == step:
                    os._exit(9)

        code = 1
        try:
            sys.addaudithook(die)
            action()
            code = 0
        finally:
            os._exit(code)  # whatever happened: this process is a copy of the tests
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.parametrize("is_far", [False, FAR])
@pytest.mark.parametrize("mode", ["copy", "link", "move"])
def test_dead_before_any_file_operation_it_loses_nothing_and_completes(mode: Any, out: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    names = ("a/1.jpg", "b/1.jpg", "a/2.jpg")  # two of one name

    def sort() -> Any:
        return Sorter(out, mode, folder_of("label")).run(lambda: rows)

    def undo() -> Any:
        return undo_sorting(out)

    def start_anew() -> list[dict[str, Any]]:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(photos, ignore_errors=True)
        return [row(make_photo(photos / name, name.encode())) for name in names]

    rows = start_anew()
    before = tree(photos)
    step = 1
    while _died_at_step(step, sort):
        assert {*digests(photos, out)} == {digest for digest, _ in before.values()}
        summary = sort()
        assert (summary.problems, summary.transferred + summary.present) == ([], 3)
        assert digests(out) == sorted(digest for digest, _ in before.values())
        assert not list(out.rglob(".mobiclass-part-*"))
        assert tree(photos) == ({} if mode == "move" else before)
        rows = start_anew()
        step += 1
    assert step > 10  # it was killed at each of these
    if mode != "move":
        return

    step = 1
    sort()
    while _died_at_step(step, undo):
        if (out / ".mobiclass-sort.jsonl").exists():
            assert undo().problems == []
        assert tree(photos) == before
        assert _count(photos) == 3
        assert list(out.iterdir()) == []
        rows = start_anew()
        sort()
        step += 1
    assert step > 10
