"""What people see of a batch: a bar on a terminal, a summary at the end."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from pathlib import Path

import pytest

from mobiclass.batch.engine import BatchSummary
from mobiclass.cli.terminal.progress import DownloadProgress, ProgressBar, summary_facts, summary_text
from tests.support.batch_runs import DECODE_SLOWLY, make_photos, patched, running, wait_until
from tests.support.journal_rows import make_row
from tests.support.program import COMMAND, run


class Terminal(io.StringIO):
    """A stderr that people look at."""

    def isatty(self) -> bool:
        return True


def summary(images: int, *, failed: int = 0) -> BatchSummary:
    batch = BatchSummary(seconds=2.0)
    for number in range(images):
        batch.add(make_row(f"{number}.jpg", error=number < failed), 0.1, reused=False)
    return batch


def last_frame(terminal: Terminal) -> str:
    return terminal.getvalue().rpartition("\r")[2]


class TestDownload:
    def test_shows_how_much_has_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        progress = DownloadProgress("birds", 4_000_000, quiet=False)
        progress.received(1_000_000)  # what an earlier run left
        progress._bar.mininterval = 0  # draw every time
        progress.received(3_000_000)
        frame = last_frame(terminal)
        assert frame.startswith("birds:  75%")
        assert "3.00M/4.00M" in frame
        progress.received(0)  # begun again
        assert last_frame(terminal).startswith("birds:   0%")
        progress.close()
        assert last_frame(terminal).strip() == ""

    def test_says_what_goes_wrong_beside_the_bar(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        progress = DownloadProgress("birds", 4_000_000, quiet=False)
        progress.received(1_000_000)
        progress.retrying("host is silent\x1b[2J", 0.5)
        assert last_frame(terminal).endswith("mobiclass: birds: host is silent\ufffd[2J; trying again in 0.5 s\n")
        progress.received(2_000_000)
        assert "birds:  50%" in last_frame(terminal)
        progress.close()

    def test_quiet_it_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        progress = DownloadProgress("birds", 4_000_000, quiet=True)
        progress.received(1_000_000)
        progress.retrying("host is silent", 0.5)
        progress.waiting()
        progress.close()
        assert terminal.getvalue() == ""


class TestBar:
    def test_shows_how_far_it_is_and_a_total_that_grows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        bar = ProgressBar(quiet=False)
        bar._bar.mininterval = 0  # draw every time
        bar.update(summary(1), 10, False)
        assert "listing" in last_frame(terminal)
        assert re.search(r"\b1/10\b", last_frame(terminal))
        bar.update(summary(2), 25, False)
        assert re.search(r"\b2/25\b", last_frame(terminal))
        assert "failed" not in terminal.getvalue()
        bar.update(summary(20, failed=3), 40, True)
        frame = last_frame(terminal)
        assert re.search(r"\b20/40\b", frame)
        assert "50%" in frame
        assert "3 failed" in frame
        assert " images/s" in frame
        assert "listing" not in frame
        bar.close()
        assert last_frame(terminal).strip() == ""

    @pytest.mark.parametrize("quiet", [True, False])
    def test_is_not_there_where_nobody_looks(self, quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        stream: io.StringIO = Terminal() if quiet else io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        bar = ProgressBar(quiet=quiet)
        bar.update(summary(3), 3, True)
        bar.close()
        assert stream.getvalue() == ""


class TestSummary:
    def test_says_all(self) -> None:
        batch = BatchSummary(seconds=4.0)
        for number in range(6):
            row = make_row(f"{number}.jpg")
            row["predictions"][0]["label"] = "cat" if number % 3 else "dog"
            batch.add(row, 0.01 * number, reused=number == 0)
        batch.add(make_row("x.jpg", error=True), 0.123, reused=False)
        for number in range(2):
            row = make_row(f"y{number}.jpg", error=True)
            row["error"]["kind"] = "not_found"
            batch.add(row, 0.0, reused=False)
        assert summary_text(batch).splitlines() == [
            "9 images in 4.0 s, 2.0 images/s",
            "  1 reused from an earlier run",
            "  3 could not be classified: 2 not_found, 1 truncated",
            "  slowest: x.jpg (123 ms)",
            "  most frequent:",
            "           4  cat",
            "           2  dog",
        ]
        assert summary_facts(batch) == {"images": "9", "time": "4.0 s", "speed": "2.0 images/s"}

    def test_says_no_more_than_there_is(self) -> None:
        assert summary_text(BatchSummary()) == "0 images in 0.0 s"
        assert summary_facts(BatchSummary()) == {"images": "0", "time": "0.0 s"}

    def test_names_the_five_most_frequent_labels(self) -> None:
        batch = BatchSummary(seconds=1.0)
        for number in range(8):
            for _ in range(8 - number):
                row = make_row("a.jpg")
                row["predictions"][0]["label"] = f"label {number}"
                batch.add(row, 0.1, reused=False)
        assert [line.split() for line in summary_text(batch).splitlines()[3:]] == [
            [str(8 - number), "label", str(number)] for number in range(5)
        ]

    def test_hostile_names_do_nothing_to_a_terminal(self) -> None:
        batch = BatchSummary()
        row = make_row("\x1b[2J\u202e.jpg")
        row["predictions"][0]["label"] = "\x1b]0;title\x07" + "x" * 500
        batch.add(row, 1.0, reused=False)
        text = summary_text(batch)
        assert all(character.isprintable() or character == "\n" for character in text)
        assert max(map(len, text.splitlines())) < 80


class Screen:
    """A terminal for the program's stderr, and all that was written to it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
        self.text = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while block := os.read(self._ours, 4096):
                self.text += block.decode("utf-8", "replace")
        except OSError:  # the other side is closed
            pass

    def close(self) -> None:
        os.close(self.theirs)
        self._reader.join(30)
        os.close(self._ours)


