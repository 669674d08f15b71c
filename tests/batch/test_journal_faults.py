"""The journal on a disk that fails, and with another run at work."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mobiclass.batch.journal import Journal
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import SetupError
from mobiclass.results import json_line
from tests.support.batch_runs import names_in, read_rows, wait_until
from tests.support.journal_rows import MODEL, journal, make_row, resume, write
from tests.support.program import environment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


class TestFailing:
    def test_a_file_that_may_not_grow_keeps_whole_rows(self, path: Path) -> None:
        line = len(json_line(make_row("00.jpg")))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with journal(path) as rows:
            resource.setrlimit(resource.RLIMIT_FSIZE, (line * 5 + line // 2, before[1]))
            try:
                with pytest.raises(SetupError, match=r"cannot be written \(File too large\).*--resume continues"):
                    for number in range(10):
                        rows.write(make_row(f"{number:02}.jpg"))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
                signal.signal(signal.SIGXFSZ, handler)
            assert len(read_rows(path)) == 5
            rows.write(make_row("05.jpg"))  # room was made: it goes on where it was
            assert [row["path"] for row in rows.rows()] == [f"{number:02}.jpg" for number in range(6)]

    def test_tidying_that_fails_leaves_all_rows(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        content = write(path, "b.jpg", "a.jpg")

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch, journal(path, resume=True) as rows:
            for name in ("a.jpg", "b.jpg"):
                rows.reuse(rows.finished_row(name, 10, 1, (MODEL,))[0])  # type: ignore[index]
            patch.setattr("os.replace", full)
            with pytest.raises(SetupError, match="No space left"):
                rows.finish()
        assert path.read_bytes() == content
        assert names_in(path.parent) == [path.name]

    def test_a_file_that_was_removed_is_missed(self, path: Path) -> None:
        with journal(path) as rows:
            rows.write(make_row("a.jpg"))
            path.unlink()
            with pytest.raises(SetupError, match=r"out\.jsonl: the file was removed while .* they are lost"):
                rows.finish()


HOLD = """
import sys, time
from pathlib import Path
from mobiclass.batch.journal import Journal
from mobiclass.batch.row_options import RowOptions
held = Journal(Path(sys.argv[1]), RowOptions(), resume=True)
print("held", flush=True)
time.sleep(100)
"""


class TestLocking:
    def test_one_run_at_a_time(self, path: Path) -> None:
        with journal(path) as rows:
            rows.write(make_row("a.jpg"))
            for how in ({}, {"resume": True}, {"overwrite": True}):
                with pytest.raises(SetupError, match=r"out\.jsonl: another run is writing these results"):
                    Journal(path, RowOptions(), **how)
            assert len(read_rows(path)) == 1
        assert resume(path, "a.jpg") == []

    def test_by_any_name(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "link.jsonl").symlink_to(path)
        with journal(path), pytest.raises(SetupError, match="another run"):
            Journal(tmp_path / "link.jsonl", RowOptions())

    def test_the_lock_survives_the_tidying(self, path: Path) -> None:
        write(path, "b.jpg", "a.jpg")
        with journal(path, resume=True) as rows:
            for name in ("a.jpg", "b.jpg"):
                rows.reuse(rows.finished_row(name, 10, 1, (MODEL,))[0])  # type: ignore[index]
            rows.finish()
            assert [row["path"] for row in rows.rows()] == ["a.jpg", "b.jpg"]
            with pytest.raises(SetupError, match="another run"):
                Journal(path, RowOptions(), resume=True)

    def test_a_failed_opening_gives_the_lock_up(self, path: Path) -> None:
        path.write_text("notes\n")
        with pytest.raises(SetupError, match="not results"):
            Journal(path, RowOptions(), resume=True)
        with journal(path, overwrite=True):
            pass

    def test_the_lock_dies_with_its_process(self, path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, env=environment()) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            with pytest.raises(SetupError, match="another run"):
                Journal(path, RowOptions())
            process.kill()
        with journal(path):
            pass

    def test_children_do_not_inherit_the_lock(self, path: Path) -> None:
        with journal(path):
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
        try:
            wait_until(lambda: child.poll() is None, "the child to run")
            with journal(path):
                pass
        finally:
            child.communicate(b"\n")
