"""A batch that is killed, that is interrupted again and again, or that finds another one at work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.batch_runs import (
    COUNT_DECODED,
    DECODE_SLOWLY,
    colour_of,
    descendants,
    lines_in,
    make_photos,
    names_in,
    patched,
    paths_of,
    read_rows,
    running,
    wait_until,
)
from tests.support.program import Outcome, run

OUT = Path("o.jsonl")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("DECODED", str(tmp_path / "decoded.log"))
    monkeypatch.setenv("DECODE_SECONDS", "0.02")


def batch(*arguments: str | Path, **how: object) -> Outcome:
    return run("batch", *arguments, **how)  # type: ignore[arg-type]


class TestKilling:
    def test_five_times_and_a_resume_lose_nothing_and_double_nothing(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos", 400)
        (tmp_path / "photos" / "p00123.jpg").write_bytes(b"no photo")
        assert batch("photos", "-o", "whole.jsonl").exit_code == 4
        whole = read_rows(Path("whole.jsonl"))
        chance = random.Random(20)
        for kill in range(5):
            with running(
                "batch", "photos", "-o", OUT, "--resume", command=patched(COUNT_DECODED, DECODE_SLOWLY)
            ) as process:
                before = lines_in(OUT)
                wait_until(lambda before=before: lines_in(OUT) > before + 5, "some rows")
                time.sleep(chance.random() * 0.3)
                process.send_signal(signal.SIGKILL)
                assert process.wait(60) == -signal.SIGKILL
            done = paths_of(read_rows(OUT)) if OUT.read_bytes().endswith(b"\n") else None
            assert done is None or len(set(done)) > 5 * (kill + 1)
        begun = lines_in(tmp_path / "decoded.log")
        rows_before = lines_in(OUT)
        assert batch("photos", "-o", OUT, "--resume").exit_code == 4
        assert read_rows(OUT) == whole
        # Each kill cost at most what was under way in that moment, and the broken photo is tried every time.
        window = 8 * (os.cpu_count() or 1)
        assert begun <= rows_before + 5 * (window + 1)

    def test_while_the_results_are_put_in_order(self, tmp_path: Path) -> None:
        expected = [str(path.relative_to(tmp_path)) for path in make_photos(tmp_path / "photos", 60)]
        assert batch(*expected[30:], "-o", OUT).exit_code == 0
        die = "import os, signal; os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
        died = batch("photos", "-o", OUT, "--resume", command=patched(die))
        assert died.exit_code == -signal.SIGKILL
        assert sorted(paths_of(read_rows(OUT))) == expected
        assert batch("photos", "-o", OUT, "--resume").exit_code == 0
        assert paths_of(read_rows(OUT)) == expected
        assert names_in() == ["o.jsonl", "photos"]

    def test_a_resume_that_is_interrupted_is_resumed(self, tmp_path: Path) -> None:
        expected = [str(path.relative_to(tmp_path)) for path in make_photos(tmp_path / "photos", 200)]
        assert batch(*expected[100:150], "-o", OUT).exit_code == 0
        for _ in range(2):
            with running("batch", "photos", "-o", OUT, "--resume", command=patched(DECODE_SLOWLY)) as process:
                before = lines_in(OUT)
                wait_until(lambda before=before: lines_in(OUT) > before + 3, "some rows")
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 130
        assert len(set(paths_of(read_rows(OUT)))) == lines_in(OUT)
        assert batch("photos", "-o", OUT, "--resume").exit_code == 0
        rows = read_rows(OUT)
        assert paths_of(rows) == expected
        assert [row["predictions"][0]["label"] for row in rows] == [colour_of(number) for number in range(200)]


class TestTwoRuns:
    @pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
    def test_the_second_is_refused_until_the_first_is_dead(self, tmp_path: Path, name: str) -> None:
        make_photos(tmp_path / "photos", 3)
        journal = Path("o.jsonl" if name == "o.jsonl" else "o.csv.jsonl")
        with running("batch", "photos", "-", "-o", name, stdin=subprocess.PIPE) as first:
            wait_until(lambda: lines_in(journal) == 3, "the first run's rows")
            for how in ([], ["--resume"], ["--overwrite"]):
                second = batch("photos", "-o", name, *how)
                assert second.exit_code == 3
                assert "another run is writing these results" in second.stderr
            assert descendants(first.pid) == []
            assert len(read_rows(journal)) == 3
            first.send_signal(signal.SIGKILL)
            first.wait(60)
            assert batch("photos", "-o", name, "--resume").exit_code == 0
