"""Ctrl-C and SIGTERM: what is under way is finished, what was done is kept, and one is told how to resume."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.batch_runs import (
    DECODE_SLOWLY,
    jpeg,
    lines_in,
    make_photos,
    names_in,
    patched,
    paths_of,
    read_rows,
    running,
    wait_until,
)
from tests.support.program import COMMAND, run

OUT = Path("o.jsonl")
SIGNALS = [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("DECODE_SECONDS", "0.05")


@pytest.mark.parametrize(("number", "exit_code"), SIGNALS)
def test_what_is_under_way_is_written_and_the_rest_is_left(number: int, exit_code: int, tmp_path: Path) -> None:
    expected = [str(path.relative_to(tmp_path)) for path in make_photos(tmp_path / "photos", 300)]
    with running("batch", "photos", "-o", OUT, "--jobs", "2", command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(OUT) > 3, "some rows")
        process.send_signal(number)
        before = lines_in(OUT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == exit_code
    rows = read_rows(OUT)
    assert before <= len(rows) <= before + 40
    assert paths_of(rows) == expected[: len(rows)]
    assert all(row["error"] is None for row in rows)
    lines = stderr.decode().splitlines()
    assert lines[0].startswith(f"{len(rows)} images in ")
    assert lines[-2:] == ["interrupted; to resume:", "  mobiclass batch --resume photos -o o.jsonl --jobs 2"]
    assert run("batch", "photos", "-o", OUT, "--resume").exit_code == 0
    assert paths_of(read_rows(OUT)) == expected


def test_a_signal_that_comes_twice_at_once_is_one(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 300)
    with running("batch", "photos", "-o", OUT, command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(OUT) > 3, "some rows")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 143
    assert b"interrupted; to resume:" in stderr
    read_rows(OUT)


@pytest.mark.parametrize(("number", "exit_code"), SIGNALS)
def test_a_second_one_ends_it_at_once(
    number: int, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECODE_SECONDS", "1000")
    make_photos(tmp_path / "photos", 4)
    # The first row comes at once, as the photo is gone; the others take longer than anyone waits.
    slowly = "'gone' in os.fsdecode(source) or open('under-way', 'w').close() or time.sleep"
    with running(
        "batch", "gone.jpg", "photos", "-o", OUT, command=patched(DECODE_SLOWLY.replace("time.sleep", slowly))
    ) as process:
        wait_until(lambda: lines_in(OUT) == 1, "the first row")
        wait_until(Path("under-way").exists, "a photo to be under way, without which the first signal ends it")
        process.send_signal(number)
        time.sleep(1)  # sooner, it would be taken for the same signal
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(60) == exit_code
    assert paths_of(read_rows(OUT)) == ["gone.jpg"]


@pytest.mark.parametrize(("number", "exit_code"), SIGNALS)
def test_waiting_for_a_slow_list_ends_too(number: int, exit_code: int, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 2)
    with running("batch", "-", "-o", OUT, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(b"photos/p00000.jpg\nphotos/p000")
        process.stdin.flush()
        wait_until(lambda: lines_in(OUT) == 1, "the first row")
        process.send_signal(number)
        assert process.wait(60) == exit_code
        stderr = process.stderr.read().decode()
    assert stderr.startswith("1 images in ")
    assert stderr.endswith(
        "interrupted; to resume, with the same list on standard input:\n  mobiclass batch --resume - -o o.jsonl\n"
    )
    assert paths_of(read_rows(OUT)) == ["photos/p00000.jpg"]


@pytest.mark.parametrize(
    "folder",
    [b"my 'own' \"photos\"; exit 9 #", b"$(exit 9) `exit 9` $HOME *", b"new\nline", b"-dashed", b"\xff\\'\x1b[31m"],
)
def test_the_command_that_goes_on_can_be_pasted_into_a_shell(folder: bytes, tmp_path: Path) -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("NOT TESTED: there is no bash here")
    photos = Path(os.fsdecode(folder))
    photos.mkdir()
    for number in range(60):
        (photos / f"{number:02}.jpg").write_bytes(jpeg())
    output = photos / "o.jsonl"
    arguments = ("batch", "--overwrite", "-o", output, "--", folder)
    with running(*arguments, command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(output) > 0, "some rows")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130
    command = stderr.decode("utf-8").partition("interrupted; to resume:\n  ")[2]
    assert command.startswith("mobiclass batch --resume ")
    assert "\x1b" not in command
    done = run(
        "-c", f'mobiclass() {{ {shlex.join(COMMAND)} "$@"; }}\n{command}', command=(shell,), env={"HOME": "/nowhere"}
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "reused from an earlier run" in done.stderr
    assert lines_in(output) == 60


def test_an_interrupted_csv_run_leaves_no_csv(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 200)
    with running("batch", "photos", "-o", "o.csv", "--report", "r.html", command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(Path("o.csv.jsonl")) > 3, "some rows")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert names_in() == ["o.csv.jsonl", "photos"]
    assert run("batch", "photos", "-o", "o.csv", "--report", "r.html", "--resume").exit_code == 0
    assert names_in() == ["o.csv", "o.csv.jsonl", "photos", "r.html"]


def test_quietly_it_says_nothing(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 200)
    with running("batch", "-q", "photos", "-o", OUT, command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(OUT) > 3, "some rows")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, b"")
    assert len(read_rows(OUT)) < 200


def test_an_interrupted_array_on_stdout_is_whole(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 200)
    with running("batch", "photos", "--format", "json", command=patched(DECODE_SLOWLY)) as process:
        assert process.stdout is not None and process.stderr is not None
        content = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        content += process.stdout.read()
        assert process.wait(60) == 130
        assert b"to resume" not in process.stderr.read()
    assert 0 < len(json.loads(content)) < 200
