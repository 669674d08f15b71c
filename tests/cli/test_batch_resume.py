"""`mobiclass batch --resume`: what is done is not done again, and the result is an uninterrupted run's."""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path

import pytest

from mobiclass.results import json_line
from tests.conftest import MakeModel
from tests.support.batch_runs import COUNT_DECODED, Row, colour_of, jpeg, make_photos, patched, paths_of, read_rows
from tests.support.program import Outcome, run

OUT = Path("o.jsonl")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("DECODED", str(tmp_path / "decoded.log"))
    make_photos(tmp_path / "photos", 6)


def batch(*arguments: str | Path, exit_code: int = 0) -> tuple[list[str], Outcome]:
    """Run a batch, and give the numbers of the photos that it decoded."""
    log = Path("decoded.log")
    log.unlink(missing_ok=True)
    outcome = run("batch", "photos", *arguments, command=patched(COUNT_DECODED))
    assert outcome.exit_code == exit_code, outcome.stderr
    return sorted(Path(name).stem for name in (log.read_text().splitlines() if log.exists() else [])), outcome


def photo(name: int | str) -> Path:
    return Path("photos") / (f"p{name:05}.jpg" if isinstance(name, int) else name)


def replace(path: Path, colour: str, *, keep_time: bool) -> None:
    before = path.stat()
    path.write_bytes(jpeg(colour))
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def top(rows: list[Row]) -> list[str | None]:
    return [row["predictions"][0]["label"] if row["predictions"] else None for row in rows]


@pytest.fixture
def first_run() -> bytes:
    """Give the content of a whole run's output, which is there."""
    batch("-o", OUT)
    return OUT.read_bytes()


def test_what_is_done_is_not_done_again(first_run: bytes) -> None:
    replace(photo(1), "blue", keep_time=True)  # the size is the same too: who looked again would see it
    assert photo(1).stat().st_size == len(jpeg("green"))
    decoded, outcome = batch("-o", OUT, "--resume")
    assert decoded == []
    assert "6 reused from an earlier run" in outcome.stderr
    assert OUT.read_bytes() == first_run


def test_without_an_output_it_starts_afresh(first_run: bytes) -> None:
    OUT.unlink()
    decoded, _ = batch("-o", OUT, "--resume")
    assert len(decoded) == 6
    assert OUT.read_bytes() == first_run


@pytest.mark.parametrize("change", ["time", "size"])
def test_a_changed_photo_is_done_again(first_run: bytes, change: str) -> None:
    if change == "time":
        replace(photo(1), "blue", keep_time=False)
        os.utime(photo(1), ns=(0, 12345))
    else:
        before = photo(1).stat()
        photo(1).write_bytes(jpeg("blue", side=32))
        os.utime(photo(1), ns=(before.st_atime_ns, before.st_mtime_ns))
    decoded, _ = batch("-o", OUT, "--resume")
    assert decoded == ["p00001"]
    rows = read_rows(OUT)
    assert top(rows) == ["red", "blue", "blue", "red", "green", "blue"]
    assert paths_of(rows) == [str(photo(number)) for number in range(6)]


def test_a_changed_model_is_another(first_run: bytes, make_model: MakeModel) -> None:
    other = make_model(name="other", labels=("rouge", "vert", "bleu"))
    decoded, _ = batch("-o", OUT, "--resume", "-m", other)
    assert len(decoded) == 6
    assert top(read_rows(OUT)) == ["rouge", "vert", "bleu"] * 2


def test_failed_files_are_tried_again() -> None:
    good = photo(2).read_bytes()
    photo(2).write_bytes(b"no photo")
    photo(4).unlink()
    batch("-o", OUT, str(photo(4)), exit_code=4)
    assert top(read_rows(OUT)) == ["red", "green", None, "red", "blue", None]
    status = photo(2).stat()
    decoded, _ = batch("-o", OUT, "--resume", str(photo(4)), exit_code=4)
    assert decoded == ["p00002", "p00004"]
    photo(2).write_bytes(good)
    os.utime(photo(2), ns=(status.st_atime_ns, status.st_mtime_ns))
    photo(4).write_bytes(jpeg("green"))
    decoded, _ = batch("-o", OUT, "--resume")
    assert decoded == ["p00002", "p00004"]
    assert top(read_rows(OUT)) == [colour_of(number) for number in range(6)]