@pytest.fixture
def _photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    make_photos(tmp_path / "photos", 40)


@pytest.mark.usefixtures("_photos")
class TestProcess:
    def test_a_terminal_gets_a_bar_and_the_total_grows_with_the_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DECODE_SECONDS", "0.1")
        screen = Screen()
        try:
            with running(
                "batch", "-", "-o", "o.jsonl",
                command=patched(DECODE_SLOWLY), stdin=subprocess.PIPE, stderr=screen.theirs,
            ) as process:  # fmt: skip
                assert process.stdin is not None
                names = [f"photos/p{number:05}.jpg\n".encode() for number in range(40)]
                process.stdin.writelines(names[:10])
                process.stdin.write(b"gone.jpg\n")
                process.stdin.flush()
                wait_until(lambda: re.search(r"\b\d+/11\b.*1 failed", screen.text) is not None, "the first total")
                assert "listing" in screen.text
                process.stdin.writelines(names[10:])
                process.stdin.flush()
                wait_until(lambda: re.search(r"\b\d+/41\b", screen.text) is not None, "the total to grow")
                process.stdin.close()
                assert process.wait(60) == 4
        finally:
            screen.close()
        assert " images/s" in screen.text
        assert "41 images in " in screen.text.rpartition("\r\n  slowest")[0]

    def test_the_total_grows_while_no_row_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DECODE_SECONDS", "1000")
        screen = Screen()
        try:
            with running("batch", "photos", command=patched(DECODE_SLOWLY), stderr=screen.theirs):
                wait_until(lambda: re.search(r"\b0/40\b", screen.text) is not None, "the total")
        finally:
            screen.close()

    def test_a_quiet_terminal_stays_empty(self) -> None:
        screen = Screen()
        try:
            assert run("batch", "-q", "photos", "-o", "o.jsonl", command=_with_stderr(screen)).exit_code == 0
        finally:
            screen.close()
        assert screen.text == ""

    def test_a_pipe_gets_the_summary_alone(self) -> None:
        outcome = run("batch", "photos", "-o", "o.jsonl")
        assert outcome.exit_code == 0
        assert "\r" not in outcome.stderr
        assert re.fullmatch(
            r"40 images in \d+\.\d s, \d+\.\d images/s\n"
            r"  slowest: photos/p000\d\d\.jpg \(\d+ ms\)\n"
            r"  most frequent:\n +14  red\n +13  green\n +13  blue\n",
            outcome.stderr,
        )


def _with_stderr(screen: Screen) -> tuple[str, ...]:
    return ("sh", "-c", f'exec "$@" 2>{os.ttyname(screen.theirs)}', "sh", *COMMAND)
