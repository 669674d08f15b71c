"""Ctrl-C, SIGTERM and kill -9 in the middle of an evaluation: what was counted is shown, what was kept goes on."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.batch_runs import COLOURS, DECODE_SLOWLY, jpeg, lines_in, patched, read_rows, running, wait_until
from tests.support.program import run

ROWS = Path("rows.jsonl")
SIGNALS = [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("DECODE_SECONDS", "0.05")
    for colour in COLOURS:
        folder = tmp_path / "d" / colour
        folder.mkdir(parents=True)
        for number in range(100):
            (folder / f"{number}.jpg").write_bytes(jpeg(colour))


@pytest.mark.parametrize(("number", "exit_code"), SIGNALS)
def test_what_was_counted_is_shown_as_partial(number: int, exit_code: int) -> None:
    arguments = ("evaluate", "d", "--jobs", "2", "--predictions", ROWS, "--report", "page.html", "--format", "json")
    with running(*arguments, command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(ROWS) > 3, "some rows")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == exit_code
    result = json.loads(stdout)
    rows = read_rows(ROWS)
    assert result["partial"] is True
    assert 0 < result["images"] == len(rows) < 300
    assert result["top1"] == 1.0
    assert not Path("page.html").exists()
    lines = stderr.decode().splitlines()
    assert lines[-3:-1] == ["interrupted: the result covers the photos classified so far", "to resume:"]
    assert lines[-1].startswith("  mobiclass evaluate --resume d --jobs 2 --predictions rows.jsonl")
    assert not any("without images" in line for line in lines)
    done = run(*arguments, "--resume")
    assert (done.exit_code, json.loads(done.stdout)["images"]) == (0, 300)
    assert json.loads(done.stdout)["partial"] is False


def test_the_table_says_so_too() -> None:
    with running("evaluate", "d", "--predictions", ROWS, command=patched(DECODE_SLOWLY)) as process:
        wait_until(lambda: lines_in(ROWS) > 3, "some rows")
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    assert "PARTIAL: interrupted before the last photo" in stdout.decode()


def test_the_second_model_can_be_interrupted(monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    arguments = ("evaluate", "d", "--predictions", "rows.csv", "--against", str(colours), "--format", "json")
    monkeypatch.setenv("DECODE_SECONDS", "0.02")
    with running(*arguments, command=patched(DECODE_SLOWLY)) as process:
        wait_until(Path("rows.csv").exists, "the first model's rows")
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    result = json.loads(stdout)
    assert result["images"] == 300
    assert result["partial"] is True
    assert result["against"]["images"] == result["against"]["compared"] < 300


def test_a_kill_loses_no_row_and_one_goes_on_from_there() -> None:
    whole = json.loads(run("evaluate", "d", "--format", "json").stdout)
    for _ in range(2):
        before = lines_in(ROWS)
        resume = ("--resume",) if before else ()
        with running("evaluate", "d", "--predictions", ROWS, *resume, command=patched(DECODE_SLOWLY)) as process:
            wait_until(lambda before=before: lines_in(ROWS) > before + 20, "more rows")  # type: ignore[misc]
            process.kill()
            process.wait(60)
    done = run("evaluate", "d", "--predictions", ROWS, "--resume", "--format", "json")
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    for key in ("images", "errors", "top1", "top5", "classes", "confusion"):
        assert result[key] == whole[key]
    assert len(read_rows(ROWS)) == 300