def test_new_and_deleted_files_come_and_go_in_the_order_of_the_list(first_run: bytes) -> None:
    photo("p00002b.jpg").write_bytes(jpeg("red"))
    photo("a.jpg").write_bytes(jpeg("blue"))
    photo(3).unlink()
    decoded, _ = batch("-o", OUT, "--resume")
    assert decoded == ["a", "p00002b"]
    resumed = OUT.read_bytes()
    batch("-o", OUT, "--overwrite")
    assert resumed == OUT.read_bytes()
    names = ["a", "p00000", "p00001", "p00002", "p00002b", "p00004", "p00005"]
    assert paths_of(read_rows(OUT)) == [f"photos/{name}.jpg" for name in names]


def test_a_torn_last_row_is_mended(first_run: bytes) -> None:
    last = first_run.rindex(b"\n", 0, -1) + 1
    for end in (last + 1, (last + len(first_run)) // 2, len(first_run) - 1):
        OUT.write_bytes(first_run[:end])
        decoded, _ = batch("-o", OUT, "--resume")
        assert decoded == ["p00005"]
        assert OUT.read_bytes() == first_run


def test_a_power_cuts_nulls_and_garbage_are_mended(first_run: bytes) -> None:
    lines = first_run.splitlines(keepends=True)
    OUT.write_bytes(lines[0] + b"\xff garbage\n" + b"".join(lines[2:4]) + bytes(9000))
    decoded, _ = batch("-o", OUT, "--resume")
    assert decoded == ["p00001", "p00004", "p00005"]
    assert OUT.read_bytes() == first_run


def test_a_file_that_is_no_journal_is_left_alone() -> None:
    OUT.write_text("my notes\n")
    decoded, outcome = batch("-o", OUT, "--resume", exit_code=3)
    assert "not results of mobiclass" in outcome.stderr
    assert (decoded, OUT.read_text()) == ([], "my notes\n")


def test_a_csv_run_goes_on_from_its_journal(first_run: bytes) -> None:
    batch("-o", "o.csv")
    whole = Path("o.csv").read_bytes()
    # What a run leaves that was killed before its end.
    Path("o.csv").unlink()
    lines = first_run.splitlines(keepends=True)
    Path("o.csv.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:50])
    decoded, _ = batch("-o", "o.csv", "--resume")
    assert decoded == ["p00003", "p00004", "p00005"]
    assert Path("o.csv").read_bytes() == whole
    replace(photo(0), "blue", keep_time=False)
    os.utime(photo(0), ns=(0, 12345))
    decoded, _ = batch("-o", "o.csv", "--resume")
    assert decoded == ["p00000"]
    with Path("o.csv").open(newline="") as file:
        assert [line["label"] for line in csv.DictReader(file) if line["rank"] == "1"][:2] == ["blue", "green"]


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="NOT TESTED: pyarrow is not installed")
def test_a_parquet_run_goes_on_from_its_journal(first_run: bytes) -> None:
    import pyarrow.parquet

    Path("o.parquet.jsonl").write_bytes(first_run[: len(first_run) // 2])
    decoded, _ = batch("-o", "o.parquet", "--resume")
    assert decoded == ["p00002", "p00003", "p00004", "p00005"] or decoded == ["p00003", "p00004", "p00005"]
    table = pyarrow.parquet.read_table("o.parquet").to_pylist()
    assert [line["label"] for line in table if line["rank"] == 1] == [colour_of(number) for number in range(6)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-k", "1"], ["--top-k: 5 in the first run, 1 now"]),
        (["--threshold", "0.99"], ["--threshold: 0.0 in the first run, 0.99 now"]),
        (["--allow-truncated"], ["--allow-truncated: off in the first run, on now"]),
        (["--timing"], ["--timing: off in the first run, on now"]),
        (["--labels", "labels.txt"], ["--labels: the default in the first run, a file now"]),
        (["--resize", "squash"], ["--resize: the default in the first run, squash now"]),
        (["--mean", "0"], ["--mean: the default in the first run, 0 now"]),
        (["--std", "255,255,128.5"], ["--std: the default in the first run, 255,255,128.5 now"]),
        (
            ["--mean", "0", "--std", "255"],
            ["--mean: the default in the first run, 0 now", "--std: the default in the first run, 255 now"],
        ),
    ],
)
def test_other_options_are_refused_and_named(first_run: bytes, options: list[str], told: list[str]) -> None:
    Path("labels.txt").write_text("rouge\nvert\nbleu\n")
    OUT.write_bytes(first_run + b'{"path": "torn')
    decoded, outcome = batch("-o", OUT, "--resume", *options, exit_code=2)
    assert decoded == []
    message, *details = outcome.stderr.splitlines()
    assert message.startswith("mobiclass: error: o.jsonl: its rows were made with another --")
    assert message.endswith("repeat the first run's options, or replace the rows with --overwrite")
    assert details == [f"  {line}" for line in told]
    assert OUT.read_bytes() == first_run + b'{"path": "torn'
    # The other way round too: what the first run had is found, but for values that nobody can guess.
    batch("-o", OUT, "--overwrite", *options)
    decoded, outcome = batch("-o", OUT, "--resume", exit_code=2)
    assert decoded == []
    if {"--labels", "--mean", "--std"} & {*options}:
        assert "  rows carry a digest of their options, which does not tell which of these differ:" in outcome.stderr
        assert "\n    --std (now the default)\n" in outcome.stderr
    else:
        option, _, values = told[0].partition(": ")
        then, now = values.removesuffix(" now").split(" in the first run, ")
        assert f"  {option}: {now} in the first run, {then} now\n" in outcome.stderr
    assert batch("-o", OUT, "--resume", *options)[0] == []


@pytest.mark.parametrize("output", ["o.csv", "o.parquet"])
def test_tables_are_not_mixed_either(output: str) -> None:
    if output == "o.parquet":
        pytest.importorskip("pyarrow")
    batch("-o", output, "-k", "2")
    before = Path(output).read_bytes()
    _, outcome = batch("-o", output, "--resume", exit_code=2)
    assert f"{output}.jsonl: its rows were made with another --top-k, and --resume would mix the two" in outcome.stderr
    assert "  --top-k: 2 in the first run, 5 now" in outcome.stderr
    assert Path(output).read_bytes() == before


def test_options_that_shape_no_row_may_differ(first_run: bytes) -> None:
    options = ("--jobs", "1", "--threads", "2", "--device", "cpu", "--device-timeout", "3", "--all-files", "-v")
    decoded, _ = batch("-o", OUT, "--resume", *options)
    assert decoded == []
    assert OUT.read_bytes() == first_run


def test_what_labels_say_counts_and_not_their_files_name() -> None:
    Path("a.txt").write_bytes(b"rouge\nvert\nbleu\n")
    Path("b.txt").write_bytes(b"rouge\r\nvert\r\nbleu\r\n")
    batch("-o", OUT, "--labels", "a.txt")
    assert batch("-o", OUT, "--resume", "--labels", "b.txt")[0] == []
    Path("a.txt").write_text("rouge\nvert\nazur\n")
    decoded, outcome = batch("-o", OUT, "--resume", "--labels", "a.txt", exit_code=2)
    assert decoded == []
    assert "    --labels (now a file)\n" in outcome.stderr


def test_rows_that_do_not_say_their_options_are_not_added_to(first_run: bytes) -> None:
    rows = read_rows(OUT)
    del rows[2]["options_sha256"]
    OUT.write_text("".join(map(json_line, rows)))
    _, outcome = batch("-o", OUT, "--resume", exit_code=2)
    assert "o.jsonl: its rows do not say which options they were made with" in outcome.stderr
    assert read_rows(OUT) == rows


def test_a_report_shows_kept_rows_too(first_run: bytes) -> None:
    photo("z.jpg").write_bytes(jpeg("red"))
    decoded, _ = batch("-o", OUT, "--resume", "--report", "r.html")
    assert decoded == ["z"]
    page = Path("r.html").read_text(encoding="utf-8")
    assert all(f"p{number:05}.jpg" in page for number in range(6))
    assert "z.jpg" in page


def test_both_flags_exclude_each_other(first_run: bytes) -> None:
    batch("-o", OUT, "--resume", "--overwrite", exit_code=2)
    assert OUT.read_bytes() == first_run
