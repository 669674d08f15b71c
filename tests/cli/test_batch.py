"""`mobiclass batch` as a process: what it takes, what it refuses, and what it writes where."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from tests.support.batch_runs import (
    Row,
    colour_of,
    jpeg,
    make_photos,
    names_in,
    patched,
    paths_of,
    read_rows,
    running,
    wait_until,
)
from tests.support.exif_blocks import SYDNEY, TAKEN, photo
from tests.support.program import Outcome, run

OUT = Path("o.jsonl")
WITHOUT_PYARROW = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
sys.modules["pyarrow"] = None
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Give six photos in photos/, as relative paths."""
    return [path.relative_to(tmp_path) for path in make_photos(tmp_path / "photos", 6)]


def batch(*arguments: str | Path | bytes, **how: object) -> Outcome:
    return run("batch", *arguments, **how)  # type: ignore[arg-type]


def labels(rows: list[Row]) -> list[str]:
    return [row["predictions"][0]["label"] for row in rows]


class TestRows:
    def test_are_those_of_predict(self, photos: list[Path], tmp_path: Path) -> None:
        (tmp_path / "photos" / "p00002.jpg").write_bytes(b"no photo")
        (tmp_path / "photos" / "p00004.jpg").write_bytes(jpeg()[:-80])
        alone = run("predict", "-k", "2", *photos, tmp_path / "gone.jpg")
        together = batch("-k", "2", "photos", tmp_path / "gone.jpg")
        assert (alone.exit_code, together.exit_code) == (4, 4)
        expected = [json.loads(line) for line in alone.stdout.splitlines()]
        rows = [json.loads(line) for line in together.stdout.splitlines()]
        assert len(rows) == 7
        for row in rows:
            assert len(row.pop("model_sha256")) == 64
            assert len(row.pop("options_sha256")) == 64
            for field in ("bytes", "mtime_ns"):
                assert row.pop(field) is not None or row["error"]["kind"] == "not_found"
        assert rows == expected

    @pytest.mark.parametrize("timing", [False, True])
    def test_say_what_a_resume_compares(self, photos: list[Path], timing: bool) -> None:
        assert batch("photos", "-o", "o.jsonl", *(["--timing"] if timing else [])).exit_code == 0
        rows = read_rows(OUT)
        assert paths_of(rows) == [str(path) for path in photos]
        assert labels(rows) == [colour_of(number) for number in range(6)]
        for row, path in zip(rows, photos, strict=True):
            assert (row["bytes"], row["mtime_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
            assert ("timing_ms" in row) is timing

    def test_any_number_of_jobs_gives_the_same_file(self, photos: list[Path]) -> None:
        for jobs in ("1", "5"):
            assert batch("photos", "-o", f"{jobs}.jsonl", "--jobs", jobs).exit_code == 0
        assert Path("1.jsonl").read_bytes() == Path("5.jsonl").read_bytes()
        assert len(read_rows(Path("1.jsonl"))) == 6

    def test_exit_code_4_says_that_some_failed(self, photos: list[Path]) -> None:
        outcome = batch("photos", "gone.jpg", "-o", "o.jsonl")
        assert outcome.exit_code == 4
        assert "1 could not be classified: 1 not_found" in outcome.stderr
        assert "7 images" in outcome.stderr
        assert read_rows(OUT)[-1]["error"]["kind"] == "not_found"

    def test_an_empty_folder_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert batch("empty", "-o", "o.csv").exit_code == 0
        assert Path("o.csv").read_text() == "path,rank,index,label,score,error\n"


class TestStdout:
    def test_jsonl_is_the_default_where_it_is_no_terminal(self, photos: list[Path]) -> None:
        outcome = batch("photos")
        assert [json.loads(line)["path"] for line in outcome.stdout.splitlines()] == [str(path) for path in photos]
        assert outcome.stdout == batch("photos", "--format", "jsonl").stdout

    def test_json_is_one_array(self, photos: list[Path]) -> None:
        rows = json.loads(batch("photos", "--format", "json").stdout)
        assert paths_of(rows) == [str(path) for path in photos]

    def test_csv_has_a_line_a_prediction(self, photos: list[Path]) -> None:
        lines = list(csv.DictReader(io.StringIO(batch("photos", "-k", "1", "--format", "csv").stdout)))
        assert [line["label"] for line in lines] == [colour_of(number) for number in range(6)]

    def test_table_has_the_paths(self, photos: list[Path]) -> None:
        lines = batch("photos", "-k", "1", "--format", "table").stdout.splitlines()
        assert lines[0] == str(photos[0])
        assert lines[1].split()[0] == "red"
        assert lines[3] == str(photos[1])

    def test_a_reader_that_leaves_ends_it_quietly(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "many", 600)
        with running("batch", "many") as process:
            assert process.stdout is not None and process.stderr is not None
            assert json.loads(process.stdout.readline())["path"] == "many/p00000.jpg"
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(60) == 141

    def test_a_full_device_is_an_error(self, photos: list[Path]) -> None:
        with Path("/dev/full").open("wb") as full:
            outcome = batch("photos", stdout=full)
        assert outcome.exit_code == 3
        assert outcome.stderr == "mobiclass: error: the results cannot be written: No space left on device\n"


class TestRefusing:
    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["--resume", "--overwrite", "-o", "o.jsonl"], "--resume and --overwrite exclude each other"),
            (["--resume"], "--resume needs an output file: add -o"),
            (["--overwrite"], "--overwrite needs an output file: add -o"),
            (["--report", "r.html"], "--report needs an output file: add -o"),
            (["-o", "o.txt"], "the suffix must be one of .jsonl, .csv, .parquet"),
            (["-o", "o"], "the suffix must be one of .jsonl, .csv, .parquet"),
            (["-o", "o.jsonl", "--format", "csv"], "--format is for stdout"),
            (["-o", "folder.jsonl"], "is a directory"),
            (["-o", "o.jsonl", "--report", "o.jsonl"], "--report and -o name the same file"),
            (["-o", "o.jsonl", "--report", "photos/../o.jsonl"], "--report and -o name the same file"),
            (["-o", "o.csv", "--report", "o.csv.jsonl"], "--report and -o name the same file"),
            (["-o", "o.jsonl", "--jobs", "0"], "--jobs"),
            (["-o", "o.jsonl", "-k", "0"], "--top-k"),
        ],
    )
    def test_impossible_options_are_usage_errors(
        self, photos: list[Path], tmp_path: Path, arguments: list[str], reason: str
    ) -> None:
        (tmp_path / "folder.jsonl").mkdir()
        before = names_in()
        outcome = batch("photos", *arguments)
        assert outcome.exit_code == 2
        assert reason in " ".join(outcome.stderr.split())
        assert (outcome.stdout, names_in()) == ("", before)

    def test_no_source_is_a_usage_error(self) -> None:
        assert batch("-o", "o.jsonl").exit_code == 2

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["-o", "gone/o.jsonl"], "gone/o.jsonl: the folder gone does not exist; create it first"),
            (["-o", "o.jsonl", "--report", "gone/r.html"], "gone/r.html: the folder gone does not exist"),
            (["-o", "photos/p00000.jpg/o.jsonl"], "the folder photos/p00000.jpg does not exist"),
            (["@gone.txt", "-o", "o.jsonl"], "gone.txt: the list of images cannot be read (No such file"),
            (["@photos/p00000.jpg", "-o", "o.jsonl"], "photos/p00000.jpg: not a list of paths"),
            (["@photos", "-o", "o.jsonl"], "photos: the list of images cannot be read (Is a directory)"),
            (["-m", "gone.tflite", "-o", "o.jsonl"], "gone.tflite"),
        ],
    )
    def test_a_setup_that_cannot_work_does_nothing(self, photos: list[Path], arguments: list[str], reason: str) -> None:
        before = names_in()
        outcome = batch("photos", *arguments)
        assert outcome.exit_code == 3
        assert outcome.stderr.startswith("mobiclass: error: ")
        assert reason in outcome.stderr
        assert outcome.stderr.count("\n") == 1
        assert names_in() == before

    def test_an_endless_list_is_refused_without_filling_the_memory(self, photos: list[Path]) -> None:
        for null in ([], ["-0"]):
            limited = ("sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", *patched())
            outcome = batch("photos", "@/dev/zero", *null, "-o", OUT, "--overwrite", "--jobs", "2", command=limited)
            assert outcome.exit_code == 3
            assert "/dev/zero: not a list of paths" in outcome.stderr
            assert len(read_rows(OUT)) == 6  # what came before is kept

    @pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
    def test_results_that_are_there_are_left_alone(self, photos: list[Path], name: str) -> None:
        assert batch("photos", "-o", name).exit_code == 0
        before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
        outcome = batch("photos", "-o", name)
        assert outcome.exit_code == 3
        assert "there are results already: --resume continues them, --overwrite replaces them" in outcome.stderr
        assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before

    @pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
    @pytest.mark.parametrize("setup", [["-m", "photos/p00000.jpg"], ["--labels", "gone.txt"], ["--device", "edgetpu"]])
    def test_overwriting_with_a_setup_that_fails_leaves_the_old_results(
        self, photos: list[Path], name: str, setup: list[str]
    ) -> None:
        assert batch("photos", "-o", name).exit_code == 0
        before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
        assert batch("photos", "-o", name, "--overwrite", *setup).exit_code == 3
        assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before

    def test_parquet_without_pyarrow_is_refused_at_once(self, photos: list[Path]) -> None:
        outcome = batch("photos", "-o", "o.parquet", command=patched(WITHOUT_PYARROW))
        assert outcome.exit_code == 3
        assert "pip install 'mobiclass[parquet]'" in outcome.stderr
        assert names_in() == ["photos"]


def test_overwriting_replaces_all(photos: list[Path]) -> None:
    assert batch("photos", "-o", "o.jsonl").exit_code == 0
    assert batch("photos/p00001.jpg", "-o", "o.jsonl", "--overwrite").exit_code == 0
    assert paths_of(read_rows(OUT)) == ["photos/p00001.jpg"]


def test_a_report_is_written_beside(photos: list[Path]) -> None:
    assert batch("photos", "-o", "o.csv", "--report", "r.html").exit_code == 0
    assert Path("r.html").read_text(encoding="utf-8").count("p00003.jpg") >= 1
    assert names_in() == ["o.csv", "o.csv.jsonl", "photos", "r.html"]


class TestQuiet:
    def test_nothing_but_results(self, photos: list[Path]) -> None:
        outcome = batch("-q", "photos", "gone.jpg")
        assert (outcome.exit_code, outcome.stderr) == (4, "")
        assert outcome.stdout.count("\n") == 7

    def test_but_what_ends_the_program(self, photos: list[Path]) -> None:
        outcome = batch("-q", "photos", "-m", "gone.tflite")
        assert outcome.exit_code == 3
        assert outcome.stderr.startswith("mobiclass: error: ")


class TestSources:
    def test_no_recursive_and_all_files(self, photos: list[Path], tmp_path: Path) -> None:
        make_photos(tmp_path / "photos" / "below", 1)
        (tmp_path / "photos" / "odd.data").write_bytes(jpeg("blue"))
        assert len(batch("photos").stdout.splitlines()) == 7
        assert len(batch("photos", "--no-recursive").stdout.splitlines()) == 6
        rows = [json.loads(line) for line in batch("photos", "--all-files").stdout.splitlines()]
        assert paths_of(rows)[0] == "photos/odd.data"
        assert len(rows) == 8

    def test_a_pattern(self, photos: list[Path]) -> None:
        rows = [json.loads(line) for line in batch("**/*[135].jpg").stdout.splitlines()]
        assert paths_of(rows) == ["photos/p00001.jpg", "photos/p00003.jpg", "photos/p00005.jpg"]

    def test_lists_in_files_and_on_standard_input(self, photos: list[Path], tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_bytes(b"photos/p00002.jpg\r\nphotos/p00000.jpg")
        rows = [json.loads(line) for line in batch("@list.txt", "-", stdin=b"photos/p00001.jpg\n").stdout.splitlines()]
        assert labels(rows) == ["blue", "red", "green"]

    def test_a_list_from_a_pipe_of_the_shell(self, photos: list[Path], tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with running("batch", "@pipe") as process:
            (tmp_path / "pipe").write_bytes(b"photos/p00002.jpg\n")
            out, _ = process.communicate(timeout=60)
        assert json.loads(out)["path"] == "photos/p00002.jpg"

    @pytest.mark.parametrize(
        "name",
        [b"new\nline.jpg", b"\xff\xfe.jpg", "\u202egpj.gnp.jpg".encode(), "🐈.jpg".encode(), b"-q.jpg", b'<img>&".jpg'],
    )
    def test_names_survive_into_the_results_and_back(self, tmp_path: Path, name: bytes) -> None:
        (tmp_path / "f").mkdir()
        path = b"f/" + name
        try:
            Path(os.fsdecode(path)).write_bytes(jpeg("blue"))
        except OSError:
            pytest.skip("NOT TESTED: this file system refuses such names")
        assert batch("f", "-o", "o.jsonl").exit_code == 0
        (row,) = read_rows(OUT)
        assert row["predictions"][0]["label"] == "blue"
        found = b64decode(row["path_base64"]) if "path_base64" in row else row["path"].encode()
        assert found == path
        again = batch("-0", "-", "-o", "o.jsonl", "--resume", stdin=found + b"\0")
        assert again.exit_code == 0
        assert "1 reused from an earlier run" in again.stderr
        assert read_rows(OUT) == [row]


class TestStreaming:
    def test_the_first_photo_is_classified_before_the_rest_is_listed(self, photos: list[Path], tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "list")  # the listing of the second source waits here
        with running("batch", "photos", "@list", "-o", "o.jsonl") as process:
            wait_until(lambda: OUT.exists() and len(read_rows(OUT)) == 6, "the first rows")
            assert process.poll() is None
            (tmp_path / "list").write_bytes(b"gone.jpg\n")
            assert process.wait(60) == 4
        assert len(read_rows(OUT)) == 7

    @pytest.mark.parametrize("output", [True, False])
    def test_a_row_is_out_while_the_run_waits_for_more(self, photos: list[Path], output: bool) -> None:
        arguments = ["-o", "o.jsonl"] if output else []
        with running("batch", "-", *arguments, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None and process.stdout is not None
            for number, path in enumerate(photos[:3]):
                process.stdin.write(f"{path}\n".encode())
                process.stdin.flush()
                if output:
                    wait_until(
                        lambda count=number + 1: OUT.exists() and len(read_rows(OUT)) == count,
                        f"row {number}",
                    )
                else:
                    assert json.loads(process.stdout.readline())["path"] == str(path)
                assert process.poll() is None
            process.stdin.close()
            assert process.wait(60) == 0


class TestWhatWasThereBefore:
    def test_a_report_never_replaces_what_is_no_page(self, photos: list[Path]) -> None:
        before = photos[0].read_bytes()
        outcome = batch("photos", "-o", OUT, "--report", photos[0])
        assert outcome.exit_code == 2
        assert "the suffix must be .html" in outcome.stderr
        assert photos[0].read_bytes() == before

    def test_a_report_is_replaced_only_on_request(self, photos: list[Path]) -> None:
        Path("page.html").write_text("mine")
        outcome = batch("photos", "-o", OUT, "--report", "page.html")
        assert (outcome.exit_code, Path("page.html").read_text()) == (3, "mine")
        assert "page.html: the report exists already" in outcome.stderr
        assert batch("photos", "-o", OUT, "--report", "page.html", "--overwrite").exit_code == 0
        assert "<title>" in Path("page.html").read_text(encoding="utf-8")

    def test_rows_of_an_archive_that_is_not_there_now_are_kept_aside(self, photos: list[Path]) -> None:
        assert batch("photos", "-o", OUT).exit_code == 0
        before = OUT.read_bytes()
        Path("unmounted").mkdir()
        outcome = batch("unmounted", "-o", OUT, "--resume")
        assert outcome.exit_code == 0
        assert "6 files of the earlier run are no longer among the sources" in outcome.stderr
        assert "no images found" in outcome.stderr
        assert Path("o.jsonl.bak").read_bytes() == before

    def test_a_model_whose_name_is_not_utf8(self, photos: list[Path], colours: Path) -> None:
        model = os.fsencode(Path.cwd()) + b"/m\xff.tflite"
        with open(model, "wb") as file:  # noqa: PTH123 - no Path holds this name
            file.write(colours.read_bytes())
        assert batch("photos", "-o", OUT, "-m", model).exit_code == 0
        assert {json.loads(line)["model"] for line in OUT.read_text(encoding="utf-8").splitlines()} == {"m\ufffd"}


# CSV for spreadsheets


def test_csv_for_spreadsheets_on_stdout_and_in_a_file() -> None:
    Path("=cmd.jpg").write_bytes(jpeg("red"))
    plain = batch("=cmd.jpg", "-k", "1", "--format", "csv").stdout
    marked = batch("=cmd.jpg", "-k", "1", "--format", "csv", "--csv-bom").stdout
    assert marked == "\ufeff" + plain.replace("=cmd", "'=cmd")
    batch("=cmd.jpg", "-k", "1", "-o", "o.csv", "--csv-bom")
    assert Path("o.csv").read_bytes() == marked.encode()
    batch("=cmd.jpg", "-k", "1", "-o", "o.csv", "--resume")
    assert Path("o.csv").read_bytes() == plain.encode()


@pytest.mark.parametrize("arguments", [(), ("--format", "jsonl"), ("-o", "o.jsonl"), ("-o", "o.parquet")])
def test_a_mark_without_csv_is_refused(arguments: tuple[str, ...]) -> None:
    outcome = batch("x.jpg", "--csv-bom", *arguments)
    assert (outcome.exit_code, "--csv-bom is for CSV" in outcome.stderr) == (2, True)


# What is passed over


def test_time_and_place_of_photos() -> None:
    Path("photos").mkdir()
    Path("photos/a.jpg").write_bytes(photo(TAKEN, SYDNEY))
    Path("photos/b.jpg").write_bytes(jpeg("red"))
    Path("photos/c.jpg").write_bytes(b"no image")
    assert batch("photos", "missing.jpg", "-o", OUT, "--exif").exit_code == 4
    first, *others = read_rows(OUT)
    assert first["captured"] == "2024-05-31T18:20:01.120+02:00"
    assert first["gps"] == {"latitude": -33.85875, "longitude": 151.2111806}
    assert [(row["captured"], row["gps"]) for row in others] == [(None, None)] * 3
    resumed = batch("photos", "missing.jpg", "-o", OUT, "--resume")
    assert resumed.exit_code == 2
    assert "--exif: on in the first run, off now" in resumed.stderr
    stdout = batch("photos", "--exif", "--format", "csv").stdout
    for text in (stdout, table_of("o.csv", "photos", "--exif")):
        line, *_ = csv.DictReader(io.StringIO(text))
        assert (line["captured"], line["latitude"]) == ("2024-05-31T18:20:01.120+02:00", "-33.85875")


def table_of(file: str, *arguments: str) -> str:
    batch(*arguments, "-o", file)
    return Path(file).read_text(encoding="utf-8")


def test_folders_of_systems_and_excluded_ones_are_passed_over() -> None:
    for name in ("a.jpg", "@eaDir/a.jpg/thumb.jpg", "#recycle/b.jpg", "raw/c.jpg", "d_thumb.jpg"):
        path = Path("nas", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg("red"))
    assert paths_in_csv(batch("nas", "--exclude", "raw", "--exclude", "*_thumb.*", "--format", "csv")) == ["nas/a.jpg"]
    assert paths_in_csv(batch("nas/@eaDir", "--format", "csv")) == ["nas/@eaDir/a.jpg/thumb.jpg"]
    outcome = batch("nas", "--exclude", "")
    assert (outcome.exit_code, "'' is no pattern of names" in outcome.stderr) == (2, True)


def test_a_list_of_windows_powershell_is_read() -> None:
    Path("a.jpg").write_bytes(jpeg("red"))
    Path("list.txt").write_bytes("\ufeffa.jpg\r\n".encode("utf-16-le"))
    assert paths_in_csv(batch("@list.txt", "--format", "csv")) == ["a.jpg"]
    Path("list.txt").write_bytes("a.jpg\r\n".encode("utf-16-le"))
    outcome = batch("@list.txt")
    assert (outcome.exit_code, "save it as UTF-8" in outcome.stderr) == (3, True)


def paths_in_csv(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(line["path"] for line in csv.DictReader(io.StringIO(outcome.stdout))))
